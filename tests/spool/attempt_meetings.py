"""Pairs of steps that want one attempt: claims, ends, reaps and cancels. Scenes for ``interleaving``."""

from spoolctl.spool import (
    Claim,
    Code,
    Outcome,
    cancel,
    find,
)
from spoolctl.spool.cancel import Cancelled
from tests.spool.fault_loop import NO_ANSWER, rests
from tests.spool.interleaving import Meeting
from tests.spool.scenes import owned, with_job
from tests.spool.spool_world import Run


def ends(world, *states):
    return lambda _first, _second: rests(world, "job-1", *states)


def claim_and_run(worker, location=None):
    claimed = worker.claim(location)
    return worker.run(claimed) if isinstance(claimed, Claim) else claimed


def reaper(world):
    observer = world.worker("w2", machine="host-b")
    for _ in range(3):
        world.turn(120)
        observer.sweep()
    world.turn(120)
    return observer


def claim_and_claim():
    world = with_job()
    one, other = world.worker("w1"), world.worker("w2", machine="host-b")
    (location,) = find(one.actor, "job-1")

    def ended(first, second):
        rests(world, "job-1", "done")
        assert len(world.runs) == 1
        assert [first, second].count(Outcome.WON) == 1, "exactly one of two claimed and ran it"

    return Meeting(
        world,
        one.actor,
        lambda: claim_and_run(one, location),
        lambda: claim_and_run(other, location),
        ended,
    )


def claim_and_claim_and_both_run():
    """Nobody looks again before running: the claim alone must have one winner."""
    world = with_job()
    workers = [world.worker("w1"), world.worker("w2", machine="host-b")]
    claims = [None, None]
    (location,) = find(workers[0].actor, "job-1")

    def first():
        claims[0] = workers[0].claim(location)
        for worker, claimed in zip(workers, claims, strict=True):
            if isinstance(claimed, Claim):
                world.runs.append(Run("job-1", claimed.number, claimed.data))
                worker.end(claimed, worker.deliver(claimed))

    def second():
        claims[1] = workers[1].claim(location)

    return Meeting(world, workers[0].actor, first, second, ends(world, "done"))


def claim_and_run_to_a_failure_for_good():
    """A worker that read the record before another ran it to its final failure would find ``closed`` there, and run it unasked."""
    world = with_job()
    one, other = world.worker("w1"), world.worker("w2", machine="host-b")
    (location,) = find(one.actor, "job-1")

    def second():
        claimed = other.claim(location)
        if isinstance(claimed, Claim):
            return other.run(claimed, fail=Code.BAD_JOB)
        return claimed

    def ended(_first, second):
        rests(world, "job-1", "done", "failed")
        assert len(world.runs) == 1, "it ran again, and nobody asked"

    return Meeting(world, one.actor, lambda: claim_and_run(one, location), second, ended)


def cancel_and_run_to_a_failure_for_good():
    world = with_job()
    ann, worker = world.person(), world.worker("w1")

    def second():
        claimed = worker.claim()
        return worker.run(claimed, fail=Code.BAD_JOB) if isinstance(claimed, Claim) else claimed

    def ended(_first, second):
        # Asked in the very moment of the failure: the verdict stays what it is, and the record rests where the asking wanted it.
        rests(
            world, "job-1", *(("failed", "cancelled") if second is Outcome.WON else ("cancelled",))
        )
        assert len(world.manifests("job-1")) == 1

    return Meeting(world, ann, lambda: cancel(ann, "job-1"), second, ended)


def _cancelled_or_ran(world, first, second):
    """A cancel told DONE never runs; one told ASKED ends either way."""
    answers = [first, second]
    rests(world, "job-1", "done", "cancelled")
    if Cancelled.DONE in answers:
        rests(world, "job-1", "cancelled")
        assert not world.runs, "told cancelled, and it ran"
    if Outcome.WON not in answers:
        rests(world, "job-1", "cancelled")


def claim_and_cancel():
    world = with_job()
    worker, ann = world.worker("w1"), world.person()
    ended = lambda first, second: _cancelled_or_ran(world, first, second)  # noqa: E731
    return Meeting(
        world, worker.actor, lambda: claim_and_run(worker), lambda: cancel(ann, "job-1"), ended
    )


def cancel_and_claim():
    world = with_job()
    worker, ann = world.worker("w1"), world.person()
    ended = lambda first, second: _cancelled_or_ran(world, first, second)  # noqa: E731
    return Meeting(world, ann, lambda: cancel(ann, "job-1"), lambda: claim_and_run(worker), ended)


def end_and_reap():
    world, worker, claimed = owned()
    observer = reaper(world)
    ended = lambda first, _second: _won_or_ran_again(world, first)  # noqa: E731
    return Meeting(world, worker.actor, lambda: worker.run(claimed), observer.sweep, ended)


def reap_and_end():
    world, worker, claimed = owned()
    observer = reaper(world)
    ended = lambda _first, second: _won_or_ran_again(world, second)  # noqa: E731
    return Meeting(world, observer.actor, observer.sweep, lambda: worker.run(claimed), ended)


def _won_or_ran_again(world, ended):
    rests(world, "job-1", "done")
    wanted = ["succeeded"] if ended is Outcome.WON else ["lost", "succeeded"]
    assert world.verdicts("job-1") == wanted


def end_and_cancel():
    world, worker, claimed = owned()
    ann = world.person()

    def ended(_first, second):
        rests(world, "job-1", "done", "cancelled")
        if second is NO_ANSWER:
            rests(world, "job-1", "done")

    return Meeting(
        world, worker.actor, lambda: worker.run(claimed), lambda: cancel(ann, "job-1"), ended
    )


def cancel_and_end():
    world, worker, claimed = owned()
    ann = world.person()
    act = lambda: worker.run(claimed)  # noqa: E731
    return Meeting(world, ann, lambda: cancel(ann, "job-1"), act, ends(world, "done", "cancelled"))


def failed_end_and_cancel():
    world, worker, claimed = owned()
    ann = world.person()

    def ended(_first, second):
        assert second in (Cancelled.DONE, Cancelled.ASKED)
        rests(world, "job-1", "cancelled")

    act = lambda: worker.run(claimed, fail=Code.STALLED)  # noqa: E731
    return Meeting(world, worker.actor, act, lambda: cancel(ann, "job-1"), ended)
