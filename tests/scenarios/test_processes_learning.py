"""Learning runs, from a plan to what ratings of their images would recommend."""

import json
import sys
from collections import Counter
from pathlib import Path

import yaml
from processes import snapshot

from spoolctl.spool import GroupResult, decode, layout

sys.path.insert(0, str(Path(__file__).parents[1] / "stablenew"))
from recommending import recommend
from stablenew_rules import readable_by_stablenew

GONE, DONE = ("lost", "process_gone"), ("succeeded", None)
PROMPT = "a harbour, fog"
NAME = "guidance"
RESULT = f"groups/{NAME}/result.json"


def submit(scene, values, *, seeds=1):
    """A StableNew LearningPlan of these values, each with so many seeds; the jobs' names in the order of the plan."""
    sweep = {
        "mode": "single_variable_sweep", "stage": "txt2img", "target_variable": "CFG Scale", "sweep_values": values,
        "images_per_step": 1, "metadata": {"experiment_name": "how much guidance"},
    }  # fmt: skip
    stage = {"stage": "txt2img", "prompt": PROMPT, "steps": 20, "width": 64, "height": 64}
    plan = {
        "schema": "spool.plan/1", "name": NAME, "learning": "sweep.json", "seeds": {"from": 1000, "count": seeds},
        "base": {"workload": {"kind": "image", "stages": [stage]}},
    }  # fmt: skip
    (scene.folder / "sweep.json").write_text(json.dumps(sweep))
    (scene.folder / "plan.yaml").write_text(yaml.safe_dump(plan))
    said = scene.ctl("submit", str(scene.folder / "plan.yaml"), "--name", NAME, "--json")
    return [one["job"] for one in json.loads(said)["jobs"]]


def result_of(scene):
    return decode(GroupResult, (scene.root / RESULT).read_bytes())


def corpus_data(scene):
    """The compiled corpus, once a reader to StableNew's rules has read it without complaint."""
    data = (scene.root / layout.LEARNING_RECORDS).read_bytes()
    readable_by_stablenew(data.splitlines(keepends=True))
    return data


def check_result(scene, names, values):
    """The group's result tells all jobs in the order of their plan, the attempt that won each, and the learning run's steps."""
    result = result_of(scene)
    assert [one.name for one in result.jobs] == names
    for one in result.jobs:
        won = scene.manifests(one.name)[one.attempt]
        assert (one.state, won.succeeded) == ("succeeded", True)
        assert [f"{layout.results(one.name)}/{made.path}" for made in won.images] == [
            image.path for image in one.images
        ]
    assert (result.counts, result.images) == ({"succeeded": len(names)}, len(names))
    run = result.learning_run
    tried = Counter(image.value for one in result.jobs for image in one.images)
    assert tried == dict.fromkeys(values, len(names) // len(values))
    assert [(one["index"], one["variable"]) for one in run["steps"]] == [
        (index, "CFG Scale") for index in range(len(values))
    ]
    of_value = {
        value: [one.name for one in result.jobs if one.images[0].value == value] for value in tried
    }
    assert {one["value"]: one["jobs"] for one in run["steps"]} == of_value
    assert [one["value"] for one in run["steps"]] == list(dict.fromkeys(tried))
    assert [one["job"] for one in run["artifacts"]] == names
    assert run["plan"] == json.loads((scene.folder / "sweep.json").read_text())
    assert run["summary"] == {
        "steps": len(values), "images": len(names), "jobs": len(names), "failed": [],
    }  # fmt: skip


def test_s18_learning_run(scene):
    """ "Six steps on three workers, one failing once: the group's result lists six in plan order with the attempt that won;
    the corpus has exactly one record per image, readable by StableNew; the controller killed between append and rename,
    then rescanned ten times, adds none."
    """
    values = [4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    names = submit(scene, values)
    failing = scene.worker("w3", seconds_per_image=0.3, fail="internal", fail_times=1)
    scene.wait_for(lambda: failing.events("claimed"), "the worker that fails its first job")
    for name in ("w1", "w2"):
        scene.worker(name, seconds_per_image=0.3)
    scene.wait_for_rest(names, states=("finished",))
    verdicts = Counter(tuple(scene.verdicts(name)) for name in names)
    assert verdicts == {(DONE,): 5, (("failed", "internal"), DONE): 1}

    killed = scene.controller(dies_at="rename:done/*:3")
    assert killed.ended() == -9
    appended = snapshot(scene.root / "corpus/parts")
    done = scene.states()["done"]
    assert 0 < done < len(appended) == done + 1, "it did not die between append and rename"
    for _ in range(10):
        scene.merge()  # each a life of its own
    parts = snapshot(scene.root / "corpus/parts")
    assert parts.items() > appended.items()
    scene.check(names)
    assert len(parts) == len(corpus_data(scene).splitlines()) == 6
    check_result(scene, names, values)
    assert sorted(one.attempt for one in result_of(scene).jobs) == [1, 1, 1, 1, 1, 2]


DEATHS = {
    "link:corpus/parts/*:9": "before a job's part",
    "rename:done/*:9": "between a job's part and its rename",
    "rename:corpus/learning_records.jsonl": "between a corpus and its index of parts",
    "sql:INSERT INTO ledgers*": "in the middle of a transaction of this machine's index",
}
"""Where controllers die while the run goes on, one after the other."""
LAST_DEATHS = {
    f"rename:{RESULT}": "before the group's result",
    "sql:INSERT OR REPLACE INTO told*": "between the group's result and the note of it",
}
"""And when all jobs have ended."""


def kill_at_work(scene, worker):
    """Kill a worker that has a job in work; the job's name."""

    def stands_in_a_job():
        worker.freeze()
        claimed = worker.events("claimed")[-1]
        job, number = claimed["job"], claimed["attempt"]
        if scene.runs(job, number) and scene.manifests(job)[number] is None:
            return job
        worker.thaw()
        return None

    job = scene.wait_for(stands_in_a_job, f"{worker.name} to stand still in a job")
    worker.kill()
    return job


def test_sixty_jobs_on_three_workers_of_which_two_die_and_a_controller_that_dies_everywhere(scene):
    """One worker is killed at work, the other between a verdict and its record's move. Every job is committed once, every image has
    its record once, the group its result; and ratings change what is recommended.
    """
    values = [4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    names = submit(scene, values, seeds=10)
    assert len(names) == 60
    first = scene.worker("w1", seconds_per_image=0.2)
    second = scene.worker("w2", dies_at="rename:finished/*:8", seconds_per_image=0.1)
    scene.worker("w3", seconds_per_image=0.1)
    scene.wait_for(lambda: len(first.events("claimed")) > 4, "w1 to be in the midst of it")
    lost = kill_at_work(scene, first)
    assert second.ended() == -9
    committed = second.events("verdict.won")[-1]["job"]
    for point, what in DEATHS.items():
        assert scene.controller(dies_at=point).ended() == -9, what
    scene.wait_for_rest(names, 120, states=("finished", "done"))
    for point, what in LAST_DEATHS.items():
        assert scene.controller(dies_at=point).ended() == -9, what
    controller = scene.controller()
    waited = scene.ctl("group", "wait", NAME, "--for", "60")
    assert "60" in waited

    scene.wait_for_rest(names, states=("done",))
    scene.wait_for(lambda: len(scene.corpus()) == len(names), "the corpus")
    scene.wait_for((scene.root / RESULT).exists, "the group's result")
    scene.check(names)
    assert "w1" in [one.worker for one in scene.manifests(lost).values()][:-1]
    *_, last = scene.manifests(committed).values()  # it may have taken what w1 had lost
    assert (last.worker, last.succeeded) == ("w2", True), (
        "a verdict stands, whoever moves its record"
    )
    for name in names:  # w2 had claimed another while it brought the last one's record away
        verdicts = scene.verdicts(name)
        dead = [one.worker for one in scene.manifests(name).values()][:-1]
        assert verdicts == [GONE] * len(dead) + [DONE]
        assert set(dead) <= {"w1", "w2"}
    check_result(scene, names, values)
    made = {name: scene.images(name, len(scene.verdicts(name))) for name in names}
    told = {one["metadata"]["spool_job"]: one["metadata"]["image_path"] for one in scene.corpus()}
    assert all(told[name].endswith(image) for name in names for image in made[name])
    found = json.loads(scene.ctl("results", "--group", NAME, "--order", "plan", "--json"))
    assert [one["path"] for one in found["images"]] == [told[name] for name in names]
    check_ratings(scene, controller)


def check_ratings(scene, controller):
    """Words given on the command line come into the corpus and change what it recommends."""
    by_value = {one["value"]: one["jobs"] for one in result_of(scene).learning_run["steps"]}
    assert recommend(corpus_data(scene), PROMPT).tier == "no_evidence"

    def say(*rounds):
        for value, count, word in rounds:
            scene.ctl("rate", *by_value[value][:count], word)

    def best():
        said = recommend(corpus_data(scene), PROMPT)
        return said.tier, said.best["cfg_scale"].value if said.best else None

    say((4.0, 1, "2"), (7.0, 2, "5"), (9.0, 1, "3"))
    scene.wait_for(lambda: best() == ("experiment_strong", 7.0), "the ratings to count")
    say((7.0, 2, "clear"), (9.0, 3, "5"))
    scene.wait_for(lambda: best() == ("experiment_strong", 9.0), "what was said anew to count")
    scene.wait_for(lambda: len(scene.corpus()) == 60 + 1 + 3, "the last word to be there")
    assert ": 0 bad lines" in scene.ctl("corpus", "check")
    assert controller.stop() == 0
