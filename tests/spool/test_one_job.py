"""One job through all its states, with nothing going wrong."""

import pytest

from spoolctl.spool import (
    BadRecord,
    Code,
    NotClaimed,
    adopt,
    cancel,
    draft,
    hold,
    parse_job,
    release,
    retry,
)
from tests.spool.spool_world import JOB, World


def test_a_submitted_job_runs_is_committed_and_merged_once():
    world = World()
    world.submit("job-1")
    worker = world.worker()
    assert worker.work() == 1
    assert world.state("job-1") == "finished"
    world.controller().scan()
    world.check_ended("job-1")
    assert world.state("job-1") == "done/2026-03-27"
    assert len(world.corpus("job-1")) == 1


def test_a_failed_job_is_tried_again_after_its_backoff_and_then_fails_for_good():
    world = World()
    world.submit("job-1")
    worker = world.worker()
    worker.work(fail=Code.STALLED)
    assert world.state("job-1") == "waiting"
    worker.sweep()
    assert world.state("job-1") == "waiting"
    for _ in range(2):
        world.turn(120)
        worker.sweep()
        worker.work(fail=Code.STALLED)
    assert world.state("job-1") == "failed/2026-03-27"
    assert world.verdicts("job-1") == ["failed"] * 3


def test_a_dead_workers_job_is_reaped_after_a_lease_and_runs_again():
    world = World()
    world.submit("job-1")
    world.worker("w1").claim()
    observer = world.worker("w2", machine="host-b")
    for _ in range(4):
        world.turn(100)
        observer.sweep()
    assert world.verdicts("job-1") == ["lost"]
    world.recover()
    world.check_ended("job-1")
    assert world.verdicts("job-1") == ["lost", "succeeded"]


def test_a_killed_process_on_the_same_machine_is_reaped_at_once():
    world = World()
    world.submit("job-1")
    dead = world.worker("w1")
    dead.claim()
    world.dead.add(dead.actor.host.pid)
    world.worker("w2").sweep()
    assert world.manifests("job-1")[1].code is Code.PROCESS_GONE


def test_a_restarted_worker_ends_its_former_sessions_attempts():
    world = World()
    world.submit("job-1")
    old = world.worker("w1")
    old.claim()
    fresh = old.restart()
    assert world.manifests("job-1")[1].code is Code.WORKER_RESTARTED
    fresh.sweep()
    assert fresh.work() == 1


def test_cancel_retry_hold_and_release():
    world = World()
    world.submit("job-1")
    ann = world.person()
    hold(ann, "job-1")
    assert world.state("job-1") == "held"
    assert world.worker().work() == 0
    release(ann, "job-1")
    assert world.state("job-1") == "queue/normal"
    cancel(ann, "job-1")
    assert world.state("job-1") == "cancelled/2026-03-27"
    retry(ann, "job-1")
    assert world.state("job-1") == "queue/normal"
    world.recover()
    assert world.verdicts("job-1") == ["cancelled", "succeeded"]


def test_a_name_seen_before_with_other_bytes_is_rejected_and_with_equal_bytes_runs_nothing():
    world = World()
    world.submit("job-1")
    world.recover()
    world.drop("job-1", JOB.replace(b"lighthouse", b"mill"))
    world.worker("w3").work()
    assert len(world.files("rejected")) == 2
    assert world.places("job-1") == ["done/2026-03-27/job-1~1.yaml"]
    world.drop("job-1", JOB)
    assert world.worker("w4").claim() is None
    world.recover()
    world.check_ended("job-1")
    assert len(world.runs) == 1


def test_a_zombies_images_can_be_adopted():
    world = World()
    world.submit("job-1")
    zombie = world.worker("w1")
    claimed = zombie.claim()
    other = world.worker("w2", machine="host-b")
    for _ in range(4):
        world.turn(100)
        other.sweep()
    zombie.end(claimed, zombie.deliver(claimed))
    cancel(world.person(), "job-1")
    verdict = adopt(world.person(), "job-1", from_attempt=1)
    assert verdict.adopted_from == 1
    world.recover()
    world.check_ended("job-1")


def test_a_claimed_job_is_open_to_others():
    world = World()
    location = world.submit("job-1")
    worker = world.worker("w1")
    worker.claim()
    world.drop("job-1")
    assert world.worker("w2").claim(location) is NotClaimed.OPEN


@pytest.mark.parametrize("name", ["a+b", "a~3", ".hidden", "n" * 300])
def test_a_name_that_would_become_another_jobs_is_refused_at_submit(name):
    """'a~3' was published as 'a~3.yaml', which everybody then read as job 'a'."""
    with pytest.raises(BadRecord):
        draft(name, JOB, parse_job(JOB))
