"""Who takes which job, and when."""

from processes import AT_ONCE_S, job_text

from spoolctl.spool import layout


def test_s01_one_winner(open_scene):
    """ "200 jobs, 8 workers over 2 mounts of the same share, all started together: every job has exactly one first
    attempt, none runs twice, none is missing; losers log no error."
    """
    scene = open_scene(
        sweep_s=2.0
    )  # a pass of eight sweepers each third of a second tells nothing here
    names = [f"night.{number:04d}" for number in range(200)]
    for name in names:
        scene.drop(name)
    second_way = scene.folder / "mounted-too"
    second_way.symlink_to(scene.root)
    workers = [
        scene.worker(f"w{number}", "--drain", root=second_way if number % 2 else None)
        for number in range(8)
    ]
    scene.wait_for_rest(names, 240, states=("finished",))
    assert [worker.ended() for worker in workers] == [0] * 8, scene.tell()
    assert {tuple(scene.verdicts(name)) for name in names} == {(("succeeded", None),)}
    began = [event["job"] for worker in workers for event in worker.events("claimed")]
    assert sorted(began) == names
    for worker in workers:
        events = worker.events()
        assert [e for e in events if "error" in e or "trouble" in e["event"]] == []
        assert worker.told() == ""
    scene.merge()
    scene.check(names)


def test_s02_class_order_and_fairness(scene):
    """ "While a worker is busy with batch jobs an interactive job arrives: it is the next that worker claims. Within a
    class a single worker without affinity takes jobs in name order; a retried job keeps its place."
    """
    names = [f"night.{number}" for number in range(1, 7)]
    for name in names:
        prompt, count = ("flaky" if name == "night.1" else "calm"), (8 if name == "night.2" else 1)
        scene.drop(name, job_text(prompt, count=count), "queue/batch")
    worker = scene.worker(
        "w1", seconds_per_image=0.5, fail="internal", fail_when_prompt="flaky", fail_times=1
    )
    scene.wait_for(lambda: scene.runs("night.2"), "the second batch job to run: for four seconds")
    scene.drop("urgent", folder="queue/interactive")
    scene.wait_for_rest([*names, "urgent"], states=("finished",))
    claimed = [event["job"] for event in worker.events("claimed")]
    assert claimed[:3] == ["night.1", "night.2", "urgent"]
    rest = claimed[3:]
    assert [one for one in rest if one != "night.1"] == names[2:]
    assert rest.index("night.1") < rest.index("night.5"), "a retried job went to the end"


def test_s11_instant_completion(scene):
    """ "The backend is done before the first progress poll: the job is done in under 2 s, not at a timeout." """
    worker = scene.worker("w1", progress="false")
    scene.wait_for(lambda: worker.events("worker.started"), "the worker")
    scene.drop("portrait", folder="queue/interactive")
    scene.wait_for(lambda: scene.state("portrait") == "finished", "an instant job")
    [manifest] = scene.manifests("portrait").values()
    assert manifest.duration_s < AT_ONCE_S


def test_s26_two_controllers_without_locks(scene):
    """ "Both believe that they are alone (locks off): merging all night, the corpus has every record once and no torn line." """
    names = [f"night.{number:02d}" for number in range(40)]
    for name in names:
        scene.drop(name, job_text(f"prompt of {name}", count=2))
    controllers = [scene.controller("--no-lock", name=f"controller{n}") for n in (1, 2)]
    workers = [scene.worker(f"w{n}", "--drain") for n in (1, 2)]
    scene.wait_for_rest(names, 240, states=("done",))
    scene.wait_for(lambda: len(scene.corpus()) == 80, "80 lines in the corpus")
    scene.check(names)
    merged = [{event["job"] for event in one.events("merged")} for one in controllers]
    assert all(merged), "one of the two did nothing, so nothing was shown"
    assert [worker.ended() for worker in workers] == [0, 0]
    assert [controller.stop() for controller in controllers] == [0, 0]
    assert [p.name for p in (scene.root / layout.NODES).glob("controller-*")] == []
    scene.check(names)
