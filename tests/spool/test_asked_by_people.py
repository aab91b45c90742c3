"""What commands answer when a record is odd or moves just then: each story is one that a person met."""

from pathlib import Path

import pytest

from spoolctl.spool import (
    Code,
    Location,
    StateForbids,
    cancel,
    hold,
    layout,
    parse_file_name,
    release,
    retry,
)
from spoolctl.spool.cancel import Cancelled
from spoolctl.spool.files import ShareFiles
from tests.hostile.client import Client, Server
from tests.hostile.mounts import SMB
from tests.spool.fault_loop import rests
from tests.spool.scenes import AFTER_A, with_job
from tests.spool.spool_world import JOB, World

UNMARKED = JOB.replace(b"...\n", b"")


def careful():
    """A world in which a file must stay the same for as long as in a real one."""
    return World(settle_s=2.0, reject_after_s=15.0)


# Releasing


def test_a_held_file_without_an_end_mark_is_released_once_it_stayed_the_same():
    """A person dropped it into ``held/``. It was "growing" for ever: each release looked at it for the first time."""
    world = careful()
    world.drop("job-1", UNMARKED, "held")

    assert release(world.person(), "job-1").place == layout.queue("normal")
    world.recover()
    rests(world, "job-1", "done")


def test_a_held_file_that_is_no_job_is_rejected_by_its_release_which_says_so():
    world = careful()
    world.drop("job-1", b"prompt: a lighthouse\n", "held")

    with pytest.raises(
        StateForbids, match=r"'held/job-1.yaml' is no job: key 'schema' is missing"
    ) as told:
        release(world.person(), "job-1")
    assert "rejected/" in told.value.hint
    assert world.places("job-1") == []
    assert len(world.files("rejected")) == 2


def test_a_held_file_that_grows_is_still_not_released():
    world = careful()
    world.drop("job-1", UNMARKED, "held")
    pieces = iter(range(1000))

    def grow(seconds):
        world.turn(seconds)
        world.drop("job-1", UNMARKED + b"# %d\n" % next(pieces), "held")

    world.wait = grow
    with pytest.raises(StateForbids, match="is growing"):
        release(world.person(), "job-1")
    assert world.state("job-1") == "held"


# Cancelling


@pytest.mark.parametrize("state", ["waiting", "held", "queue"])
@pytest.mark.parametrize("before", ["failed", "cancelled"])
def test_a_job_that_was_retried_and_does_not_run_yet_is_cancelled(state, before):
    """Its former verdict answered ("done", or "failed already"), and the job stayed where it was, to run later."""
    world = World()
    world.submit("job-1", AFTER_A)
    world.submit("job-a")
    world.share.rename("queue/normal/job-a.yaml", "held/job-a.yaml")
    ann = world.person()
    if before == "cancelled":
        cancel(ann, "job-1")
    else:
        cancel(ann, "job-a")
        world.turn(60)
        world.worker("w1").work()
        world.turn(60)
        world.worker("w1").sweep()
        assert world.verdicts("job-1") == ["failed"]
        retry(ann, "job-a")
    world.turn(60)
    world.share.rename(world.places("job-a")[0], "held/job-a.yaml")
    retry(ann, "job-1")
    if state == "waiting":
        world.worker("w2").work()
    elif state == "held":
        hold(ann, "job-1")
    assert world.state("job-1").startswith(state)

    assert cancel(ann, "job-1") is Cancelled.DONE
    assert world.verdicts("job-1") == [before, "cancelled"]
    assert world.state("job-1").startswith("cancelled/")
    world.recover()
    assert world.state("job-1").startswith("cancelled/")
    assert [run.name for run in world.runs] == ["job-a"]


def test_a_cancel_asked_twice_at_once_is_answered_by_a_client_that_still_shows_the_record():
    """An SMB client listed the record in its queue for two seconds more: ten looks were over by then."""
    world = with_job(fail=[Code.BAD_JOB])
    ann, bob = world.person(files=on_smb(world)), world.person()
    retry(bob, "job-1")
    world.turn(60)
    for place in layout.QUEUES:
        ann.files.names(place.folder)
    assert cancel(bob, "job-1") is Cancelled.DONE

    assert cancel(ann, "job-1") is Cancelled.DONE
    assert world.verdicts("job-1") == ["failed", "cancelled"]


# Retrying


def on_smb(world):
    return ShareFiles(Path("share"), native=Client(Server(world.share), SMB))


def test_a_retry_waits_until_its_client_shows_where_the_record_went():
    """The record had just come to rest; for two seconds the client showed it where it was, and the answer was "keeps moving, ask again"."""
    world = with_job(fail=[Code.BAD_JOB])
    ann = world.person(files=on_smb(world))
    [path] = world.places("job-1")
    seen = Location(layout.WAITING, parse_file_name("job-1~1.yaml"))
    world.share.rename(path, seen.path)
    for folder in ("waiting", "failed", "failed/2026-03-27"):
        ann.files.names(folder)
    world.share.rename(seen.path, path)

    assert retry(ann, "job-1").place == layout.queue("normal")
    assert world.state("job-1") == "queue/normal"


def test_a_hold_waits_until_its_client_shows_where_the_record_went():
    world = with_job()
    ann = world.person(files=on_smb(world))
    for place in layout.QUEUES:
        ann.files.names(place.folder)
    world.share.rename("queue/normal/job-1.yaml", "queue/batch/job-1.yaml")

    assert hold(ann, "job-1").place == layout.HELD
    assert world.state("job-1") == "held"
