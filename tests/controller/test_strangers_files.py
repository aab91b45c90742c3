"""A person's own file under a job's name, where jobs rest: it is never replaced, merged or pruned, and the job goes on."""

import pytest

from spoolctl.spool import Code, Reason, all_records, decode, layout, prune_job
from tests.spool.spool_world import JOB, World

DAY = "2026-03-27"
THEIRS = b"what is this"
EDITED = JOB.replace(b"a lighthouse", b"two lighthouses")


@pytest.fixture
def world():
    return World()


def committed(world, name="a"):
    world.drop(name)
    assert world.worker().work() == 1


def rejected(world):
    return [data for path, data in world.share.tree().items() if path.startswith("rejected/")]


@pytest.mark.parametrize("name", ["a.yaml", "a~1.yaml", "0+A~7.yml"])
def test_a_file_in_finished_is_set_aside_with_a_reason_and_the_job_is_merged(world, name):
    """It was moved to ``done/`` as the job's record, which then replaced it."""
    world.share.put(f"finished/{name}", THEIRS)
    committed(world)
    scanner = world.controller()
    for _ in range(2):
        scanner.scan()

    assert rejected(world).count(THEIRS) == 1
    assert len(world.corpus("a")) == 1
    assert [p.rpartition("/")[0] for p in world.places("a")] == [f"done/{DAY}"]


@pytest.mark.parametrize(
    ("folder", "fail"), [(f"done/{DAY}", None), (f"failed/{DAY}", Code.BAD_JOB)]
)
def test_a_file_that_has_the_records_place_at_rest_stays_and_the_record_lies_beside_it(
    world, folder, fail
):
    """A rename replaces; nothing looked at what it replaced."""
    world.share.put(f"{folder}/a~1.yaml", THEIRS)
    world.drop("a")
    world.worker().work(fail=fail)
    scanner = world.controller()
    for _ in range(3):
        world.turn(60)
        scanner.scan()

    tree = world.share.tree()
    assert tree[f"{folder}/a~1.yaml"] == THEIRS
    assert tree[f"{folder}/a~1~1.yaml"] == JOB
    assert world.verdicts("a") == ["failed" if fail else "succeeded"]
    assert world.names() == {"a"}


@pytest.mark.parametrize("theirs", [None, b"x" * (2 << 20)], ids=["a folder", "two megabytes"])
def test_something_that_no_record_can_be_has_the_records_place(world, theirs):
    world.share.put(f"done/{DAY}/a~1.yaml", theirs)
    committed(world)
    scanner = world.controller()
    for _ in range(3):
        world.turn(60)
        scanner.scan()

    tree = world.share.tree()
    assert tree[f"done/{DAY}/a~1.yaml"] == theirs
    assert tree[f"done/{DAY}/a~1~1.yaml"] == JOB
    assert len(world.corpus("a")) == 1


def test_a_record_that_was_edited_in_finished_is_kept_aside_and_the_commit_is_merged_as_it_ran(
    world,
):
    """Setting the edited file aside alone would leave a commit without a record, which no merge ever finds."""
    committed(world)
    (path,) = world.places("a")
    world.share.put(path, EDITED)
    scanner = world.controller()
    for _ in range(2):
        world.turn(60)
        scanner.scan()

    assert EDITED in rejected(world)
    assert world.state("a") == f"done/{DAY}"
    assert world.share.tree()[world.places("a")[0]] == JOB
    world.check_ended("a")


def test_what_is_set_aside_brings_no_second_record_while_the_jobs_own_lies_elsewhere(world):
    committed(world)
    (path,) = world.places("a")
    world.share.rename(path, "held/a~1.yaml")
    world.share.put("finished/a.yaml", THEIRS)

    world.controller()._merge_finished(_Nothing())

    assert world.places("a") == ["held/a~1.yaml"]
    assert THEIRS in rejected(world)


class _Nothing:
    merged = 0


def test_retention_removes_the_job_and_not_a_persons_file_of_that_name(world):
    committed(world)
    scanner = world.controller()
    scanner.scan()
    world.share.put(f"done/{DAY}/0+a.yaml", THEIRS)

    for _ in range(3):
        for path in world.places("a"):
            location = next(x for x in all_records(world.person()) if x.path == path)
            prune_job(world.actor("controller-d"), location)

    assert world.places("a") == []
    assert THEIRS in rejected(world)
    assert layout.tombstone("a") in world.share.tree()


def test_the_reason_says_that_the_name_was_seen_before(world):
    world.share.put("finished/a.yaml", THEIRS)
    committed(world)
    world.controller().scan()

    reasons = [d for p, d in world.share.tree().items() if p.endswith(layout.REASON_SUFFIX)]
    assert len(reasons) == 1
    assert b"was seen before" in reasons[0]
    assert decode(Reason, reasons[0]).was_in == "finished"
