"""What a client's cache makes of the steps. Each was found by the explorer; each is told here in a few lines."""

from pathlib import Path

import pytest

from spoolctl.spool import Claim, Ownership, Standing, cancel
from spoolctl.spool.cancel import Cancelled
from spoolctl.spool.files import ShareFiles
from tests.hostile.client import Client, Server
from tests.hostile.mounts import SMB
from tests.spool.scenes import with_job


def on_smb(world):
    return ShareFiles(Path("share"), native=Client(Server(world.share), SMB))


def test_a_job_that_was_just_cancelled_is_not_run_by_a_worker_whose_client_still_shows_it_queued():
    """For two seconds an SMB client lists, stats and opens a record that was moved away. With ``closed`` there it looked like a retry."""
    world = with_job()
    worker = world.worker("w1", files=on_smb(world))
    [seen] = worker.heads()
    worker.actor.files.read(seen.path, bytes_max=10_000)
    assert cancel(world.person(), "job-1") is Cancelled.DONE
    assert worker.actor.files.stat(seen.path).bytes, "the client does not lie any more"
    assert not isinstance(worker.claim(seen), Claim)
    assert world.verdicts("job-1") == ["cancelled"]
    world.recover()
    assert world.verdicts("job-1") == ["cancelled"]


def test_a_running_job_that_was_just_hurried_is_not_taken_for_deleted():
    """Its record went from the worker's folder to a queue whose listing the client still had from before: it was in neither, twice."""
    world = with_job()
    worker = world.worker("w1", files=on_smb(world))
    claimed = worker.claim()
    [path] = world.places("job-1")
    world.share.rename(path, "queue/interactive/0+job-1.yaml")
    ownership = Ownership(worker.actor, claimed, worker.life)
    for _ in range(3):
        worker.actor.files.names("queue/interactive")
        assert ownership.look() is Standing.MINE
        world.turn(1)
    assert world.state("job-1").startswith("claimed/"), "it was found, and fetched back"


def test_a_record_that_a_person_took_out_of_done_comes_back_to_it():
    """On real SMB the controller logged a merge every two seconds for fifteen minutes, and the record stayed in ``finished/``: its client
    remembered the name in ``done/`` for the very file that it was to move there, so the rename did nothing and succeeded."""
    world = with_job()
    world.worker("w1").work()
    controller = world.controller("controller-1", files=on_smb(world))
    controller.scan()
    [done] = world.places("job-1")
    world.share.rename(done, "waiting/job-1.yaml")
    for _ in range(3):
        world.turn(5)
        controller.scan()
    assert world.places("job-1") == [done]
    assert len(world.events("merged")) == 2, "once each time it lay in finished/"


def test_a_record_that_its_worker_has_just_moved_is_no_trouble_for_a_sweeper_who_still_sees_it_claimed():
    """Both names lead to one file for the sweeper's client; here the *source* is the stale one."""
    world = with_job()
    sweeper, worker = on_smb(world), world.worker("w1")
    claimed = worker.claim()
    [path] = world.places("job-1")
    sweeper.stat(path)
    worker.run(claimed)
    [moved] = world.places("job-1")
    sweeper.stat(moved)
    with pytest.raises(FileNotFoundError):
        sweeper.rename(path, moved)
    assert world.places("job-1") == [moved]
