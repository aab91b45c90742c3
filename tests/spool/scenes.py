"""What the scenes of all steps share: prepared worlds, and what must be true in the end."""

from tests.spool.fault_loop import NO_ANSWER, Scene, prepared, rests
from tests.spool.spool_world import JOB, World

OTHER = JOB.replace(b"lighthouse", b"mill")
LATER = JOB.replace(b"...", b"not_before: 2026-03-27T12:01:00Z\n...")
NAS = JOB.replace(b"...", b"requires: {tokens: [nas]}\n...")
AFTER_A = JOB.replace(b"...", b"after: [job-a]\n...")


@prepared
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


@prepared
def with_tokens(*, count=2, slots=1):
    """A world with job-1, job-2, ..., each of which requires the token nas."""
    world = World(tokens={"nas": slots})
    for number in range(1, count + 1):
        world.submit(f"job-{number}", NAS)
    return world


def done(world, name="job-1"):
    return lambda _answer: rests(world, name, "done")


def lies_at(world, answer):
    assert answer.path in world.share.tree(), f"told: {answer.path}, but it is not there"


def owned():
    world = with_job()
    worker = world.worker("w1")
    return world, worker, worker.claim()


def sweep_scene(world, observer, ended, told=lambda _swept: None):
    def swept_tells(swept):
        if swept.reaped:
            assert "lost" in world.verdicts("job-1")
        told(swept)

    return Scene(world, observer.actor, observer.sweep, swept_tells, ended, again=True)


def or_not(answer, asked, *otherwise):
    return [asked] if answer is not NO_ANSWER else [asked, *otherwise]
