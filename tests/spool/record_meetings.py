"""Pairs of steps that want one record: settles, merges, promotes, retries, adopts, holds. Scenes for ``interleaving``."""

from spoolctl.spool import (
    Code,
    Ending,
    Outcome,
    State,
    Verdict,
    adopt,
    conclude,
    draft,
    find,
    hold,
    layout,
    parse_job,
    prune_job,
    retry,
    settle,
    submit,
)
from spoolctl.spool.verdicts import publish
from tests.spool.attempt_meetings import claim_and_run, ends, reaper
from tests.spool.fault_loop import NO_ANSWER, rests
from tests.spool.interleaving import Meeting
from tests.spool.scenes import owned, with_job
from tests.spool.spool_world import JOB, World


def settle_and_settle():
    world, worker, claimed = owned()
    ending = Ending(Verdict.FAILED, Code.STALLED, "as told")
    publish(worker.actor, conclude(worker.actor, claimed, ending))
    place = claimed.place(worker.actor)
    one, other = world.actor("w2"), world.actor("w3")
    return Meeting(
        world, one, lambda: settle(one, place), lambda: settle(other, place), ends(world, "done")
    )


def settle_and_promote_and_claim():
    """The late settler of a failed attempt must not put a record back that runs again by now."""
    world, worker, claimed = owned()
    ending = Ending(Verdict.FAILED, Code.STALLED, "as told")
    publish(worker.actor, conclude(worker.actor, claimed, ending))
    place = claimed.place(worker.actor)
    one, other = world.actor("w2"), world.worker("w3")

    def second():
        settle(other.actor, place)
        world.turn(600)
        other.sweep()
        return claim_and_run(other)

    return Meeting(world, one, lambda: settle(one, place), second, ends(world, "done"))


def merge_and_merge():
    world = with_job(work=True)
    one, other = world.controller("controller-1"), world.controller("controller-2")
    return Meeting(world, one._actor, one.scan, other.scan, ends(world, "done"))


def retry_and_retry():
    world = with_job(fail=[Code.BAD_JOB])
    ann, bob = world.person(), world.person()

    def ended(first, second):
        rests(world, "job-1", "done")
        assert world.verdicts("job-1") == ["failed", "succeeded"]
        assert NO_ANSWER not in (first, second), (
            "who asks for a retry is told where the record lies"
        )

    return Meeting(world, ann, lambda: retry(ann, "job-1"), lambda: retry(bob, "job-1"), ended)


def retry_and_drag():
    world = with_job(fail=[Code.BAD_JOB])
    ann = world.person()

    def drag():
        for place in find(world.actor("drag"), "job-1", (State.FAILED,)):
            world.share.rename(place.path, "queue/interactive/job-1.yaml")

    def ended(_first, _second):
        rests(world, "job-1", "done")
        assert world.verdicts("job-1") == ["failed", "succeeded"]

    return Meeting(world, ann, lambda: retry(ann, "job-1"), drag, ended)


def retry_and_run_to_another_failure():
    """A retry that hung must not ask for a second one of a job that failed again meanwhile, and never of one committed."""
    world = with_job(fail=[Code.BAD_JOB])
    ann, bob, worker = world.person(), world.person(), world.worker("w1")

    def second():
        retry(bob, "job-1")
        return claim_and_run(worker)

    def ended(_first, _second):
        rests(world, "job-1", "done")
        assert len(world.runs) == 2

    return Meeting(world, ann, lambda: retry(ann, "job-1"), second, ended)


def _with_images_and_another_turn():
    """Attempt 1 was superseded and left images; the job waits for its second attempt."""
    world, zombie, claimed = owned()
    observer = reaper(world)
    observer.sweep()
    zombie.end(claimed, zombie.deliver(claimed))
    observer.sweep()
    assert world.state("job-1") == "queue/normal"
    return world


def adopt_and_claim():
    world = _with_images_and_another_turn()
    ann, worker = world.person(), world.worker("w3")

    def ended(first, second):
        rests(world, "job-1", "done")
        assert (first is NO_ANSWER) == (second is Outcome.WON)

    return Meeting(
        world,
        ann,
        lambda: adopt(ann, "job-1", from_attempt=1),
        lambda: claim_and_run(worker),
        ended,
    )


def claim_and_adopt():
    world = _with_images_and_another_turn()
    ann, worker = world.person(), world.worker("w3")
    act = lambda: adopt(ann, "job-1", from_attempt=1)  # noqa: E731
    return Meeting(world, worker.actor, lambda: claim_and_run(worker), act, ends(world, "done"))


def hold_and_claim():
    world = with_job()
    ann, worker = world.person(), world.worker("w1")
    return Meeting(
        world,
        ann,
        lambda: hold(ann, "job-1"),
        lambda: claim_and_run(worker),
        ends(world, "done"),
    )


def claim_and_hold():
    world = with_job()
    ann, worker = world.person(), world.worker("w1")
    act = lambda: claim_and_run(worker)  # noqa: E731
    return Meeting(world, worker.actor, act, lambda: hold(ann, "job-1"), ends(world, "done"))


def claim_by_one_that_dies_and_hold():
    """The record ends up in held/ with an attempt open whose owner is dead."""
    world = with_job()
    ann, worker = world.person(), world.worker("w1")
    return Meeting(
        world, worker.actor, worker.claim, lambda: hold(ann, "job-1"), ends(world, "done")
    )


def promote_and_promote():
    world = with_job(fail=[Code.STALLED])
    world.turn(600)
    one, other = world.worker("w2"), world.worker("w3")
    return Meeting(world, one.actor, one.sweep, other.sweep, ends(world, "done"))


def promote_and_promote_and_claim():
    world = with_job(fail=[Code.STALLED])
    world.turn(600)
    one, other = world.worker("w2"), world.worker("w3")

    def second():
        other.sweep()
        return claim_and_run(other)

    def ended(_first, _second):
        rests(world, "job-1", "done")
        assert world.verdicts("job-1") == ["failed", "succeeded"]

    return Meeting(world, one.actor, one.sweep, second, ended)


def fail_for_need_twice():
    world = World()
    world.submit("job-a")
    world.submit("job-1", JOB.replace(b"...", b"after: [job-a]\n..."), layout.WAITING)
    world.worker("w0").work(fail=Code.BAD_JOB)
    one, other = world.worker("w2"), world.worker("w3")

    def ended(_first, _second):
        rests(world, "job-1", "failed")
        assert world.verdicts("job-1") == ["failed"]

    return Meeting(world, one.actor, one.sweep, other.sweep, ended)


def submit_and_submit():
    world = World()
    ann, bob = world.person(), world.person()
    world.copied.add("job-1")  # the other file, if the share makes it late
    other = JOB.replace(b"lighthouse", b"mill")
    queue = layout.queue("normal")

    def put(actor, data):
        return submit(actor, [draft("job-1", data, parse_job(data))], queue)

    def ended(first, second):
        rests(world, "job-1", "done")
        assert [first, second].count(NO_ANSWER) == 1, "one name, one job"
        assert world.runs[0].data == (other if first is NO_ANSWER else JOB)

    return Meeting(world, ann, lambda: put(ann, JOB), lambda: put(bob, other), ended)


def reject_and_reject():
    world = with_job()
    world.drop("bad", b"schema: nonsense/1\n")
    one, other = world.worker("w1"), world.worker("w2")
    (bad,) = [place for place in one.heads() if place.name == "bad"]

    def ended(_first, _second):
        files = world.files("rejected")
        assert len(files) == 2, files
        assert f"{min(files, key=len)}.reason.yaml" in files

    return Meeting(world, one.actor, lambda: one.claim(bad), lambda: other.claim(bad), ended)


def prune_and_drag_back():
    world = with_job(work=True, scan=True)
    actor = world.actor("controller-1")
    (place,) = find(actor, "job-1")

    def drag():
        if place.path in world.share.tree():
            world.share.rename(place.path, "queue/normal/job-1.yaml")
            return claim_and_run(world.worker("w3"))
        return None

    def ended(_first, second):
        assert len(world.runs) == 1, "I3: a pruned job ran again"
        assert second is not Outcome.WON

    return Meeting(world, actor, lambda: prune_job(actor, place), drag, ended)


def prune_of_a_failed_job_and_retry():
    """Whichever comes first wins; a job that retention has fenced never runs again."""
    world = with_job(fail=[Code.BAD_JOB])
    actor, ann = world.actor("controller-1"), world.person()
    (place,) = find(actor, "job-1")
    world.removed.add("job-1")

    def second():
        retry(ann, "job-1")
        return claim_and_run(world.worker("w3"))

    def ended(_first, second):
        if f"{layout.results('job-1')}/{layout.PRUNED}" not in world.share.tree():
            rests(world, "job-1", "done", "failed")
        assert len(world.runs) == 1 + (second is Outcome.WON)

    return Meeting(world, actor, lambda: prune_job(actor, place), second, ended)
