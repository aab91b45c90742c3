"""Steps of submitters and workers as scenes for ``fault_loop``: what is there before, what is done, what must be true after."""

from spoolctl.spool import (
    Claim,
    Code,
    Ending,
    Outcome,
    Ownership,
    Standing,
    Verdict,
    begin_session,
    compare_record,
    conclude,
    draft,
    end_former_sessions,
    end_session,
    find,
    layout,
    parse_job,
    submit,
)
from spoolctl.spool.finish import end
from tests.spool.fault_loop import NO_ANSWER, Scene, rests
from tests.spool.scenes import LATER, OTHER, done, owned, with_job, with_tokens
from tests.spool.spool_world import JOB, World

# Submitting


def submit_one():
    world = World()
    ann = world.person()

    def told(answer):
        assert world.share.tree()[answer[0].path] == JOB

    def ended(answer):
        if answer is not NO_ANSWER or world.names():
            rests(world, "job-1", "done")

    job = parse_job(JOB)
    queue = layout.queue("normal")
    return Scene(
        world, ann, lambda: submit(ann, [draft("job-1", JOB, job)], queue), told, ended, again=True
    )


def submit_several():
    world = World()
    ann = world.person()
    names = ["b.0001", "b.0002", "b.0003"]
    drafts = [draft(name, JOB, parse_job(JOB)) for name in names]

    def told(answer):
        assert [one.name for one in answer] == names
        assert world.names() == set(names)

    def ended(answer):
        for name in names if answer is not NO_ANSWER else world.names():
            rests(world, name, "done")
        assert sorted(world.names()) == names[: len(world.names())], "they went in in order"

    return Scene(world, ann, lambda: submit(ann, drafts, layout.queue("normal")), told, ended)


# Claiming and running


def _claim(world):
    worker = world.worker("w1")
    (location,) = find(worker.actor, "job-1")

    def told(answer):
        if isinstance(answer, Claim):
            assert world.manifests("job-1")[answer.number] is None
            assert worker.run(answer) is Outcome.WON, "the owner of an attempt could not end it"

    return Scene(world, worker.actor, lambda: worker.claim(location), told, done(world))


def claim_first():
    return _claim(with_job())


def claim_after_a_failure():
    world = with_job(fail=[Code.STALLED])
    world.turn(600)
    world.worker("w2").sweep()
    return _claim(world)


def claim_with_a_token():
    return _claim(with_tokens(count=1))


def claim_with_a_token_that_was_held_before():
    world = with_tokens(count=2)
    world.worker("w2").claim(find(world.person(), "job-2")[0])
    observer = world.worker("w3", machine="host-b")
    for _ in range(4):
        world.turn(120)
        observer.sweep()
    return _claim(world)


def claim_of_a_job_that_must_wait():
    world = World()
    world.submit("job-1", LATER)
    return _claim(world)


def claim_of_a_committed_job_dragged_back():
    world = with_job(work=True, scan=True)
    world.share.rename("done/2026-03-27/job-1~1.yaml", "queue/normal/job-1~1.yaml")
    scene = _claim(world)
    told = scene.told

    def ran_nothing(answer):
        told(answer)
        assert not isinstance(answer, Claim), "I3: a committed job was claimed"

    scene.told = ran_nothing
    return scene


def _look(world, worker, claimed):
    ownership = Ownership(worker.actor, claimed, worker.life)

    def act():
        worker.life.beat()
        worker.life.beat_attempt(claimed.name, claimed.number)
        return ownership.look(), ownership.look(), compare_record(worker.actor, claimed)

    def told(answer):
        assert set(answer) == {Standing.MINE}, f"I7: nobody touched it, and its owner says {answer}"
        assert worker.run(claimed) is Outcome.WON

    return Scene(world, worker.actor, act, told, done(world), again=True)


def look():
    return _look(*owned())


def look_while_the_record_is_elsewhere():
    world, worker, claimed = owned()
    world.share.rename(claimed.place(worker.actor).path, "queue/interactive/job-1.yaml")
    return _look(world, worker, claimed)


def _end(ending, state):
    world, worker, claimed = owned()
    built = []

    def act():
        if not built:  # END: asked again, the very same bytes
            told = ending or worker.deliver(claimed)
            built.append(conclude(worker.actor, claimed, told))
        (manifest,) = built
        outcome = Outcome.UNKNOWN
        for _ in range(3):
            if outcome is Outcome.UNKNOWN:
                outcome = end(worker.actor, claimed, manifest)
        return outcome, manifest

    def told(answer):
        outcome, manifest = answer
        assert outcome is not Outcome.LOST, "nobody else ended it, and its owner was told LOST"
        if outcome is Outcome.WON:
            assert world.manifests("job-1")[1] == manifest, "told WON, and another verdict stands"

    def ended(answer):
        won = answer is not NO_ANSWER and answer[0] is Outcome.WON
        rests(world, "job-1", state if won or state == "done" else "done", state)
        if won and ending is None:
            assert world.verdicts("job-1") == ["succeeded"], "I3: it ran again after it was WON"

    return Scene(world, worker.actor, act, told, ended, again=True)


def end_succeeded():
    return _end(None, "done")


def end_failed_for_now():
    return _end(Ending(Verdict.FAILED, Code.STALLED, "as told"), "done")


def end_failed_for_good():
    return _end(Ending(Verdict.FAILED, Code.BAD_JOB, "as told"), "failed")


def end_returned():
    return _end(Ending(Verdict.RETURNED, Code.HANDED_BACK, "as told"), "done")


def end_of_a_changed_record():
    world, worker, claimed = owned()
    world.share.put(claimed.place(worker.actor).path, OTHER)

    def ended(answer):
        assert OTHER in world.share.tree().values(), "I8: the changed file's bytes are gone"
        rests(world, "job-1", "failed", "done")
        assert world.share.tree()[world.places("job-1")[0]] == JOB

    world.copied.add("job-1")  # its record is put back before the changed one goes
    return Scene(world, worker.actor, lambda: worker.run(claimed), ended=ended)


def _restart(claimed):
    world = with_job()
    old = world.worker("w1")
    if claimed:
        old.claim()
    fresh = world.worker("w1")
    world.dead.add(old.actor.host.pid)

    def told(answer):
        assert answer <= int(claimed)
        assert world.verdicts("job-1") == ["lost"] * claimed

    act = lambda: end_former_sessions(fresh.actor, fresh.life)  # noqa: E731
    return Scene(world, fresh.actor, act, told, done(world), again=True)


def restart_of_a_worker_that_ran_a_job():
    return _restart(claimed=True)


def restart_of_an_idle_worker():
    return _restart(claimed=False)


def begin_of_a_session():
    world = with_job()
    actor = world.actor("w1")

    def told(_answer):
        assert f"claimed/{actor.session}/.session" in world.share.tree()

    return Scene(world, actor, lambda: begin_session(actor), told, done(world))


def end_of_a_session():
    world = with_job()
    worker = world.worker("w1")

    def told(answer):
        gone = f"claimed/{worker.actor.session}" not in world.share.tree()
        assert gone or not answer, "told that the session's folder is gone"

    act = lambda: end_session(worker.actor, worker.actor.session)  # noqa: E731
    return Scene(world, worker.actor, act, told, done(world), again=True)
