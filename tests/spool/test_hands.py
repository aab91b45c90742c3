"""What a person does in a file manager, beside workers that run: drag, rename, copy, delete, drop."""

import pytest

from spoolctl.spool import (
    Claim,
    Code,
    NotClaimed,
    Outcome,
    Ownership,
    Standing,
    layout,
    parse_file_name,
    retry,
)
from tests.spool.fault_loop import rests
from tests.spool.scenes import OTHER, with_job
from tests.spool.spool_world import JOB, World


def _owned():
    world = with_job()
    worker = world.worker("w1")
    claimed = worker.claim()
    assert isinstance(claimed, Claim)
    return world, worker, claimed, claimed.place(worker.actor).path


def _recovers(world, name, *states):
    world.recover()
    world.check_ended()
    rests(world, name, *states)


# Dragging


def test_a_job_dragged_to_another_class_runs_from_there_and_keeps_the_class_it_ran_in():
    world = with_job()
    world.share.rename("queue/normal/job-1.yaml", "queue/interactive/job-1.yaml")
    world.worker("w1").work(fail=Code.STALLED)
    assert world.manifests("job-1")[1].class_ == "interactive"
    world.turn(600)
    world.worker("w2").sweep()
    assert world.state("job-1") == "queue/interactive"
    _recovers(world, "job-1", "done")


def test_a_job_dragged_to_another_class_while_it_is_claimed_is_fetched_back_and_runs_once():
    world, worker, claimed, path = _owned()
    world.share.rename(path, "queue/interactive/job-1~1.yaml")
    other = world.worker("w2", machine="host-b")
    assert other.claim(other.heads()[0]) is NotClaimed.OPEN
    other.sweep()
    assert worker.run(claimed) is Outcome.WON
    _recovers(world, "job-1", "done")
    assert world.verdicts("job-1") == ["succeeded"]


def test_a_job_dragged_from_failed_to_a_queue_runs_again():
    world = with_job(fail=[Code.BAD_JOB])
    world.share.rename("failed/2026-03-27/job-1~1.yaml", "queue/batch/job-1~1.yaml")
    world.worker("w1").sweep()
    assert world.state("job-1") == "queue/batch"
    _recovers(world, "job-1", "done")
    assert world.verdicts("job-1") == ["failed", "succeeded"]


@pytest.mark.parametrize("folder", ["failed", "failed/2026-03-27", "cancelled"])
def test_a_job_that_a_person_put_to_rest_before_it_ran_is_retried_in_its_own_class(folder):
    """It went to the default class: no verdict named one, and nobody asked the record."""
    world = World()
    world.drop("job-1", JOB.replace(b"...", b"class: batch\n..."), folder)

    assert retry(world.person(), "job-1").place == layout.queue("batch")
    _recovers(world, "job-1", "done")


def test_a_file_at_rest_that_is_no_job_is_retried_in_the_default_class_and_rejected_there():
    world = World()
    world.drop("job-1", b"prompt: a lighthouse\n", "failed")

    assert retry(world.person(), "job-1").place == layout.queue("normal")
    assert world.worker("w1").claim() is None
    assert world.places("job-1") == []


def test_a_job_dragged_from_failed_to_waiting_runs_again_when_it_is_promoted():
    world = with_job(fail=[Code.BAD_JOB])
    world.share.rename("failed/2026-03-27/job-1~1.yaml", "waiting/job-1~1.yaml")
    _recovers(world, "job-1", "done")


def test_a_job_dragged_from_done_to_a_queue_runs_nothing_and_comes_back_to_done():
    world = with_job(work=True, scan=True)
    world.share.rename("done/2026-03-27/job-1~1.yaml", "queue/normal/job-1~1.yaml")
    assert world.worker("w1").work() == 0
    _recovers(world, "job-1", "done")
    assert len(world.runs) == 1


@pytest.mark.parametrize("folder", ["cancelled", "cancelled/2026-01-01"])
def test_a_queued_job_dragged_to_cancelled_is_cancelled(folder):
    world = with_job()
    world.share.put("cancelled/2026-01-01", None)
    world.share.rename("queue/normal/job-1.yaml", f"{folder}/job-1.yaml")
    _recovers(world, "job-1", "cancelled")
    assert world.verdicts("job-1") == ["cancelled"]


def test_a_waiting_job_dragged_to_cancelled_is_cancelled():
    world = with_job(fail=[Code.STALLED])
    world.share.rename("waiting/job-1~2.yaml", "cancelled/job-1~2.yaml")
    _recovers(world, "job-1", "cancelled")
    assert len(world.runs) == 1


def test_a_running_job_dragged_to_cancelled_is_stopped_by_its_worker():
    world, worker, claimed, path = _owned()
    world.share.rename(path, "cancelled/job-1~1.yaml")
    worker.run(claimed)
    assert world.manifests("job-1")[1].code is Code.RECORD_REMOVED
    _recovers(world, "job-1", "cancelled")
    assert not world.runs


def test_a_running_job_of_a_dead_worker_dragged_to_cancelled_is_cancelled():
    world, _, _, path = _owned()
    world.share.rename(path, "cancelled/job-1~1.yaml")
    _recovers(world, "job-1", "cancelled")


def test_a_cancelled_job_dragged_back_to_a_queue_runs():
    world = with_job()
    world.share.rename("queue/normal/job-1.yaml", "cancelled/job-1.yaml")
    world.recover()
    (path,) = world.places("job-1")
    world.share.rename(path, "queue/normal/job-1.yaml")
    _recovers(world, "job-1", "done")


# Renaming


def test_a_rank_sorts_a_job_first_and_leaves_it_the_same_job():
    world = with_job()
    world.submit("job-0")
    world.share.rename("queue/normal/job-1.yaml", "queue/normal/0+job-1.yaml")
    worker = world.worker("w1")
    assert [place.name for place in worker.heads()] == ["job-1", "job-0"]
    claimed = worker.claim()
    assert claimed.name == "job-1"
    worker.run(claimed)
    assert world.places("job-1") == ["finished/0+job-1~1.yaml"]
    _recovers(world, "job-1", "done")


def test_a_rank_given_while_it_waits_for_its_retry_keeps_its_history():
    world = with_job(fail=[Code.STALLED])
    world.share.rename("waiting/job-1~2.yaml", "queue/normal/0+job-1.yaml")
    _recovers(world, "job-1", "done")
    assert world.verdicts("job-1") == ["failed", "succeeded"]


def test_any_other_new_name_is_a_new_job():
    world = with_job()
    world.share.rename("queue/normal/job-1.yaml", "queue/normal/other.yaml")
    _recovers(world, "other", "done")
    assert world.names() == {"other"}


def test_a_new_name_for_a_running_job_cancels_the_old_and_runs_as_a_new_one():
    world, worker, claimed, path = _owned()
    world.removed.add("job-1")
    world.share.rename(path, path.replace("job-1~1", "other"))
    ownership = Ownership(worker.actor, claimed, worker.life)
    assert ownership.look() is Standing.MINE, "one look is no proof that it is gone"
    world.turn(10)
    assert ownership.look() is Standing.RECORD_REMOVED
    world.worker("w2").sweep()
    assert world.state("other") == "queue/normal"
    _recovers(world, "other", "done")


# Copying and deleting


def test_a_copy_in_another_class_runs_once_and_comes_back_to_one_record():
    world = with_job()
    world.copied.add("job-1")
    world.share.put("queue/batch/job-1.yaml", JOB)
    world.worker("w1").work()
    _recovers(world, "job-1", "done")
    assert len(world.runs) == 1


def test_a_failed_job_copied_to_a_queue_runs_again_and_comes_back_to_one_record():
    world = with_job(fail=[Code.BAD_JOB])
    world.copied.add("job-1")
    world.share.put("queue/normal/job-1~1.yaml", JOB)
    _recovers(world, "job-1", "done")
    assert world.verdicts("job-1") == ["failed", "succeeded"]


def test_a_committed_job_copied_to_a_queue_runs_nothing():
    world = with_job(work=True, scan=True)
    world.copied.add("job-1")
    world.share.put("queue/normal/job-1 - copy.yaml", OTHER)
    world.share.put("queue/normal/job-1.yaml", JOB)
    world.recover()
    rests(world, "job-1", "done")
    assert len(world.runs) == 2, "the other name is another job"


@pytest.mark.parametrize(
    "folder", ["queue/normal", "queue", "waiting", "held", "cancelled", "failed/2026-03-27"]
)
def test_a_new_file_of_a_committed_name_is_rejected_wherever_it_is_dropped(folder):
    """In a queue it was once taken for the old job's record, and moved over it into ``done/``: the new job was gone."""
    world = with_job(work=True, scan=True)
    world.copied.add("job-1")
    world.share.put(f"{folder}/job-1.yaml", OTHER)
    world.recover()
    rests(world, "job-1", "done")
    tree = world.share.tree()
    assert tree[world.places("job-1")[0]] == JOB
    assert [
        data for path, data in tree.items() if path.startswith("rejected/") and "reason" not in path
    ] == [OTHER]
    assert len(world.runs) == 1


@pytest.mark.parametrize("folder", ["waiting", "queue", "held"])
def test_a_new_file_under_the_label_of_a_retry_does_not_take_its_place(folder):
    """A move into a queue replaced what lay there under the same label, and with it the only record of another job."""
    world = with_job(fail=[Code.STALLED])
    world.copied.add("job-1")
    world.share.rename("waiting/job-1~2.yaml", "queue/normal/job-1~2.yaml")
    world.share.put(f"{folder}/job-1~2.yaml", OTHER)
    world.turn(600)
    world.worker("w1").sweep()
    world.recover()
    rests(world, "job-1", "done")
    assert world.share.tree()[world.places("job-1")[0]] == JOB
    assert OTHER in [world.share.tree()[f"rejected/{f}"] for f in world.files("rejected")]


def test_a_deleted_queued_job_is_gone_and_stops_nobody():
    world = with_job()
    world.submit("job-2")
    world.share.unlink("queue/normal/job-1.yaml")
    _recovers(world, "job-2", "done")
    assert world.names() == {"job-2"}


def test_a_deleted_running_job_is_cancelled_after_looks_that_no_cache_can_have_answered():
    world, worker, claimed, path = _owned()
    world.removed.add("job-1")
    world.share.unlink(path)
    ownership = Ownership(worker.actor, claimed, worker.life)
    assert [ownership.look(), ownership.look()] == [Standing.MINE] * 2, "a cache may answer both"
    world.turn(10)
    assert ownership.look() is Standing.RECORD_REMOVED


def test_a_deleted_waiting_job_does_not_run_again():
    world = with_job(fail=[Code.STALLED])
    world.removed.add("job-1")
    world.share.unlink("waiting/job-1~2.yaml")
    world.recover()
    assert len(world.runs) == 1


# Dropping


def test_a_file_dropped_straight_into_queue_gets_its_own_class_or_the_default():
    world = World()
    world.drop("plain", folder="queue")
    world.drop("urgent", JOB.replace(b"...", b"class: interactive\n..."), folder="queue")
    world.worker("w1").sweep()
    assert world.state("plain") == "queue/normal"
    assert world.state("urgent") == "queue/interactive"


def test_a_growing_file_is_left_alone_until_it_has_stayed_the_same():
    world = World(settle_s=2.0, reject_after_s=15.0)
    whole = JOB.replace(b"...\n", b"")
    worker = world.worker("w1")
    grown = [whole[:20], whole[:50], whole[: whole.index(b"    seed")], whole]
    for part in grown:
        world.drop("job-1", part)
        assert worker.claim() is None
        world.turn(1.0)
    assert worker.work() == 0
    world.turn(1.0)
    assert worker.work() == 1
    assert world.runs[0].data == whole


def test_a_growing_file_in_queue_is_given_its_class_only_when_it_is_whole():
    world = World(settle_s=2.0)
    world.drop("job-1", JOB.replace(b"...\n", b""), folder="queue")
    worker = world.worker("w1")
    worker.sweep()
    assert world.places("job-1") == ["queue/job-1.yaml"]
    world.turn(3.0)
    worker.sweep()
    assert world.state("job-1") == "queue/normal"


@pytest.mark.parametrize(
    "stem",
    ["My-Job", "a picture of a house", "Straße Ünïcode 図", "JOB.0001", "x" * 200, "con", "a+b"],
)
def test_a_file_of_any_name_runs_and_keeps_what_the_person_wrote(stem):
    world = World()
    world.drop(stem)
    file = parse_file_name(f"{stem}.yaml")
    world.recover()
    if world.files("rejected"):  # a name that some file system cannot bear is told, not lost
        assert len(world.files("rejected")) == 2
        return
    rests(world, file.name, "done")
    assert file.shown in world.places(file.name)[0]


@pytest.mark.parametrize("copy", ["JOB-1.yaml", "0+job-1.yaml", "job-1.yml"])
def test_two_files_that_say_the_same_job_in_other_letters_run_once(copy):
    """Both are kept, side by side in ``done/``: what a person called a file is never thrown away."""
    world = World()
    world.copied.add("job-1")
    world.drop("job-1")
    world.share.put(f"queue/normal/{copy}", JOB)
    world.recover()
    assert {path.rpartition("/")[0] for path in world.places("job-1")} == {"done/2026-03-27"}
    assert len(world.runs) == 1


def test_what_is_no_job_is_left_alone_everywhere():
    world = with_job()
    names = [
        "Thumbs.db",
        ".DS_Store",
        "job-9.yaml.tmp",
        "~$job-9.yaml",
        "notes.txt",
        ".hidden.yaml",
        "desktop.ini",
    ]
    folders = [
        "queue",
        "queue/normal",
        "waiting",
        "held",
        "cancelled",
        "failed",
        "done",
        "finished",
        "claimed",
    ]
    paths = [f"{folder}/{name}" for folder in folders for name in names]
    for path in paths:
        world.share.put(path, b"none of yours")
    _recovers(world, "job-1", "done")
    assert set(paths) <= set(world.share.tree())
    assert world.files("rejected") == []


@pytest.mark.parametrize(
    "folder",
    [
        "queue/normal/pictures",
        "queue/pictures",
        "queue/normal/pictures.yaml",
        "waiting/pictures.yaml",
    ],
)
def test_a_folder_dropped_into_a_queue_stops_nobody_and_loses_nothing(folder):
    """A folder whose name looks like a job's could not be read, and every sweep and every claim stumbled over it."""
    world = with_job()
    world.share.put(f"{folder}/inner.yaml", JOB)
    worker = world.worker("w1")
    assert worker.sweep().troubles == []
    assert worker.work() == 1
    world.recover()
    rests(world, "job-1", "done")
    assert JOB in [data for path, data in world.share.tree().items() if path.endswith("inner.yaml")]


def test_a_bad_file_is_rejected_with_its_reason_and_the_next_one_runs():
    world = World()
    world.drop("a-bad", b"schema: spool.job/1\nworkload: 7\n...\n")
    world.drop("b-good")
    world.worker("w1").work()
    world.recover()
    rests(world, "b-good", "done")
    bad, reason = sorted(world.files("rejected"), key=len)
    assert reason == f"{bad}.reason.yaml"
    assert b"workload" in world.share.tree()[f"rejected/{reason}"]


def test_a_record_edited_while_it_is_claimed_fails_and_the_edit_is_kept():
    world, worker, claimed, path = _owned()
    world.removed.add("job-1")
    world.share.put(path, OTHER)
    assert worker.run(claimed) is Outcome.WON
    assert world.manifests("job-1")[1].code is Code.RECORD_CHANGED
    assert OTHER in [world.share.tree()[f"rejected/{f}"] for f in world.files("rejected")]


def test_a_folder_of_results_cannot_be_emptied_of_its_verdicts_by_a_drag_of_the_record():
    world = with_job(work=True, scan=True)
    before = {p: d for p, d in world.share.tree().items() if p.startswith(layout.RESULTS)}
    world.share.rename("done/2026-03-27/job-1~1.yaml", "cancelled/job-1~1.yaml")
    _recovers(world, "job-1", "done")
    after = world.share.tree()
    assert {path: after.get(path) for path in before} == before
