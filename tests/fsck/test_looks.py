"""Two looks, what is blind, and what repair never does."""

import pytest

from spoolctl.fsck import Severity, check, repair
from spoolctl.fsck import ledgers as fsck_ledgers
from spoolctl.fsck.look import look_around
from spoolctl.spool import Claim, Code, Verdict, attempt, layout, retry
from spoolctl.spool.memory import Blind, Crashed, Fault
from tests.fsck.damages import DAMAGES, failed_world, queued_world
from tests.fsck.fsck_world import JOB, Checked, done_world
from tests.spool.shard_scenes import in_shards
from tests.spool.spool_world import World


def test_what_is_gone_at_the_second_look_is_not_told():
    checked = done_world()
    checked.world.share.put("queue/normal/cat.png", b"x")
    checked.world.share.put("queue/normal/dog.png", b"x")
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        checked.world.share.unlink("queue/normal/cat.png")
        checked.world.share.put("queue/normal/new.png", b"x")

    report = check(checked.looker, pause_s=7, sleep=sleep)
    assert pauses == [7]
    assert [one.path for one in report.findings] == ["queue/normal/dog.png"]


def test_a_sound_spool_is_looked_at_once():
    checked = done_world()
    report = check(checked.looker, pause_s=7, sleep=lambda _s: pytest.fail("paused"))
    assert report.findings == ()
    assert (report.tally.jobs, report.tally.attempts, report.tally.verdicts) == (1, 1, 1)
    assert report.tally.outputs == 1
    assert report.seconds >= 0


def test_a_deep_queue_is_sound():
    checked = Checked(in_shards("job-1", "job-2"))
    report = checked.check()
    assert report.damage + report.stuck == ()
    assert [one.code for one in report.findings] == ["nobody-alive"], "and nothing of its shards"
    assert report.tally.jobs == 2


def test_a_job_that_moves_between_two_listings_is_not_nowhere():
    """The record left the queue before its folder was listed, and came to where the listing had been already."""
    checked = failed_world(Code.BAD_JOB)
    world = checked.world

    def move(operation, path):
        if (operation, path) == ("names", "failed"):
            [there] = world.places("job-1")
            if there.startswith("failed"):
                retry(world.person(), "job-1")
                checked.looker.files.on_operation = None

    checked.looker.files.on_operation = move
    assert checked.codes() == []


@pytest.mark.parametrize("folder", ["queue", "waiting", "claimed", "results", "nodes", "rejected"])
def test_a_folder_that_cannot_be_seen_is_told_and_nothing_is_concluded(folder):
    checked = queued_world("job-a", "job-b")
    checked.world.worker("w1").claim()
    checked.looker.files.blind(folder, Blind.FAILS)
    found = checked.check().findings
    assert {one.code for one in found} <= {"unseen", "nobody-alive", "no-controller"}
    assert any(one.code == "unseen" and one.path.startswith(folder) for one in found)
    assert not checked.check().is_sound


@pytest.mark.parametrize("folder", ["queue", "claimed/<session>", ""])
def test_a_folder_that_comes_back_empty_is_no_proof_that_jobs_are_lost(folder):
    """What must be in it is not in the listing, so this look is blind there, whatever the listing says."""
    checked = queued_world("job-a", "job-b")
    checked.world.share.put(layout.pinned_record("job-a"), JOB)
    checked.world.share.put(layout.pinned_record("job-b"), JOB)
    worker = checked.world.worker("w1")
    worker.claim()
    session = worker.actor.session
    checked.looker.files.blind(folder.replace("<session>", session), Blind.EMPTY)
    codes = checked.codes()
    assert "nowhere" not in codes
    assert "unseen" in codes


def test_every_operation_of_a_look_may_fail_without_a_false_word():
    plain = done_world()
    start = plain.looker.files.operations
    plain.check()
    count = plain.looker.files.operations - start
    checked = done_world()
    for number in range(count):
        files = checked.looker.files
        files.fail(files.operations + number, Fault.BEFORE)
        report = check(checked.looker, pause_s=0)
        assert {one.code for one in report.findings} <= {"unseen"}
        files.heal()


def test_a_mount_that_is_read_only_can_be_checked():
    checked = done_world()
    files = checked.looker.files
    files.fail(files.operations, Fault.FULL, onward=True)
    assert check(checked.looker, pause_s=0).findings == ()
    assert not look_around(checked.looker, deep=lambda _path: False).clock_is_shares


def test_a_corpus_that_is_too_long_for_memory_is_read_from_a_local_copy(monkeypatch):
    monkeypatch.setattr(fsck_ledgers, "_READ_WHOLE_BYTES", 10)
    checked = done_world()
    assert checked.codes() == []
    checked.world.share.put(layout.LEARNING_RECORDS, b'{"run_id": "x"}\n')
    assert checked.codes() == ["not-its-parts"]


def test_a_corpus_that_lacks_the_newest_parts_is_on_its_way():
    checked = done_world()
    checked.world.share.put(layout.LEARNING_RECORDS, b"")
    report = checked.check()
    assert report.findings == ()
    assert report.on_its_way == {"compile": 1}
    checked.repair()
    assert checked.check().on_its_way == {}


def test_deep_reads_bytes_back_and_a_plain_check_does_not():
    checked = done_world()
    assert checked.check().tally.digested == 0
    assert checked.check(deep=True).tally.digested == 1


def test_one_who_needs_himself_is_in_no_circle_and_a_job_behind_a_circle_is_not_of_it():
    checked = Checked(World())
    for name, need in (("a", "b"), ("b", "a"), ("c", "a"), ("d", "d")):
        data = JOB.replace(b"...", f"after: [job-{need}]\n...".encode())
        checked.world.drop(f"job-{name}", data, folder="held" if name == "b" else "waiting")
    checked.world.worker("w1")
    found = checked.the_one("circle")
    assert found.value == "job-a -> job-b -> job-a"
    assert checked.check().on_its_way == {"fail": 1}


def test_many_jobs_that_need_many_are_told_apart_in_short_time():
    checked = Checked(World())
    names = [f"job-{number:02d}" for number in range(40)]
    for number, name in enumerate(names):
        needs = ", ".join(names[number + 1 :]) or names[0]
        data = JOB.replace(b"...", f"after: [{needs}]\n...".encode())
        checked.world.drop(name, data, folder="waiting")
    checked.world.worker("w1")
    assert not checked.codes()
    assert checked.check().on_its_way == {"fail": 1}  # the sweep finds the circle of all forty


def test_repair_touches_no_live_claim():
    checked = queued_world()
    worker = checked.world.worker("w1")
    claimed = worker.claim()
    assert isinstance(claimed, Claim)
    [path] = checked.world.places("job-1")
    checked.world.share.put("queue/batch/job-1.yaml", JOB)
    [finding] = checked.check().findings
    assert finding.code == "twice"
    repair(checked.looker, [finding])
    assert sorted(checked.world.places("job-1")) == sorted([path, "queue/batch/job-1.yaml"])
    worker.run(claimed)
    assert checked.world.verdicts("job-1") == ["succeeded"]


def test_a_record_put_back_does_not_take_the_attempt_from_a_worker_that_was_only_slow():
    """Its heartbeat was older than a lease by two machines' clocks; it lives, and fetches its record from held/."""
    checked = queued_world()
    worker = checked.world.worker("w1")
    claimed = worker.claim()
    [path] = checked.world.places("job-1")
    checked.world.share.unlink(path)
    checked.world.turn(10_000)
    found = [one for one in checked.check().findings if one.code == "nowhere"]
    repair(checked.looker, found)
    assert checked.world.state("job-1") == "held"
    worker.life.beat()
    worker.run(claimed)
    assert checked.world.verdicts("job-1") == ["succeeded"]
    assert checked.world.state("job-1") == "finished"


def test_a_record_put_back_after_its_worker_died_is_reaped_and_waits_for_a_person():
    checked = DAMAGES["open, its owner silent, nowhere"].make()
    checked.repair()
    worker = checked.world.worker("w7", machine="host-z")
    for _ in range(9):
        checked.world.turn(100)
        worker.sweep()
    assert attempt(worker.actor, "job-1", 1).verdict.verdict is Verdict.LOST
    assert checked.world.state("job-1") == "held"


def test_a_retry_is_no_damage_and_a_finding_knows_its_job():
    checked = failed_world(Code.BAD_JOB)
    retry(checked.world.person(), "job-1")
    assert checked.codes() == []
    [place] = checked.world.places("job-1")
    checked.world.share.unlink(place)
    [finding] = checked.check().findings
    assert (finding.job, finding.severity) == ("job-1", Severity.NOTE)


def test_a_shelf_that_ends_like_a_temporary_file_is_seen():
    checked = Checked(World())
    checked.world.submit("portraits.part.1")
    checked.world.worker("w0").work()
    checked.world.controller().scan()
    report = checked.check()
    assert report.findings == ()
    assert report.tally.jobs == 1


CUT_OFF = [
    "accepted, never run, nowhere",
    "succeeded, not merged, nowhere",
    "merged, and no part",
    "a copy with another rank in one folder",
    "attempts without a pinned record",
]


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.CRASH_AFTER, Fault.LOST_REPLY])
@pytest.mark.parametrize("story", CUT_OFF)
def test_a_repair_that_is_cut_off_anywhere_is_finished_by_the_next(story, fault):
    at = 0
    while True:
        checked = DAMAGES[story].make()
        found = checked.check()
        files = checked.looker.files
        before = files.operations
        files.fail(before + at, fault)
        try:
            repair(checked.looker, [*found.findings, *found.pending])
        except Crashed:
            pass
        reached = files.operations > before + at
        checked.looker = checked.world.actor("person-next", machine="host-f")
        checked.repair()
        checked.repair()
        assert checked.check().is_sound, f"operation {at}: {checked.check().findings}"
        if not reached:
            break
        at += 1
    assert at > 3


def test_two_circles_that_share_a_job_are_on_their_way_if_sweeps_come_to_one_of_them():
    checked = Checked(World())
    for name, needs in (("a", "job-c, job-b"), ("b", "job-a"), ("c", "job-a")):
        data = JOB.replace(b"...", f"after: [{needs}]\n...".encode())
        checked.world.drop(f"job-{name}", data, folder="waiting")
    worker = checked.world.worker("w1")
    assert not checked.codes()
    for _ in range(4):
        checked.world.turn(40)
        worker.sweep()
    assert {checked.world.state(f"job-{name}").split("/")[0] for name in "abc"} == {"failed"}
