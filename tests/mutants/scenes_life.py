"""Scenes of life: heartbeats, observers that see badly, and owners who look after their record."""

from dataclasses import dataclass, field
from typing import Any

from spoolctl.spool import (
    Claim,
    Ownership,
    Standing,
    layout,
)
from spoolctl.spool.memory import MemoryFiles
from tests.explore.gathering import Gathering
from tests.spool.scenes import LATER, owned
from tests.spool.spool_world import TestClock, World


@dataclass
class Veiled:
    """A client's files with some answers changed: ``blind`` folders are listed as empty, ``frozen`` answers every look, and ``before`` is
    told of each operation."""

    files: Any
    blind: tuple[str, ...] = ()
    frozen: MemoryFiles | None = None
    before: Any = field(default=lambda _operation, _path: None)

    def __getattr__(self, operation: str) -> Any:
        frozen = self.frozen if operation in ("names", "read", "stat") else None

        def asked(path: str, *args: Any, **kwargs: Any) -> Any:
            self.before(operation, path)
            by = frozen if frozen is not None and not path.startswith(layout.LOCKS) else self.files
            real = getattr(by, operation)
            if operation == "names" and path in self.blind:
                return ()
            return real(path, *args, **kwargs)

        return asked


def _watched():
    """A worker that beats all the time, and an observer that sweeps for more than a lease."""
    world, worker, claimed = owned()
    observer = world.worker("w2", machine="host-b")
    world.turn(10)

    def watch():
        for _ in range(5):
            worker.life.beat_attempt(claimed.name, claimed.number)
            observer.sweep()
            assert world.verdicts("job-1") == [None], "I7: a live worker was reaped"
            world.turn(100)

    return world, observer, watch


def live_worker_is_watched():
    """By one on another machine, whose clock is an hour ahead."""
    world, worker, claimed = owned()
    clock = TestClock(offset_s=3600.0)
    observer = world.worker("w2", machine="host-b", clock=clock)

    def watch():
        for _ in range(5):
            worker.life.beat_attempt(claimed.name, claimed.number)
            observer.sweep()
            assert world.verdicts("job-1") == [None], "I6: a live worker was reaped"
            world.turn(100)
            clock.elapsed_s += 100

    return Gathering(world, [("watch", watch)])


def not_due_by_the_share_s_clock():
    """A job says not before a moment that has come by one worker's clock only, which is an hour ahead."""
    world = World()
    world.drop("job-1", LATER, "waiting")
    clock = TestClock(offset_s=3600.0)
    worker = world.worker("w1", clock=clock)

    def sweep_and_claim():
        worker.sweep()
        assert not isinstance(worker.claim(), Claim), "I6: it ran before its moment"

    return Gathering(world, [("work", sweep_and_claim)])


def live_worker_and_a_blind_observer():
    """The observer's listings of the attempt come back empty."""
    world, observer, watch = _watched()
    _veil(observer, blind=(layout.attempt("job-1", 1),))
    return Gathering(world, [("watch", watch)])


def _veil(worker, **lies):
    veiled = Veiled(worker.actor.files, **lies)
    object.__setattr__(worker.actor, "files", veiled)
    return veiled


def live_worker_and_a_frozen_observer():
    """What the observer reads is what it read long ago; what it writes arrives."""
    world, observer, watch = _watched()
    frozen = MemoryFiles()
    for path, data in world.share.tree().items():
        frozen.put(path, data)
    _veil(observer, frozen=frozen)
    return Gathering(world, [("watch", watch)])


def live_worker_and_a_share_that_was_away():
    """Both come back at once: the observer proves its sight, and meanwhile the worker's beat arrives."""
    world, worker, claimed = owned()
    observer = world.worker("w2", machine="host-b")

    def back(operation, path):
        if operation == "write_new" and path.startswith("nodes/"):
            veiled.before = lambda *_: None
            worker.life.beat_attempt(claimed.name, claimed.number)

    veiled = _veil(observer, before=lambda *_: None)

    def watch():
        for _ in range(6):
            observer.sweep()
            world.turn(51)
        veiled.before = back
        observer.sweep()
        assert world.verdicts("job-1") == [None], "I7: a live worker was reaped"

    return Gathering(world, [("watch", watch)])


def live_worker_whose_server_restarts():
    """Its rename waits for 95 s, as on NFS 4; the observer's mount (SMB, NFS 3) answers all the while, and sees no lock of it."""
    world, worker, claimed = owned()
    observer = world.worker("w2", machine="host-b")

    def watch():
        for _ in range(10):
            observer.sweep()
            assert world.verdicts("job-1") == [None], "I7: a live worker was reaped"
            world.turn(9.5)
        worker.life.beat_attempt(claimed.name, claimed.number)

    return Gathering(world, [("watch", watch)])


def live_worker_and_an_observer_that_hung():
    """The share stalls for all: the observer hangs in a listing, the worker in its beat."""
    world, worker, claimed = owned()
    observer = world.worker("w2", machine="host-b")

    def hang(operation, path):
        if (operation, path) == ("names", layout.attempt("job-1", 1)):
            veiled.before = lambda *_: None
            world.turn(310)

    veiled = _veil(observer, before=lambda *_: None)

    def watch():
        for _ in range(2):
            worker.life.beat_attempt(claimed.name, claimed.number)
            observer.sweep()
            world.turn(9)
        veiled.before = hang
        observer.sweep()
        assert world.verdicts("job-1") == [None], "I7: a live worker was reaped"

    return Gathering(world, [("watch", watch)])


def owner_whose_folder_is_listed_empty():
    """The record is where it belongs; the listings of its owner's mount lack it."""
    world, worker, claimed = owned()
    _veil(worker, blind=(layout.claimed(worker.actor.session).folder,))
    ownership = Ownership(worker.actor, claimed, worker.life)

    def look():
        for _ in range(3):
            assert ownership.look() is Standing.MINE, "I7: told that its record was removed"
            world.turn(20)

    return Gathering(world, [("look", look)])


def claimed_record_is_hurried():
    """A person drags a running job's record to the front of a queue that its owner listed a moment ago."""
    world, worker, claimed = owned()
    ann, ownership = world.person(), Ownership(worker.actor, claimed, worker.life)
    place = claimed.place(worker.actor)

    def look():
        worker.heads()
        for _ in range(3):
            assert ownership.look() is Standing.MINE, "I7: told that its record was removed"

    def hurry():
        ann.files.rename(place.path, f"queue/interactive/0+{place.file}")

    return Gathering(world, [("look", look), ("hurry", hurry)])
