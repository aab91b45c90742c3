"""Scenes of attempts and of what names them: verdicts, claims, numbers, days, hands that hurry."""

import contextlib
import io
from dataclasses import dataclass

from spoolctl.spool import (
    BackendUsed,
    Claim,
    Code,
    Ending,
    Outcome,
    Ownership,
    Standing,
    Verdict,
    codec,
    conclude,
    end,
    find,
    layout,
    publish_once,
)
from spoolctl.spool.records import REQUEST_SCHEMA, Request
from spoolworker.backends.base import Made
from spoolworker.delivery import deliver
from tests.explore.gathering import Gathering
from tests.spool.attempt_meetings import claim_and_run, reaper
from tests.spool.fault_loop import rests
from tests.spool.scenes import owned, with_job
from tests.spool.spool_world import JOB, World

DAY_S = 86_400.0
MANIFEST_1 = layout.manifest("job-1", 1)


# Verdicts


def two_publish_one_file():
    """Each tries again after an error, and whatever it is told of its file is so."""
    world, _worker, _claimed = owned()
    path = layout.cancel("job-1", 1)

    def publishing(actor):
        data = codec.encode(
            Request(
                schema_=REQUEST_SCHEMA,
                action="cancel",
                target="job-1",
                by=actor.session,
                at=actor.utc_now(),
            )
        )

        def publish():
            for _ in range(2):
                try:
                    outcome = publish_once(actor, path, data)
                except OSError:
                    stands = world.share.tree().get(path) == data
                    assert not stands, "told 'nothing was published', and it was"
                    continue
                stands = world.share.tree().get(path) == data
                if outcome is not Outcome.UNKNOWN:
                    assert stands == (outcome is Outcome.WON), f"told {outcome}, and it is not so"
                    return

        return publish

    return Gathering(
        world, [("ann", publishing(world.person())), ("bob", publishing(world.person()))]
    )


def look_at_what_was_decided():
    """What was decided before an owner looks, it sees (NFS; on SMB within the caches' seconds)."""
    world, worker, claimed = owned()
    observer = reaper(world)
    ownership = Ownership(worker.actor, claimed, worker.life)

    def look():
        for _ in range(2):
            decided = MANIFEST_1 in world.share.tree()
            standing = ownership.look()
            assert not decided or standing is Standing.SUPERSEDED, f"told {standing}: too late"

    return Gathering(world, [("look", look), ("reap", observer.sweep)])


@dataclass(frozen=True)
class InMemory:
    """A file on a worker's local disk; as much of a ``Path`` as delivering asks for."""

    name: str
    data: bytes

    @property
    def suffix(self):
        return ".png"

    def open(self, _mode):
        return io.BytesIO(self.data)


def superseded_worker_delivers_late():
    """A zombie brings its image after its attempt was given up, while another runs the next one."""
    world, zombie, claimed = owned()
    observer = reaper(world)
    observer.sweep()
    observer.sweep()
    image = "0000-1-txt2img.png"
    made = Made(InMemory(image, b"the zombie's"), "txt2img", 0, True, 16, 16, 7, 7)

    def late():
        outputs = deliver(zombie.actor, claimed, (made,))
        ending = Ending(Verdict.SUCCEEDED, outputs=outputs, backend=BackendUsed(name="test"))
        return zombie.end(claimed, ending)

    def ended(_other, _late):
        rests(world, "job-1", "done")
        left = f"{layout.attempt('job-1', 1)}/{image}"
        assert left in world.share.tree(), "I3: what the superseded attempt left is gone"

    other = world.worker("w3", machine="host-c")
    return Gathering(world, [("other", lambda: claim_and_run(other)), ("late", late)], ended)


def worker_delivers_and_ends():
    """As the worker's program does it: the image, then the verdict, each until the share has taken it."""
    world, worker, claimed = owned()
    made = Made(InMemory("0000-1-txt2img.png", b"an image"), "txt2img", 0, True, 16, 16, 7, 7)

    def work():
        outputs = _until_it_works(lambda: deliver(worker.actor, claimed, (made,)))
        ending = Ending(Verdict.SUCCEEDED, outputs=outputs, backend=BackendUsed(name="test"))
        manifest = _until_it_works(lambda: conclude(worker.actor, claimed, ending))
        while _until_it_works(lambda: end(worker.actor, claimed, manifest)) is Outcome.UNKNOWN:
            pass

    return Gathering(world, [("work", work)])


def _until_it_works(step):
    for _ in range(3):
        with contextlib.suppress(OSError):
            return step()
    return step()


def failed_for_good_while_another_looked():
    """Two workers saw one record; who runs it runs it to a failure for good. The other must not begin it again, unasked."""
    world = with_job()
    one, other = world.worker("w1"), world.worker("w2", machine="host-b")
    (location,) = find(one.actor, "job-1")

    def claim_and_fail(worker):
        claimed = worker.claim(location)
        if isinstance(claimed, Claim):
            assert claimed.number == 1, "it was claimed again, and nobody asked"
            worker.run(claimed, fail=Code.BAD_JOB)

    return Gathering(
        world,
        [("claim 1", lambda: claim_and_fail(one)), ("claim 2", lambda: claim_and_fail(other))],
    )


# Names and days


def claim_over_midnight():
    """Two workers claim one job; the day ends between any two of their requests."""
    world = with_job()
    one, other = world.worker("w1"), world.worker("w2", machine="host-b")
    watch = world.person()
    (location,) = find(one.actor, "job-1")

    def midnight():
        watch.files.names(layout.LOCKS)
        world.turn(DAY_S / 2)

    return Gathering(
        world,
        [
            ("claim 1", lambda: claim_and_run(one, location)),
            ("claim 2", lambda: claim_and_run(other, location)),
            ("midnight", midnight),
        ],
    )


def label_changed_by_hand():
    """A person gives a waiting file another number, in the moment of a claim."""
    world = with_job(fail=[Code.STALLED])
    world.turn(600)
    worker, other, ann = world.worker("w1"), world.worker("w2", machine="host-b"), world.person()
    worker.sweep()
    (location,) = find(ann, "job-1")

    def relabel():
        ann.files.rename(location.path, f"queue/interactive/{location.file.labelled(7)}")

    return Gathering(
        world,
        [
            ("relabel", relabel),
            ("claim 1", lambda: claim_and_run(worker)),
            ("claim 2", lambda: claim_and_run(other)),
        ],
        lambda *_: rests(world, "job-1", "done"),
    )


def hurried_while_claimed():
    """A person drags a job to another class and to its front, while a worker claims it: it runs once, and at once."""
    world = with_job()
    ann, worker = world.person(), world.worker("w1")
    (location,) = find(ann, "job-1")

    def hurry():
        ann.files.rename(location.path, f"queue/interactive/0+{location.file}")

    def ended(_hurried, _ran):
        rests(world, "job-1", "done")
        assert world.verdicts("job-1") == ["succeeded"], "a lease was lost over a drag"

    return Gathering(world, [("hurry", hurry), ("claim", lambda: claim_and_run(worker))], ended)


def file_grows_while_claimed():
    """A file is copied in pieces; its first piece is a job by itself."""
    world = World(settle_s=20.0, reject_after_s=60.0)
    worker, gui = world.worker("w1"), world.person()
    piece, whole = JOB[: JOB.index(b"    seed")], JOB.replace(b"...\n", b"")

    def grow():
        for data in (piece, whole):
            gui.files.names("queue/normal")
            world.share.put("queue/normal/job-1.yaml", data)

    def ended(_grown, _claimed):
        rests(world, "job-1", "done")
        assert world.runs[0].data == whole, "I9: a piece of the file ran"

    return Gathering(world, [("grow", grow), ("claim", lambda: claim_and_run(worker))], ended)


def third_worker_dies():
    """A job failed twice; the worker of its last attempt died, and a sweeper ends that."""
    world = with_job(fail=[Code.STALLED, Code.STALLED])
    world.turn(600)
    worker = world.worker("w1")
    worker.sweep()
    worker.claim()
    observer = reaper(world)
    return Gathering(world, [("reap", observer.sweep)])
