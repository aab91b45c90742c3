"""Faults of the steps that the explorer found, each told again in a few lines."""

import contextlib

import pytest

from spoolctl.spool import SpoolError, cancel, layout, settle
from spoolctl.spool.memory import Blind
from tests.spool.scenes import with_job
from tests.spool.spool_world import JOB, World


@pytest.mark.parametrize("written", [b"", JOB[: JOB.index(b"    seed")]], ids=["empty", "a piece"])
def test_a_file_that_is_still_being_written_is_not_accepted_by_a_cancel(written):
    """What is pinned is the job for ever: the whole file would then be a stranger's, and be rejected, not cancelled."""
    world = World(settle_s=20.0, reject_after_s=60.0)
    world.drop("job-1", written)
    with contextlib.suppress(SpoolError):
        cancel(world.person(), "job-1")
    assert layout.pinned_record("job-1") not in world.share.tree() or world.clock.elapsed_s >= 20.0


def test_a_reason_stays_beside_its_file_whatever_a_blind_listing_says():
    """Two workers reject one file: the second finds it gone, and asks whether it came to where the reason says."""
    world = with_job()
    world.drop("bad", b"schema: nonsense/1\n")
    one, other = world.worker("w1"), world.worker("w2")
    (bad,) = [place for place in one.heads() if place.name == "bad"]

    def meanwhile(operation: str, path: str) -> None:
        if (operation, path) == ("rename", bad.path):
            one.actor.files.on_operation = None
            other.claim(bad)
            one.actor.files.blind(layout.REJECTED, Blind.EMPTY)

    one.actor.files.on_operation = meanwhile
    one.claim(bad)
    file, reason = sorted(world.files("rejected"))
    assert reason == f"{file}{layout.REASON_SUFFIX}"


def test_a_settler_that_lists_no_attempt_once_leaves_an_edited_record_where_it_was_claimed():
    """It brought the edited record to a queue, where it was rejected as a stranger's, and the job was nowhere."""
    world = with_job()
    worker = world.worker("w1")
    claimed = worker.claim()
    place = claimed.place(worker.actor)
    world.share.put(place.path, JOB + b"# edited\n")
    settler = world.actor("w2", machine="host-b")
    results = layout.results("job-1")

    def sees_again(_operation: str, path: str) -> None:
        if path == results:
            looks.append(path)
            if len(looks) > 1:
                settler.files.sees()

    looks = []
    settler.files.blind(results, Blind.EMPTY)
    settler.files.on_operation = sees_again
    settle(settler, place)

    assert len(looks) > 1
    assert [one.split("/")[0] for one in world.places("job-1")] == ["claimed"]


def test_a_settler_whose_second_look_is_answered_from_the_first_ones_cache_leaves_it_too():
    """Over SMB a blind listing is remembered for two seconds; the attempt that the record names is asked after by its own name."""
    world = with_job()
    worker = world.worker("w1")
    place = worker.claim().place(worker.actor)
    world.share.put(place.path, JOB + b"# edited\n")
    settler = world.actor("w2", machine="host-b")
    settler.files.blind(layout.results("job-1"), Blind.EMPTY)
    assert settle(settler, place) == place
    assert [one.split("/")[0] for one in world.places("job-1")] == ["claimed"]


def test_a_record_in_claimed_that_has_no_attempt_goes_back_to_its_queue():
    """Dragged there by a person: nothing but the label says that it runs."""
    world = with_job()
    actor = world.actor("w2")
    (path,) = world.places("job-1")
    world.share.put("claimed/w9-x", None)
    world.share.view().rename(path, "claimed/w9-x/job-1~1.yaml")
    settle(actor, layout.location_of("claimed/w9-x/job-1~1.yaml"))
    assert [one.split("/")[0] for one in world.places("job-1")] == ["queue"]
