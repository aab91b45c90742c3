"""The scenes of the explorer: who meets whom.

Pairs come from ``tests.spool.meetings``, hands against each step from ``hands``; here are those of three.

Each function builds a fresh world in which its actors are about to act. What must be true in the end of every schedule, with faults or
without, is the invariants' business (``World.check_ended``); a scene adds what its actors were told.
"""

from spoolctl.spool import (
    Claim,
    Code,
    Ending,
    Ownership,
    Verdict,
    adopt,
    cancel,
    conclude,
    end_former_sessions,
    find,
    layout,
    records_in,
    retry,
    settle,
)
from spoolctl.spool.verdicts import publish
from tests.explore.gathering import Gathering
from tests.explore.hands import HANDS
from tests.spool.attempt_meetings import claim_and_run, reaper
from tests.spool.meetings import MEETINGS
from tests.spool.scenes import OTHER, owned, with_job, with_tokens
from tests.spool.shard_scenes import claim_spill_drop, spill_spill_drop
from tests.spool.spool_world import JOB, World


def claim_claim_sweep():
    """The plain case: two workers want one job while a third tidies."""
    world = with_job()
    one, other = world.worker("w1"), world.worker("w2", machine="host-b")
    sweeper = world.worker("w3", machine="host-c")
    (location,) = find(one.actor, "job-1")
    return Gathering(
        world,
        [
            ("claim 1", lambda: claim_and_run(one, location)),
            ("claim 2", lambda: claim_and_run(other, location)),
            ("sweep", sweeper.sweep),
        ],
    )


def claim_claim_reap():
    """The last attempt's worker is dead: one reaps, two would go on with the job at once."""
    world, _worker, _claimed = owned()
    observer = reaper(world)
    one, other = world.worker("w3", machine="host-c"), world.worker("w4", machine="host-d")

    def sweep_and_claim(worker):
        for location in find(worker.actor, "job-1"):
            settle(worker.actor, location)
        return claim_and_run(worker)

    return Gathering(
        world,
        [
            ("reap", observer.sweep),
            ("claim 1", lambda: sweep_and_claim(one)),
            ("claim 2", lambda: sweep_and_claim(other)),
        ],
    )


def finish_reap_reap():
    """A worker that hung for a lease finishes while two sweepers take it for dead."""
    world, worker, claimed = owned()
    observers = [world.worker("w2", machine="host-b"), world.worker("w3", machine="host-c")]
    for _ in range(3):
        world.turn(120)
        for observer in observers:
            observer.sweep()
    world.turn(120)
    one, other = observers
    return Gathering(
        world,
        [
            ("finish", lambda: worker.run(claimed)),
            ("reap 1", one.sweep),
            ("reap 2", other.sweep),
        ],
    )


def fail_cancel_settle():
    """A worker fails, a person cancels, and a sweeper moves what it saw a moment ago."""
    world, worker, claimed = owned()
    ann, sweeper = world.person(), world.actor("w3", machine="host-c")
    place = claimed.place(worker.actor)
    return Gathering(
        world,
        [
            ("fail", lambda: worker.run(claimed, fail=Code.STALLED)),
            ("cancel", lambda: cancel(ann, "job-1")),
            ("settle", lambda: settle(sweeper, place)),
        ],
    )


def retry_retry_claim():
    """Two people ask for the same retry, and a worker takes it as soon as it is there."""
    world = with_job(fail=[Code.BAD_JOB])
    ann, bob, worker = world.person(), world.person(), world.worker("w1")
    return Gathering(
        world,
        [
            ("retry 1", lambda: retry(ann, "job-1")),
            ("retry 2", lambda: retry(bob, "job-1")),
            ("claim", lambda: claim_and_run(worker)),
        ],
    )


def drag_promote_claim():
    """A person drags a waiting record into a queue in the moment in which a sweep promotes it."""
    world = with_job(fail=[Code.STALLED])
    world.turn(3600)
    ann, sweeper, worker = world.person(), world.worker("w1"), world.worker("w2", machine="host-b")
    (location,) = records_in(ann, layout.WAITING)

    def drag():
        ann.files.rename(location.path, f"queue/interactive/{location.file}")

    return Gathering(
        world,
        [("drag", drag), ("promote", sweeper.sweep), ("claim", lambda: claim_and_run(worker))],
    )


def merge_merge_settle():
    """Two controllers that both believe to be alone, and a worker that settles late."""
    world, worker, claimed = owned()
    ending = worker.deliver(claimed)
    publish(worker.actor, conclude(worker.actor, claimed, ending))
    settle(world.actor("w3"), claimed.place(worker.actor))
    one, other = world.controller("controller-1"), world.controller("controller-2")
    place = claimed.place(worker.actor)
    return Gathering(
        world,
        [
            ("merge 1", one.scan),
            ("merge 2", other.scan),
            ("settle", lambda: settle(worker.actor, place)),
        ],
    )


def gui_writes_claim_sweep():
    """A GUI puts its file where workers already look: it is copied, not moved, so that it grows under their eyes."""
    world = World()
    gui, one = world.person(), world.worker("w1")
    sweeper = world.worker("w2", machine="host-b")

    def write():
        gui.files.write_new("queue/normal/job-1.yaml", JOB)

    return Gathering(
        world,
        [("write", write), ("claim", lambda: claim_and_run(one)), ("sweep", sweeper.sweep)],
    )


def gui_writes_the_same_name_again():
    """Another job's file under the name of one that is being claimed: the first is run, the second rejected, nothing is mixed."""
    world = with_job()
    gui, worker = world.person(), world.worker("w1")

    def write():
        gui.files.write_new("queue/interactive/job-1.yaml", OTHER)

    world.copied.add("job-1")
    sweeper = world.worker("w2", machine="host-b")
    return Gathering(
        world,
        [("write", write), ("claim", lambda: claim_and_run(worker)), ("sweep", sweeper.sweep)],
    )


def hand_hurries_claim_beat():
    """A person drags a job to another class while one worker claims it and looks after it, and another wants it too."""
    world = with_job()
    ann, one, other = world.person(), world.worker("w1"), world.worker("w2", machine="host-b")
    (location,) = find(ann, "job-1")

    def drag():
        ann.files.rename(location.path, f"queue/interactive/0+{location.file}")

    def claim_beat_run():
        claimed = one.claim(location)
        if not isinstance(claimed, Claim):
            return claimed
        Ownership(one.actor, claimed, one.life).look()
        return one.run(claimed)

    return Gathering(
        world,
        [("drag", drag), ("claim 1", claim_beat_run), ("claim 2", lambda: claim_and_run(other))],
    )


def hand_cancels_claim_sweep():
    """A person drags a queued record into ``cancelled/`` while a worker claims it."""
    world = with_job()
    ann, worker = world.person(), world.worker("w1")
    sweeper = world.worker("w2", machine="host-b")
    (location,) = find(ann, "job-1")

    def drag():
        ann.files.rename(location.path, f"cancelled/{location.file}")

    return Gathering(
        world,
        [("drag", drag), ("claim", lambda: claim_and_run(worker)), ("sweep", sweeper.sweep)],
    )


def restart_reap_claim():
    """A worker starts again and ends its former session, while a sweeper reaps it and another claims."""
    world, worker, _claimed = owned()
    observer = reaper(world)
    fresh, other = world.worker("w1"), world.worker("w4", machine="host-d")
    world.dead.add(worker.actor.host.pid)
    return Gathering(
        world,
        [
            ("restart", lambda: end_former_sessions(fresh.actor, fresh.life)),
            ("reap", observer.sweep),
            ("claim", lambda: claim_and_run(other)),
        ],
    )


def adopt_retry_claim():
    """Adopting a zombie's images, retrying and claiming, all after a failure for good."""
    world, zombie, claimed = owned()
    observer = reaper(world)
    observer.sweep()
    zombie.end(claimed, zombie.deliver(claimed))
    observer.work(fail=Code.BAD_JOB)
    ann, bob, worker = world.person(), world.person(), world.worker("w3")
    return Gathering(
        world,
        [
            ("adopt", lambda: adopt(ann, "job-1", from_attempt=1)),
            ("retry", lambda: retry(bob, "job-1")),
            ("claim", lambda: claim_and_run(worker)),
        ],
    )


def thief_end_merge():
    """A settler that opened the record before the verdict moves it after; the controller merges meanwhile."""
    world, worker, claimed = owned()
    place = claimed.place(worker.actor)
    thief, controller = world.actor("w2", machine="host-b"), world.controller("controller-1")

    def steal():
        thief.files.rename(place.path, f"waiting/{place.file}")

    return Gathering(
        world,
        [
            ("steal", steal),
            ("end", lambda: worker.end(claimed, worker.deliver(claimed))),
            ("scan", controller.scan),
        ],
    )


def cancel_cancel_run():
    """Two people cancel one job that a worker is about to fail for the last time."""
    world, worker, claimed = owned()
    ann, bob = world.person(), world.person()
    ending = Ending(Verdict.FAILED, Code.BAD_JOB, "as told")
    return Gathering(
        world,
        [
            ("cancel 1", lambda: cancel(ann, "job-1")),
            ("cancel 2", lambda: cancel(bob, "job-1")),
            ("fail", lambda: worker.end(claimed, ending)),
        ],
    )


def edited_reap_settle_claim():
    """Somebody edited a claimed record, and its worker died: one reaps, one settles, and another would go on with the job."""
    world, worker, claimed = owned()
    world.copied.add("job-1")
    place = claimed.place(worker.actor)
    world.share.put(place.path, OTHER)
    observer, other = reaper(world), world.actor("w3", machine="host-c")
    fresh = world.worker("w4", machine="host-d")

    def settle_and_claim():
        for location in find(fresh.actor, "job-1"):
            settle(fresh.actor, location)
        return claim_and_run(fresh)

    return Gathering(
        world,
        [
            ("reap", observer.sweep),
            ("settle", lambda: settle(other, place)),
            ("claim", settle_and_claim),
        ],
    )


def cancel_promote_claim():
    """A retried job waits; a person cancels it while one sweep promotes it and a worker takes it."""
    world = with_job(fail=[Code.BAD_JOB])
    ann, sweeper, worker = world.person(), world.worker("w1"), world.worker("w2", machine="host-b")
    retry(ann, "job-1")
    world.share.rename("queue/normal/job-1~2.yaml", "waiting/job-1~2.yaml")
    return Gathering(
        world,
        [
            ("cancel", lambda: cancel(ann, "job-1")),
            ("promote", sweeper.sweep),
            ("claim", lambda: claim_and_run(worker)),
        ],
    )


def tokens_claim_claim_sweep():
    """There is one token, and two jobs that require it; two workers take one each while a third tidies."""
    world = with_tokens()
    one, other = world.worker("w1"), world.worker("w2", machine="host-b")
    sweeper = world.worker("w3", machine="host-c")
    (first,), (second,) = (find(one.actor, name) for name in ("job-1", "job-2"))
    return Gathering(
        world,
        [
            ("claim 1", lambda: claim_and_run(one, first)),
            ("claim 2", lambda: claim_and_run(other, second)),
            ("sweep", sweeper.sweep),
        ],
    )


def token_of_the_dead_reap_claim():
    """The holder of the only token is dead: one reaps it, and two want the token for their jobs at once."""
    world = with_tokens(count=3)
    world.worker("w1").claim()
    observer = reaper(world)
    one, other = world.worker("w3", machine="host-c"), world.worker("w4", machine="host-d")
    (second,), (third,) = (find(one.actor, name) for name in ("job-2", "job-3"))
    return Gathering(
        world,
        [
            ("reap", observer.sweep),
            ("claim 2", lambda: claim_and_run(one, second)),
            ("claim 3", lambda: claim_and_run(other, third)),
        ],
    )


def circle_sweep_sweep_cancel():
    """Two sweepers find a circle of two, one of which a person cancels just then."""
    world = World()
    for name, need in (("job-1", "job-2"), ("job-2", "job-1")):
        data = JOB.replace(b"...", f"after: [{need}]\n...".encode())
        world.drop(name, data, folder="waiting")
    one, other = world.worker("w1"), world.worker("w2", machine="host-b")
    ann = world.person()
    one.sweep()
    other.sweep()
    return Gathering(
        world,
        [
            ("sweep 1", one.sweep),
            ("sweep 2", other.sweep),
            ("cancel", lambda: cancel(ann, "job-2")),
        ],
    )


THREE = (
    claim_claim_sweep, claim_claim_reap, finish_reap_reap, fail_cancel_settle, retry_retry_claim,
    drag_promote_claim, merge_merge_settle, gui_writes_claim_sweep, gui_writes_the_same_name_again,
    hand_hurries_claim_beat, hand_cancels_claim_sweep, restart_reap_claim, adopt_retry_claim,
    thief_end_merge, cancel_cancel_run, edited_reap_settle_claim, cancel_promote_claim,
    tokens_claim_claim_sweep, token_of_the_dead_reap_claim, circle_sweep_sweep_cancel,
    claim_spill_drop, spill_spill_drop,
)  # fmt: skip
SCENES = {make.__name__: make for make in (*MEETINGS, *THREE)} | HANDS
