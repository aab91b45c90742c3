"""Which worker takes which job: reserved ones, requirements with their reasons, walls of jobs that nobody here can run."""

import json

from processes import job_text


def test_s03_reserved_node(scene):
    """ "A is reserved for interactive work, B is not, 50 batch jobs wait: A takes none (until the configured idle time),
    and an interactive job starts on A within 5 s."
    """
    reserved = scene.worker(
        "a", seconds_per_image=0.2, variables={"SPOOLWORKER_RESERVED_FOR": "interactive"}
    )
    other = scene.worker("b", seconds_per_image=0.2)
    scene.wait_for(
        lambda: reserved.events("worker.started") and other.events("worker.started"), "both"
    )
    names = [f"night.{number:02d}" for number in range(50)]
    for name in names:
        scene.drop(name, folder="queue/batch")
    scene.wait_for(lambda: len(other.events("claimed")) >= 3, "b to take three")
    scene.drop("urgent", job_text(requires={"tags": []}), "queue/interactive")
    # On a or on b, whichever is free: with a kept free it begins at once, whatever b does.
    scene.wait_for(lambda: scene.manifests("urgent").get(1), "the interactive job")
    scene.wait_for_rest([*names, "urgent"], states=("finished",))
    assert {event["job"] for event in reserved.events("claimed")} <= {"urgent"}
    assert len(other.events("claimed")) >= 50


def test_s03_a_reserved_node_helps_after_its_idle_time(scene):
    late = {"SPOOLWORKER_RESERVED_FOR": "interactive", "SPOOLWORKER_RESERVED_UNTIL_IDLE_S": "0.5"}
    worker = scene.worker("a", variables=late)
    scene.drop("night.1", folder="queue/batch")
    scene.wait_for_rest(["night.1"], states=("finished",))
    assert [event["job"] for event in worker.events("claimed")] == ["night.1"]


def test_s04_requirements_with_reasons(scene):
    """ "A job needs 24 GB and model M; workers have 8 GB, and 24 GB without M: neither claims it, and `spoolctl explain`
    names "A: 8 of 24 GB", "B: model M missing"; when B gets M, B claims it without resubmission." Here M is a tag.
    """
    first = scene.worker("a", "--vram-gb", "8", "--tag", "m")
    second = scene.worker("b", "--vram-gb", "24")
    scene.wait_for(
        lambda: first.events("worker.started") and second.events("worker.started"), "both"
    )
    scene.drop("large", job_text(requires={"vram_gb": 24, "tags": ["m"]}))
    scene.wait_for(lambda: first.events("misfit") and second.events("misfit"), "both to look at it")
    told = json.loads(scene.ctl("explain", "large", "--json"))
    answers = {one["worker"]: (one["cannot"], one["lacks_gb"]) for one in told["workers"]}
    assert answers == {"a": (["8 of 24 GB"], 16.0), "b": (["tag m missing"], None)}
    assert scene.state("large") == "queue"
    assert second.stop() == 0
    again = scene.worker("b", "--vram-gb", "24", "--tag", "m")
    scene.wait_for_rest(["large"], states=("finished",))
    assert [event["job"] for event in again.events("claimed")] == ["large"]


def test_s05_unmatchable_wall(scene):
    """ "500 jobs nobody here can run stand before one that this worker can: it is claimed within one scan."

    A scan of so many goes over several looks of a bounded number each, one right after the other.
    """
    for number in range(500):
        scene.drop(f"a.{number:03d}", job_text(requires={"tags": ["nowhere"]}))
    scene.drop("b")
    scene.worker("w1")
    scene.wait_for_rest(["b"], states=("finished",))
