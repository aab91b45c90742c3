"""What people ask for, and what is done with their bad files, as scenes for ``fault_loop``."""

from spoolctl.spool import (
    Claim,
    Code,
    Ending,
    Verdict,
    adopt,
    ask_worker,
    asked_of_worker,
    cancel,
    find,
    hold,
    layout,
    move_to_class,
    release,
    resume_worker,
    retry,
)
from spoolctl.spool.cancel import Cancelled
from tests.spool.fault_loop import NO_ANSWER, Scene, prepared, rests
from tests.spool.scenes import OTHER, done, lies_at, or_not, owned, sweep_scene, with_job
from tests.spool.spool_world import Worker, World

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
        rests(world, "job-1", *or_not(answer, "cancelled", "done"))
        if answer is not NO_ANSWER:
            assert len(world.runs) == runs, "I3: told cancelled, and it ran"

    return Scene(world, ann, lambda: cancel(ann, "job-1"), told, ended, again=True)


def cancel_a_running_job():
    return _cancel(*owned())


def cancel_a_running_job_of_a_dead_worker():
    world, worker, _ = owned()
    world.dead.add(worker.actor.host.pid)
    return _cancel(world)


def cancel_by_drag_of_a_queued_job():
    world = with_job()
    world.share.rename("queue/normal/job-1.yaml", "cancelled/job-1.yaml")
    ended = lambda _answer: rests(world, "job-1", "cancelled")  # noqa: E731
    return sweep_scene(world, world.worker("w2"), ended)


def cancel_by_drag_of_a_running_job():
    world, worker, claimed = owned()
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
        rests(world, "job-1", *or_not(answer, "done", "failed"))

    return Scene(world, ann, lambda: retry(ann, "job-1"), told, ended, again=True)


def retry_a_failed_job():
    return _retry(with_job(fail=[Code.BAD_JOB]))


def retry_a_failed_job_that_nobody_closed():
    world = with_job(fail=[Code.BAD_JOB])
    world.share.unlink(f"{layout.attempt('job-1', 1)}/{layout.CLOSED}")
    return _retry(world)


@prepared
def _superseded_and_cancelled():
    world, zombie, claimed = owned()
    other = world.worker("w2", machine="host-b")
    for _ in range(4):
        world.turn(120)
        other.sweep()
    zombie.end(claimed, zombie.deliver(claimed))
    cancel(world.person(), "job-1")
    return world


def adopt_superseded_images():
    world = _superseded_and_cancelled()
    ann = world.person()

    def told(answer):
        assert answer.adopted_from == 1
        assert world.manifests("job-1")[3] == answer

    def ended(answer):
        rests(world, "job-1", *or_not(answer, "done", "cancelled", "failed"))
        assert not world.runs, "nobody asked for it to run again"

    return Scene(world, ann, lambda: adopt(ann, "job-1", from_attempt=1), told, ended, again=True)


def adopt_what_a_failed_job_left():
    world, worker, claimed = owned()
    delivered = worker.deliver(claimed)
    worker.end(claimed, Ending(Verdict.FAILED, Code.BAD_JOB, "too dark", outputs=delivered.outputs))
    ann = world.person()
    ended = lambda answer: rests(world, "job-1", *or_not(answer, "done", "failed"))  # noqa: E731
    return Scene(world, ann, lambda: adopt(ann, "job-1", from_attempt=1), ended=ended, again=True)


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
        assert set(asked_of_worker(worker.actor)) == {"drain"}

    return Scene(world, ann, lambda: ask_worker(ann, "w1", "drain"), told, done(world), again=True)


def resume_a_worker():
    world = with_job()
    worker = world.worker("w1")
    ann = world.person()
    ask_worker(ann, "w1", "pause")
    ask_worker(ann, "w1", "drain")

    def told(_answer):
        assert not asked_of_worker(worker.actor)

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
