"""Stories of housekeeping that stopped, or decided too early; each was a fault once."""

import errno
import os

import pytest

from spoolctl.spool import Code, find, layout, records_in, retry
from spoolctl.spool.files import ShareFiles
from spoolctl.spool.promote import Needs, _need_state
from tests.spool.fault_loop import rests
from tests.spool.scenes import owned
from tests.spool.spool_world import JOB, World


def needing(name):
    return JOB.replace(b"workload:", b"after: [%s]\nworkload:" % name.encode())


def with_a_failed_need_that_is_retried():
    world = World()
    world.drop("need")
    worker = world.worker("w1")
    worker.run(worker.claim(), fail=Code.BAD_JOB)
    world.controller().scan()
    assert world.state("need").startswith("failed/")
    retry(world.person(), "need")
    return world, worker


def test_a_ready_job_behind_followers_is_promoted_however_much_the_sweeper_remembers():
    """Above two thousand remembered records it forgot who had waited longest, and went by name again."""
    world = World()
    worker = world.worker()
    for number in range(201):
        world.drop(f"a{number:04d}", needing("later"), folder="waiting")
    world.drop("z-ready", folder="waiting")
    never = worker.actor.clock.mono() + 1e6
    worker.sweeper._look_again = {f"failed/2026-03-27/f{n:05d}~1.yaml": never for n in range(2001)}
    for _ in range(4):
        world.turn(4)
        worker.sweep()
    assert world.state("z-ready") == "queue/normal"


def test_a_need_that_moves_between_two_listings_has_not_failed():
    """Its retry went from waiting/ to a queue just then, was seen in neither, and the follower failed for good."""
    world, worker = with_a_failed_need_that_is_retried()
    [queued] = records_in(worker.actor, layout.queue("normal"))
    entry = queued.path.rpartition("/")[2]
    world.share.rename(queued.path, f"waiting/{entry}")
    observer = world.person()

    def promoted(operation, path):
        if (operation, path) == ("names", "waiting") and world.files("waiting"):
            world.share.rename(f"waiting/{entry}", f"queue/normal/{entry}")

    observer.files.on_operation = promoted
    assert _need_state(observer, "need", "succeeded") is Needs.OPEN


def test_a_need_whose_retry_is_claimed_while_it_is_looked_for_has_not_failed():
    world, _ = with_a_failed_need_that_is_retried()
    observer = world.person()

    def claimed(operation, path):
        if (operation, path) == ("names", "queue") and world.files("queue/normal"):
            world.worker("w2").claim()

    observer.files.on_operation = claimed
    assert _need_state(observer, "need", "succeeded") is Needs.OPEN


@pytest.mark.parametrize("state", ["failed", "cancelled", "queue", "claimed", "done"])
@pytest.mark.parametrize("entry", ["notes.txt", "0-notes.txt"])
def test_a_persons_notes_beside_the_days_stop_nothing(state, entry):
    """They were taken for a folder; every sweep ended there, and so did every search for a record."""
    world = World()
    worker = world.worker()
    world.share.put(f"{state}/{entry}", b"buy film")
    assert not worker.sweep().troubles
    assert find(worker.actor, "x") == []
    assert not world.controller().scan().troubles


@pytest.mark.skipif(not hasattr(os, "O_NONBLOCK"), reason="this system has no O_NONBLOCK")
def test_a_file_that_the_file_server_has_lent_to_a_client_is_asked_for_again(tmp_path, monkeypatch):
    """A controller on the file server itself was told EAGAIN where an open that may wait would have waited."""
    (tmp_path / "file").write_bytes(b"here")
    waits = []
    real_open = os.open

    def lent(path, flags, *rest):
        if not waits:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable", path)
        return real_open(path, flags, *rest)

    monkeypatch.setattr(os, "open", lent)
    assert ShareFiles(tmp_path, sleep=waits.append).read("file", bytes_max=10) == b"here"


@pytest.mark.parametrize("state", ["failed", "done"])
def test_a_dead_attempt_whose_record_a_hand_put_straight_into_a_folder_of_ended_jobs_is_ended(
    state,
):
    """Sweeps looked into the days only; beside them the attempt stayed open, and its job there, for ever."""
    world, worker, claimed = owned()
    world.share.rename(claimed.place(worker.actor).path, f"{state}/job-1~1.yaml")
    world.recover()
    rests(world, "job-1", "done")
    assert world.verdicts("job-1") == ["lost", "succeeded"]
