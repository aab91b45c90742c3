"""Files under a job's name that are not its record: edited while it was claimed, or another's, beside an owner that cannot see."""

import pytest

from spoolctl.spool import Code, Outcome, Ownership, Standing, layout, retry
from spoolctl.spool.memory import Blind
from tests.spool.fault_loop import rests
from tests.spool.scenes import OTHER, owned, with_job
from tests.spool.spool_world import JOB


def edited(*, data=OTHER):
    """A job that is claimed, and its record edited where it lies."""
    world, worker, claimed = owned()
    world.copied.add("job-1")  # its own record is put back before the edited one goes
    world.share.put(claimed.place(worker.actor).path, data)
    return world, worker, claimed


def rejected(world):
    tree = world.share.tree()
    return [tree[f"rejected/{f}"] for f in world.files("rejected") if "reason" not in f]


def the_record(world):
    [path] = world.places("job-1")
    return world.share.tree()[path]


# Edited


@pytest.mark.parametrize("data", [OTHER, b"", b"prompt: a mill\n", OTHER + b"#" * (1 << 20)])
def test_a_job_whose_record_was_edited_before_its_worker_died_runs_again_as_it_was(data):
    """The edited file went to ``waiting/`` as the job's record, then to a queue, and was rejected there: the job lay nowhere."""
    world, _worker, _claimed = edited(data=data)
    world.recover()
    rests(world, "job-1", "done")
    assert the_record(world) == JOB
    assert rejected(world) == [data]
    assert [run.data for run in world.runs] == [JOB]


def test_a_job_whose_record_was_edited_while_it_ran_rests_among_the_failed_and_can_be_retried():
    """The verdict said *failed*, and nothing of the job lay in ``failed/``."""
    world, worker, claimed = edited()
    assert worker.run(claimed) is Outcome.WON
    assert world.manifests("job-1")[1].code is Code.RECORD_CHANGED
    assert world.state("job-1") == "failed/2026-03-27"
    assert (the_record(world), rejected(world)) == (JOB, [OTHER])
    [reason] = [f for f in world.files("rejected") if "reason" in f]
    assert b"was changed after it was claimed" in world.share.tree()[f"rejected/{reason}"]

    retry(world.person(), "job-1")
    world.recover()
    rests(world, "job-1", "done")
    assert the_record(world) == JOB


def test_a_job_that_fails_while_somebody_edits_its_record_is_tried_again_as_it_was():
    world, worker, claimed = edited()
    worker.run(claimed, fail=Code.STALLED)
    assert (world.state("job-1"), the_record(world)) == ("waiting", JOB)
    assert rejected(world) == [OTHER]


def test_an_edited_record_is_set_aside_by_a_sweep_if_its_worker_could_not():
    """A process that died between its verdict and the move: the edited bytes were then settled into ``failed/``."""
    world, worker, claimed = edited()
    files = worker.actor.files
    rename = files.rename

    def away(source, target):
        if source.startswith("claimed/") or target.startswith("rejected/"):
            raise OSError(5, "the share is away", source)
        rename(source, target)

    files.rename = away
    assert worker.run(claimed) is Outcome.WON
    world.worker("w2").sweep()
    assert (the_record(world), rejected(world)) == (JOB, [OTHER])
    assert world.state("job-1") == "failed/2026-03-27"


def test_a_strangers_file_beside_claims_is_set_aside_and_its_job_keeps_its_one_record():
    world = with_job(work=True, scan=True)
    world.copied.add("job-1")
    world.share.put("claimed/w7-20260327T120000-00000000", None)
    world.share.put("claimed/w7-20260327T120000-00000000/job-1.yaml", OTHER)
    world.worker("w1").sweep()
    assert (world.state("job-1"), the_record(world)) == ("done/2026-03-27", JOB)
    assert rejected(world) == [OTHER]


# Another's


@pytest.mark.parametrize("folder", ["queue/normal", "queue/batch", "waiting", "held"])
def test_an_owner_that_cannot_see_its_folder_does_not_take_anothers_file_for_its_record(folder):
    """It moved the file over its own record; the attempt then failed as *record_changed*, whatever it had made."""
    world, worker, claimed = owned()
    world.copied.add("job-1")
    world.drop("job-1", OTHER, folder)
    worker.actor.files.blind(layout.claimed(worker.actor.session).folder, Blind.EMPTY)

    assert Ownership(worker.actor, claimed, worker.life).look() is Standing.MINE
    tree = world.share.tree()
    assert tree[claimed.place(worker.actor).path] == JOB
    assert tree[f"{folder}/job-1.yaml"] == OTHER
    assert worker.run(claimed) is Outcome.WON
    assert world.verdicts("job-1") == ["succeeded"]


def test_an_owner_takes_its_own_record_from_beside_anothers_file():
    world, worker, claimed = owned()
    world.copied.add("job-1")
    world.drop("job-1", OTHER, "queue/interactive")
    world.share.rename(claimed.place(worker.actor).path, "queue/normal/0+job-1.yaml")

    assert Ownership(worker.actor, claimed, worker.life).look() is Standing.MINE
    folder = layout.claimed(worker.actor.session).folder
    assert world.share.tree()[f"{folder}/0+job-1~1.yaml"] == JOB
    assert world.share.tree()["queue/interactive/job-1.yaml"] == OTHER


def test_anothers_file_in_cancelled_does_not_cancel_a_running_job():
    world, worker, claimed = owned()
    world.copied.add("job-1")
    world.drop("job-1", OTHER, "cancelled")
    worker.actor.files.blind(layout.claimed(worker.actor.session).folder, Blind.EMPTY)

    assert Ownership(worker.actor, claimed, worker.life).look() is Standing.MINE
