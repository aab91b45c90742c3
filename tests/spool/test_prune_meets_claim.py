"""Retention and somebody who froze: the window between reading the decisions and making the attempt."""

import pytest

from spoolctl.spool import (
    Claim,
    Code,
    NotClaimed,
    decisions,
    encode,
    layout,
    prune_job,
)
from spoolctl.spool.records import Pruned, Verdict
from tests.spool.spool_world import JOB, World


def test_a_claimer_that_froze_over_the_whole_life_of_a_job_does_not_begin_it_again():
    """It had read "no attempt yet"; when it woke, the job had run, been merged and been pruned, attempts and all.

    Its mkdir of a1 then worked, and the job ran a second time.
    """
    world = World()
    location = world.submit("job-1")
    frozen = world.worker("w1", machine="host-b")

    def meanwhile(operation, path):
        if operation == "mkdir" and path.endswith("/a1"):
            frozen.actor.files.on_operation = None
            world.recover()
            assert prune_job(world.actor("controller-c"), world.location("job-1"))
            world.removed.add("job-1")

    frozen.actor.files.on_operation = meanwhile
    assert frozen.claim(location) is NotClaimed.TAKEN
    assert len(world.runs) == 1
    assert world.manifests("job-1") == {}


@pytest.mark.parametrize("operation", range(30))
def test_a_retry_that_meets_retention_runs_or_is_fenced_and_never_both(operation):
    world = World(retry={"attempts_max": 1})
    world.submit("job-1")
    world.worker("w1").work(fail=Code.BAD_JOB)
    world.worker("w2").sweep()
    location = world.location("job-1")
    pruner = world.actor("controller-c")
    taken = []

    def meanwhile(_operation, _path):
        if pruner.files.operations > operation and not taken:
            data = world.share.tree()[location.path]
            world.share.put("queue/normal/job-1~2.yaml", data)
            if world.share.tree().get(location.path) is not None:
                world.share.unlink(location.path)
            worker = world.worker("w3", machine="host-b")
            taken.append(worker.claim())
            if isinstance(taken[0], Claim):
                worker.run(taken[0])

    pruner.files.on_operation = meanwhile
    pruned = False
    try:
        pruned = prune_job(pruner, location)
    except FileNotFoundError:
        pass  # the record was dragged away while it was being removed
    if taken and isinstance(taken[0], Claim):
        assert not pruned
        assert world.verdicts("job-1")[-1] == "succeeded"
        world.recover()
        assert world.state("job-1").startswith("done/")
    else:
        assert len(world.runs) == 1


def test_a_tombstone_speaks_only_of_the_attempts_that_it_knew():
    world = World()
    world.submit("job-1")
    world.recover()
    tombstone = Pruned(
        schema_="spool.pruned/1", name="job-1", verdict=Verdict.LOST, attempt=0, day="2026-03-27"
    )
    world.share.put(f"{layout.results('job-1')}/{layout.PRUNED}", encode(tombstone))
    decided = decisions(world.person(), "job-1")
    assert decided.pruned is None
    assert decided.highest.is_commit
    world.drop("job-1", JOB)
    world.worker("w5").work()
    assert len(world.runs) == 1


def test_a_job_that_needs_itself_fails_at_once():
    """It lay in waiting/ for ever: its need was never committed, and never failed."""
    world = World()
    data = JOB.replace(b"workload:", b"after: [job-1]\nworkload:")
    world.drop("job-1", data)
    world.recover()
    assert world.manifests("job-1")[1].code is Code.DEPENDENCY_FAILED
    assert "needs itself" in world.manifests("job-1")[1].message
