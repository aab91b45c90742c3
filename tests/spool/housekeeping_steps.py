"""Steps of sweepers and of the controller as scenes for ``fault_loop``."""

from spoolctl.controller.ledger import compile_ledger
from spoolctl.spool import (
    Code,
    Ending,
    Verdict,
    conclude,
    find,
    layout,
    prune_job,
    prune_outputs,
    settle,
)
from spoolctl.spool.records.settings import Retention
from spoolctl.spool.verdicts import publish
from tests.spool.fault_loop import Scene, prepared, rests
from tests.spool.scenes import AFTER_A, LATER, done, lies_at, owned, sweep_scene, with_job
from tests.spool.spool_world import JOB, World

# Sweeping


def reap_on_the_same_machine():
    world, worker, _ = owned()
    world.dead.add(worker.actor.host.pid)
    return sweep_scene(world, world.worker("w2"), done(world))


def reap_by_the_lease():
    world, _, _ = owned()
    observer = world.worker("w2", machine="host-b")
    for _ in range(3):
        world.turn(120)
        observer.sweep()
    world.turn(120)
    return sweep_scene(world, observer, done(world))


def reap_of_an_attempt_without_heartbeat():
    world = with_job()
    world.share.put(layout.pinned_record("job-1"), JOB)
    world.share.put(layout.attempt("job-1", 1), None)
    observer = world.worker("w2", machine="host-b")
    for _ in range(3):
        world.turn(120)
        observer.sweep()
    world.turn(120)
    return sweep_scene(world, observer, done(world))


def _settle(code, *, at=None):
    world, worker, claimed = owned()
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
    return sweep_scene(world, observer, done(world))


def promote_at_its_date():
    world = World()
    world.submit("job-1", LATER, layout.WAITING)
    world.turn(61)
    return sweep_scene(world, world.worker("w2"), done(world))


@prepared
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
    return sweep_scene(world, world.worker("w2"), done(world))


def fail_when_its_need_failed():
    world = _needing(Code.BAD_JOB)
    ended = lambda _answer: rests(world, "job-1", "failed")  # noqa: E731
    return sweep_scene(world, world.worker("w2"), ended)


def fail_a_circle():
    world = World()
    for name, need in (("job-1", "job-2"), ("job-2", "job-1")):
        data = JOB.replace(b"...", f"after: [{need}]\n...".encode())
        world.drop(name, data, folder="waiting")
    observer = world.worker("w2")
    observer.sweep()

    def ended(_answer):
        for name in ("job-1", "job-2"):
            rests(world, name, "failed")

    return sweep_scene(world, observer, ended)


def give_a_class():
    world = World()
    world.drop("job-1", folder="queue")
    return sweep_scene(world, world.worker("w2"), done(world))


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


@prepared
def _merged_and_not_compiled():
    world = with_job(work=True, scan=True)
    world.submit("job-2")
    world.worker("w0").work()
    first = world.controller("controller-1")
    first._compile = lambda _scanned: None
    first.scan()
    return world


def compile_the_ledgers():
    world = _merged_and_not_compiled()
    second = world.actor("controller-2")

    def told(answer):
        assert answer.lines == 2
        assert len(world.share.tree()["corpus/learning_records.jsonl"].splitlines()) == 2

    act = lambda: compile_ledger(second, layout.CORPUS, touched=None)  # noqa: E731
    return Scene(world, second, act, told, done(world, "job-2"), again=True)


def prune_the_outputs():
    world = with_job(work=True, scan=True)
    world.left_to_people.add("output")  # the settings of this world keep outputs for ever
    actor = world.actor("controller-1")
    (location,) = find(actor, "job-1")

    def told(_answer):
        assert not [path for path in world.share.tree() if path.endswith(".png")]

    return Scene(
        world, actor, lambda: prune_outputs(actor, location), told, done(world), again=True
    )


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


@prepared
def _done_three_days_ago():
    world = World(retention=Retention(records_days=1))
    world.submit("job-1")
    world.worker("w0").work()
    world.controller("controller-0").scan()
    world.turn(3 * 86_400)
    return world


def apply_retention():
    world = _done_three_days_ago()
    scanner = world.controller("controller-1")
    runs = len(world.runs)

    def ended(_answer):
        assert world.places("job-1") == [], "retention removes it in the end"
        assert len(world.runs) == runs

    return Scene(world, scanner._actor, scanner.scan, ended=ended, again=True)
