"""Every step of the protocol as a scene for ``fault_loop``: what is there before, what is done, what must be true after."""

from fault_loop import NO_ANSWER, Scene, rests
from spool_world import JOB, Worker, World

from spoolctl.controller.ledger import compile_ledger
from spoolctl.spool import (
    Claim,
    Code,
    Ending,
    Life,
    NotClaimed,
    Outcome,
    Ownership,
    Standing,
    Sweeper,
    Verdict,
    adopt,
    ask_worker,
    asked_of_worker,
    begin_session,
    cancel,
    conclude,
    draft,
    end_former_sessions,
    end_session,
    find,
    hold,
    layout,
    move_to_class,
    parse_job,
    prune_job,
    prune_outputs,
    release,
    resume_worker,
    retry,
    settle,
    submit,
)
from spoolctl.spool.cancel import Cancelled
from spoolctl.spool.finish import end
from spoolctl.spool.verdicts import publish

OTHER = JOB.replace(b"lighthouse", b"mill")
LATER = JOB.replace(b"...", b"not_before: 2026-03-27T12:01:00Z\n...")
AFTER_A = JOB.replace(b"...", b"after: [job-a]\n...")


def with_job(*, fail=(), work=False, scan=False):
    """A world with job-1 submitted and, if asked, run with these failures and then with success."""
    world = World()
    world.submit("job-1")
    worker = world.worker("w0")
    for code in fail:
        world.turn(600)
        worker.sweep()
        worker.work(fail=code)
    if work:
        worker.work()
    if scan:
        world.controller("controller-0").scan()
    return world


def done(world, name="job-1"):
    return lambda _answer: rests(world, name, "done")


def lies_at(world, answer):
    assert answer.path in world.share.tree(), f"told: {answer.path}, but it is not there"


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


def _owned():
    world = with_job()
    worker = world.worker("w1")
    return world, worker, worker.claim()


def _look(world, worker, claimed):
    ownership = Ownership(worker.actor, claimed, worker.life)

    def act():
        worker.life.beat()
        worker.life.beat_attempt(claimed.name, claimed.number)
        return ownership.look(), ownership.look(), ownership.compare()

    def told(answer):
        assert set(answer) == {Standing.MINE}, f"I7: nobody touched it, and its owner says {answer}"
        assert worker.run(claimed) is Outcome.WON

    return Scene(world, worker.actor, act, told, done(world), again=True)


def look():
    return _look(*_owned())


def look_while_the_record_is_elsewhere():
    world, worker, claimed = _owned()
    world.share.rename(claimed.place(worker.actor).path, "queue/interactive/job-1.yaml")
    return _look(world, worker, claimed)


def _end(ending, state):
    world, worker, claimed = _owned()

    def act():
        told = ending or worker.deliver(claimed)
        manifest = conclude(worker.actor, claimed, told)
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
    world, worker, claimed = _owned()
    world.share.put(claimed.place(worker.actor).path, OTHER)

    def ended(answer):
        assert OTHER in world.share.tree().values(), "I8: the changed file's bytes are gone"
        if world.places("job-1"):
            rests(world, "job-1", "failed", "done")

    world.removed.add("job-1")  # a person overwrote its record; the pinned one is all that is left
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


# Sweeping


def _sweep(world, observer, ended, told=lambda _swept: None):
    def swept_tells(swept):
        if swept.reaped:
            assert "lost" in world.verdicts("job-1")
        told(swept)

    return Scene(world, observer.actor, observer.sweep, swept_tells, ended, again=True)


def reap_on_the_same_machine():
    world, worker, _ = _owned()
    world.dead.add(worker.actor.host.pid)
    return _sweep(world, world.worker("w2"), done(world))


def reap_by_the_lease():
    world, _, _ = _owned()
    observer = world.worker("w2", machine="host-b")
    for _ in range(3):
        world.turn(120)
        observer.sweep()
    world.turn(120)
    return _sweep(world, observer, done(world))


def reap_of_an_attempt_without_heartbeat():
    world = with_job()
    world.share.put(layout.pinned_record("job-1"), JOB)
    world.share.put(layout.attempt("job-1", 1), None)
    observer = world.worker("w2", machine="host-b")
    for _ in range(3):
        world.turn(120)
        observer.sweep()
    world.turn(120)
    return _sweep(world, observer, done(world))


def _settle(code, *, at=None):
    world, worker, claimed = _owned()
    ending = Ending(Verdict.FAILED, code) if code else worker.deliver(claimed)
    publish(worker.actor, conclude(worker.actor, claimed, ending))
    location = claimed.place(worker.actor)
    if at:
        world.share.rename(location.path, f"{at.folder}/job-1~1.yaml")
        location = find(worker.actor, "job-1")[0]
    other = world.actor("w2")

    def told(answer):
        assert answer is not None
        lies_at(world, answer)

    state = "failed" if code is Code.BAD_JOB else "done"
    ended = lambda _answer: rests(world, "job-1", state)  # noqa: E731
    return Scene(world, other, lambda: settle(other, location), told, ended, again=True)


def settle_succeeded():
    return _settle(None)


def settle_succeeded_in_a_queue():
    return _settle(None, at=layout.queue("batch"))


def settle_failed_for_now():
    return _settle(Code.STALLED)


def settle_failed_for_good():
    return _settle(Code.BAD_JOB)


def settle_failed_for_good_in_a_queue():
    return _settle(Code.BAD_JOB, at=layout.queue("batch"))


def promote_a_retry():
    world = with_job(fail=[Code.STALLED])
    world.turn(600)
    observer = world.worker("w2")
    return _sweep(world, observer, done(world))


def promote_at_its_date():
    world = World()
    world.submit("job-1", LATER, layout.WAITING)
    world.turn(61)
    return _sweep(world, world.worker("w2"), done(world))


def _needing(fail):
    world = World()
    world.submit("job-a")
    world.submit("job-1", AFTER_A, layout.WAITING)
    world.worker("w0").work(fail=fail)
    if fail is None:
        world.controller("controller-0").scan()
        back = find(world.person(), "job-1")[0]
        if back.place != layout.WAITING:
            world.share.rename(back.path, "waiting/job-1.yaml")
    return world


def promote_when_its_need_is_met():
    world = _needing(None)
    return _sweep(world, world.worker("w2"), done(world))


def fail_when_its_need_failed():
    world = _needing(Code.BAD_JOB)
    ended = lambda _answer: rests(world, "job-1", "failed")  # noqa: E731
    return _sweep(world, world.worker("w2"), ended)


def give_a_class():
    world = World()
    world.drop("job-1", folder="queue")
    return _sweep(world, world.worker("w2"), done(world))


# The controller


def merge_and_compile():
    world = with_job(work=True)
    scanner = world.controller("controller-1")

    def told(answer):
        if answer.merged and not answer.troubles:
            assert world.state("job-1") == "done/2026-03-27"

    return Scene(world, scanner._actor, scanner.scan, told, done(world), again=True)


def audit_of_a_failed_job():
    world = with_job(fail=[Code.BAD_JOB])
    scanner = world.controller("controller-1")
    ended = lambda _answer: rests(world, "job-1", "failed")  # noqa: E731
    return Scene(world, scanner._actor, scanner.scan, ended=ended, again=True)


def compile_the_ledgers():
    world = with_job(work=True, scan=True)
    world.submit("job-2")
    world.worker("w0").work()
    first = world.controller("controller-1")
    first._compile = lambda _scanned: None
    first.scan()
    second = world.actor("controller-2")

    def told(answer):
        assert answer.lines == 2
        assert len(world.share.tree()["corpus/learning_records.jsonl"].splitlines()) == 2

    act = lambda: compile_ledger(second, layout.CORPUS, touched=None)  # noqa: E731
    return Scene(world, second, act, told, done(world, "job-2"), again=True)


def prune_the_outputs():
    world = with_job(work=True, scan=True)
    actor = world.actor("controller-1")
    (location,) = find(actor, "job-1")

    def told(_answer):
        assert not [path for path in world.share.tree() if path.endswith(".png")]

    return Scene(world, actor, lambda: prune_outputs(actor, location), told, done(world), again=True)


def _prune(state, **kwargs):
    world = with_job(**kwargs)
    actor = world.actor("controller-1")
    (location,) = find(actor, "job-1")
    world.removed.add("job-1")

    def is_gone():
        left = [path for path in world.share.tree() if "/job-1" in path and "parts/" not in path]
        assert left == ["results/singles/job-1", "results/singles/job-1/pruned.yaml"], left

    def told(answer):
        assert answer is True
        is_gone()

    def ended(_answer):
        for place in find(world.person(), "job-1"):
            assert place.place.state == state
            assert prune_job(world.actor("controller-2"), place)
        is_gone()
        world.drop("job-1")
        runs = len(world.runs)
        world.recover()
        assert world.state("job-1").startswith(state), "a pruned job's record came back"
        assert len(world.runs) == runs, "I3: a pruned job ran again"

    return Scene(world, actor, lambda: prune_job(actor, location), told, ended, again=True)


def prune_a_committed_job():
    return _prune("done", work=True, scan=True)


def prune_a_failed_job_of_several_attempts():
    return _prune("failed", fail=[Code.STALLED, Code.STALLED, Code.STALLED])


# People


def cancel_a_queued_job():
    world = with_job()
    return _cancel(world)


def cancel_a_waiting_job():
    return _cancel(with_job(fail=[Code.STALLED]))


def _cancel(world, runner: Worker | None = None, claimed: Claim | None = None):
    ann = world.person()
    runs = len(world.runs)

    def told(answer):
        if answer is Cancelled.DONE:
            assert world.verdicts("job-1")[-1] == "cancelled"
        elif runner and claimed:
            runner.run(claimed)

    def ended(answer):
        rests(world, "job-1", *_or_not(answer, "cancelled", "done"))
        if answer is not NO_ANSWER:
            assert len(world.runs) == runs, "I3: told cancelled, and it ran"

    return Scene(world, ann, lambda: cancel(ann, "job-1"), told, ended, again=True)


def cancel_a_running_job():
    return _cancel(*_owned())


def cancel_a_running_job_of_a_dead_worker():
    world, worker, _ = _owned()
    world.dead.add(worker.actor.host.pid)
    return _cancel(world)


def cancel_by_drag_of_a_queued_job():
    world = with_job()
    world.share.rename("queue/normal/job-1.yaml", "cancelled/job-1.yaml")
    ended = lambda _answer: rests(world, "job-1", "cancelled")  # noqa: E731
    return _sweep(world, world.worker("w2"), ended)


def cancel_by_drag_of_a_running_job():
    world, worker, claimed = _owned()
    world.share.rename(claimed.place(worker.actor).path, "cancelled/job-1.yaml")

    def ended(_answer):
        rests(world, "job-1", "cancelled")
        assert not world.runs

    return Scene(world, worker.actor, lambda: worker.run(claimed), ended=ended)


def _retry(world):
    ann = world.person()

    def told(answer):
        assert answer.place.folder == "queue/normal"
        lies_at(world, answer)

    def ended(answer):
        rests(world, "job-1", *_or_not(answer, "done", "failed"))

    return Scene(world, ann, lambda: retry(ann, "job-1"), told, ended, again=True)


def retry_a_failed_job():
    return _retry(with_job(fail=[Code.BAD_JOB]))


def retry_a_failed_job_that_nobody_closed():
    world = with_job(fail=[Code.BAD_JOB])
    world.share.unlink(f"{layout.attempt('job-1', 1)}/{layout.CLOSED}")
    return _retry(world)


def adopt_superseded_images():
    world, zombie, claimed = _owned()
    other = world.worker("w2", machine="host-b")
    for _ in range(4):
        world.turn(120)
        other.sweep()
    zombie.end(claimed, zombie.deliver(claimed))
    ann = world.person()
    cancel(ann, "job-1")

    def told(answer):
        assert answer.adopted_from == 1
        assert world.manifests("job-1")[3] == answer

    def ended(answer):
        rests(world, "job-1", *_or_not(answer, "done", "cancelled"))
        assert not world.runs, "nobody asked for it to run again"

    return Scene(world, ann, lambda: adopt(ann, "job-1", from_attempt=1), told, ended, again=True)


def adopt_what_a_failed_job_left():
    world, worker, claimed = _owned()
    delivered = worker.deliver(claimed)
    worker.end(claimed, Ending(Verdict.FAILED, Code.BAD_JOB, "too dark", outputs=delivered.outputs))
    ann = world.person()
    ended = lambda answer: rests(world, "job-1", *_or_not(answer, "done", "failed"))  # noqa: E731
    return Scene(world, ann, lambda: adopt(ann, "job-1", from_attempt=1), ended=ended, again=True)


def _or_not(answer, asked, otherwise):
    return [asked] if answer is not NO_ANSWER else [asked, otherwise]


def hold_a_queued_job():
    return _moved(with_job(), lambda ann: hold(ann, "job-1"), "held")


def release_a_held_job():
    world = World()
    world.submit("job-1", place=layout.HELD)
    return _moved(world, lambda ann: release(ann, "job-1"), "queue/normal")


def hurry_a_queued_job():
    act = lambda ann: move_to_class(ann, "job-1", "interactive")  # noqa: E731
    return _moved(with_job(), act, "queue/interactive")


def _moved(world, act, folder):
    ann = world.person()

    def told(answer):
        assert world.state("job-1") == answer.place.folder == folder

    return Scene(world, ann, lambda: act(ann), told, done(world), again=True)


def drain_a_worker():
    world = with_job()
    worker = world.worker("w1")
    ann = world.person()

    def told(_answer):
        assert asked_of_worker(worker.actor) == {"drain"}

    return Scene(world, ann, lambda: ask_worker(ann, "w1", "drain"), told, done(world), again=True)


def resume_a_worker():
    world = with_job()
    worker = world.worker("w1")
    ann = world.person()
    ask_worker(ann, "w1", "pause")
    ask_worker(ann, "w1", "drain")

    def told(_answer):
        assert asked_of_worker(worker.actor) == frozenset()

    return Scene(world, ann, lambda: resume_worker(ann, "w1"), told, done(world), again=True)


# Bad files


def _rejected(world, data, act):
    worker = world.worker("w1")

    def ended(_answer):
        files = world.files("rejected")
        bad = [f"rejected/{file}" for file in files if not file.endswith(".reason.yaml")]
        tree = world.share.tree()
        assert [tree[path] for path in bad] == [data], f"I8: {files}"
        assert f"{bad[0]}.reason.yaml" in tree, f"I8: no reason beside {bad}"

    return Scene(world, worker.actor, lambda: act(worker), ended=ended, again=True)


def reject_a_bad_file():
    world = with_job()
    world.drop("bad", b"schema: nonsense/1\n")
    return _rejected(world, b"schema: nonsense/1\n", Worker.claim)


def reject_a_bad_file_in_waiting():
    world = with_job()
    world.drop("bad", b"schema: nonsense/1\n", folder="waiting")
    return _rejected(world, b"schema: nonsense/1\n", Worker.sweep)


def reject_a_name_seen_before():
    world = with_job(work=True, scan=True)
    world.drop("job-1", OTHER)
    world.copied.add("job-1")
    (first, *_) = find(world.person(), "job-1")
    return _rejected(world, OTHER, lambda worker: worker.claim(first))


STEPS = [
    submit_one, submit_several,
    claim_first, claim_after_a_failure, claim_of_a_job_that_must_wait,
    claim_of_a_committed_job_dragged_back,
    look, look_while_the_record_is_elsewhere,
    end_succeeded, end_failed_for_now, end_failed_for_good, end_returned, end_of_a_changed_record,
    restart_of_a_worker_that_ran_a_job, restart_of_an_idle_worker,
    begin_of_a_session, end_of_a_session,
    reap_on_the_same_machine, reap_by_the_lease, reap_of_an_attempt_without_heartbeat,
    settle_succeeded, settle_succeeded_in_a_queue, settle_failed_for_now, settle_failed_for_good,
    settle_failed_for_good_in_a_queue,
    promote_a_retry, promote_at_its_date, promote_when_its_need_is_met, fail_when_its_need_failed,
    give_a_class,
    merge_and_compile, audit_of_a_failed_job, compile_the_ledgers,
    prune_the_outputs, prune_a_committed_job, prune_a_failed_job_of_several_attempts,
    cancel_a_queued_job, cancel_a_waiting_job, cancel_a_running_job,
    cancel_a_running_job_of_a_dead_worker, cancel_by_drag_of_a_queued_job,
    cancel_by_drag_of_a_running_job,
    retry_a_failed_job, retry_a_failed_job_that_nobody_closed, adopt_superseded_images,
    adopt_what_a_failed_job_left,
    hold_a_queued_job, release_a_held_job, hurry_a_queued_job, drain_a_worker, resume_a_worker,
    reject_a_bad_file, reject_a_bad_file_in_waiting, reject_a_name_seen_before,
]  # fmt: skip
