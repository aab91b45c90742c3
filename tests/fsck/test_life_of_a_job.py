"""A healthy spool has no damage at any operation of any step: fsck never cries wolf while things move."""

import pytest

from spoolctl.fsck import Severity
from spoolctl.spool import (
    Code,
    Ending,
    Ownership,
    Retention,
    Standing,
    Verdict,
    adopt,
    cancel,
    hold,
    layout,
    prune_job,
    prune_outputs,
    release,
    retry,
)
from tests.fsck.fsck_world import Checked
from tests.spool.scenes import AFTER_A, LATER, OTHER
from tests.spool.spool_world import JOB, World


class Watched:
    """A world in which fsck looks before every operation of whoever acts."""

    def __init__(self, **settings):
        self.world = World(**settings)
        self.checked = Checked(self.world)
        self.looks = 0

    def watch(self, actor):
        def look(operation, path):
            self.looks += 1
            found = self.checked.check().findings
            bad = [one for one in found if one.severity is not Severity.NOTE]
            assert not bad, f"before {operation} {path}: " + "; ".join(map(str, bad))

        actor.files.on_operation = look
        return actor

    def worker(self, name="w1", **how):
        worker = self.world.worker(name, **how)
        self.watch(worker.actor)
        return worker

    def controller(self):
        scanner = self.world.controller()
        self.watch(scanner._actor)
        return scanner

    def person(self):
        return self.watch(self.world.person())

    def ended(self, state):
        assert self.world.state("job-1").split("/")[0] == state
        assert self.looks > 20
        assert self.checked.check().is_sound


def test_from_the_queue_to_done():
    watched = Watched()
    watched.world.submit("job-1")
    worker = watched.worker()
    worker.sweep()
    worker.work()
    watched.controller().scan()
    watched.ended("done")


def test_failed_retried_by_itself_and_by_hand():
    watched = Watched()
    watched.world.submit("job-1")
    worker, scanner = watched.worker(), watched.controller()
    for _ in range(3):
        worker.work(fail=Code.INTERNAL)
        watched.world.turn(4000)
        worker.life.beat()
        worker.sweep()
        scanner.scan()
    assert watched.world.verdicts("job-1") == ["failed"] * 3
    retry(watched.person(), "job-1")
    worker.work()
    scanner.scan()
    watched.ended("done")


@pytest.mark.parametrize("where", ["queue", "waiting", "held"])
def test_cancelled_before_it_ran(where):
    watched = Watched()
    place = {"queue": layout.queue("normal"), "waiting": layout.WAITING, "held": layout.HELD}
    watched.world.submit("job-1", place=place[where])
    cancel(watched.person(), "job-1")
    watched.controller().scan()
    watched.ended("cancelled")


def test_cancelled_while_it_runs():
    watched = Watched()
    watched.world.submit("job-1")
    worker = watched.worker()
    claimed = worker.claim()
    cancel(watched.person(), "job-1")
    worker.run(claimed)
    watched.controller().scan()
    watched.ended("cancelled")


def test_cancelled_by_a_drag_and_by_deletion():
    watched = Watched()
    watched.world.submit("job-1")
    worker = watched.worker()
    claimed = worker.claim()
    [path] = watched.world.places("job-1")
    watched.world.share.rename(path, "cancelled/job-1.yaml")
    worker.run(claimed)
    watched.ended("cancelled")
    watched.world.submit("job-2")
    claimed = worker.claim()
    [path] = watched.world.places("job-2")
    watched.world.share.unlink(path)
    ownership = Ownership(worker.actor, claimed, worker.life)
    while ownership.look() is not Standing.RECORD_REMOVED:
        watched.world.turn(10)
    worker.end(claimed, Ending(Verdict.CANCELLED, Code.RECORD_REMOVED, "stopped"))
    watched.controller().scan()
    assert watched.checked.check().is_sound
    assert watched.world.verdicts("job-2") == ["cancelled"]


def test_a_dead_workers_attempt_is_reaped_and_runs_again():
    watched = Watched()
    watched.world.submit("job-1")
    dead = watched.worker("w1")
    dead.claim()
    watched.world.dead.add(dead.actor.host.pid)
    worker = watched.worker("w2")
    worker.sweep()
    worker.sweep()
    worker.work()
    watched.controller().scan()
    assert watched.world.verdicts("job-1") == ["lost", "succeeded"]
    watched.ended("done")


def test_a_worker_that_restarts_ends_its_former_session():
    watched = Watched()
    watched.world.submit("job-1")
    dead = watched.worker("w1")
    dead.claim()
    fresh = dead.restart()
    watched.watch(fresh.actor)
    fresh.sweep()
    fresh.work()
    watched.controller().scan()
    watched.ended("done")


def test_a_superseded_attempt_is_adopted():
    watched = Watched()
    watched.world.submit("job-1")
    worker = watched.worker()
    claimed = worker.claim()
    worker.deliver(claimed)
    cancel(watched.person(), "job-1")
    worker.run(claimed)
    adopt(watched.person(), "job-1", from_attempt=1)
    watched.controller().scan()
    watched.ended("done")


def test_held_released_and_waiting_for_a_date():
    watched = Watched()
    watched.world.submit("job-1", LATER)
    worker = watched.worker()
    hold(watched.person(), "job-1")
    release(watched.person(), "job-1")
    worker.sweep()
    watched.world.turn(120)
    worker.life.beat()
    worker.sweep()
    worker.work()
    watched.controller().scan()
    watched.ended("done")


@pytest.mark.parametrize("fails", [True, False])
def test_a_job_that_needs_another(fails):
    watched = Watched()
    worker = watched.worker()
    watched.world.submit("job-a")
    watched.world.submit("job-1", AFTER_A)
    claimed = worker.claim()
    assert claimed.name in {"job-1", "job-a"}
    worker.run(claimed, fail=Code.BAD_JOB if fails else None)
    worker.sweep()
    worker.work()
    watched.controller().scan()
    watched.ended("failed" if fails else "done")


def test_bad_files_and_names_seen_before():
    watched = Watched()
    watched.world.submit("job-1")
    worker = watched.worker()
    worker.work()
    watched.controller().scan()
    watched.world.drop("job-1", OTHER)
    watched.world.drop("bad", b"schema: spool.job/1\nworkload: none\n...\n")
    worker.claim()
    worker.sweep()
    assert len(watched.world.files("rejected")) == 4
    watched.ended("done")


def test_a_record_edited_while_it_runs():
    watched = Watched()
    watched.world.submit("job-1")
    worker = watched.worker()
    claimed = worker.claim()
    [path] = watched.world.places("job-1")
    watched.world.share.put(path, OTHER)
    worker.run(claimed)
    assert watched.world.manifests("job-1")[1].code is Code.RECORD_CHANGED
    assert watched.checked.check().is_sound


def test_retention_removes_outputs_and_then_the_job():
    watched = Watched(retention=Retention(outputs_days=2, records_days=5))
    watched.world.submit("job-1")
    watched.worker().work()
    scanner = watched.controller()
    scanner.scan()
    watched.world.turn(4 * 86_400)
    prune_outputs(watched.person(), watched.world.location("job-1"))
    watched.world.turn(3 * 86_400)
    assert watched.checked.check().is_sound
    prune_job(watched.person(), watched.world.location("job-1"))
    assert watched.checked.check().is_sound
    assert watched.looks > 20


def test_two_workers_and_two_controllers_at_once():
    """The second acts at every operation of the first; fsck looks before each of both."""
    watched = Watched()
    for number in range(3):
        watched.world.submit(f"job-{number}", JOB)
    first, second = watched.world.worker("w1"), watched.worker("w2")
    one, two = watched.world.controller("controller-a"), watched.world.controller("controller-b")
    watched.watch(two._actor)
    steps = iter([second.claim, second.work, two.scan, second.sweep, two.scan] * 3)
    count = iter(range(10_000))

    def act(_operation, _path):
        if next(count) % 5 == 0:
            next(steps, lambda: None)()

    first.actor.files.on_operation = act
    first.work()
    one.scan()
    assert watched.checked.check().is_sound


def test_what_a_late_rename_took_away_is_settled():
    watched = Watched()
    watched.world.submit("job-1")
    worker = watched.worker()
    worker.work(fail=Code.BAD_JOB)
    [path] = watched.world.places("job-1")
    watched.world.share.rename(path, "held/job-1.yaml")
    worker.sweep()
    watched.controller().scan()
    assert (
        watched.world.state("job-1") == "held"
    )  # it had come to rest: in held/ it is a person's wish
    watched.world.share.rename("held/job-1.yaml", "claimed/job-1.yaml")
    worker.sweep()
    watched.ended("failed")
