"""What the explorer needs of a scene: a world behind hostile mounts, its actors, and the judge of the end.

The judge lets the share heal and fresh actors go on; then the checkers of the invariants look, and so does ``spoolctl fsck``
(``World.check_ended``). If a process died, it judges twice: others wait for its lease, or its machine starts anew.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from spoolctl.spool.actor import Actor
from spoolctl.spool.files import ShareFiles
from tests.explore.gathering import Gathering
from tests.hostile.client import Client, Decide, Late, Server
from tests.hostile.mounts import HONEST, NFS, SMB, WINDOWS, Mount
from tests.spool.fault_loop import speed_up
from tests.spool.interleaving import Meeting
from tests.spool.spool_world import TestClock, World

MOUNTS: dict[str, tuple[Mount, ...]] = {
    "honest": (HONEST,),
    "nfs": (NFS,),
    "smb": (SMB,),
    "windows": (WINDOWS,),
    "mixed": (NFS, replace(WINDOWS, clock_s=3600.0), replace(SMB, clock_s=-46_800.0)),
}
"""The mounts that the actors of one scene have, in turn. Where they are mixed, so are the clocks: an hour ahead, and a day behind."""


@dataclass
class Apart:
    """A machine's clocks, of which the wall clock is wrong."""

    clock: TestClock
    ahead_s: float

    def mono(self) -> float:
        """See ``ports.Clock``."""
        return float(self.clock.mono())

    def utc_s(self) -> float:
        """See ``ports.Clock``."""
        return float(self.clock.utc_s()) + self.ahead_s


@dataclass
class Scene:
    """One world, about to be played."""

    world: World
    server: Server
    made: Gathering
    is_lagging: bool
    """Some client's listings are old."""
    clients: list[Client] = field(default_factory=list)

    def handles(self) -> tuple[object, ...]:
        """What half-done renames hold in their hands, and who holds what open."""
        moving = tuple(self.server.where(h) for c in self.clients for h in c.handles)
        return (moving, len(self.server.held_open))

    def judge(
        self, answers: list[Any], late: list[Late], *, faultless: bool, died: bool = False
    ) -> None:
        """The share heals and fresh actors go on: everything must come to its end, also if a request comes late even now."""
        for name in ("actor", "client"):
            self.world.__dict__.pop(name, None)
        self.world.wait = self.world.turn
        if died:
            self._restarted()
        recover(self.world)
        if faultless:
            self._told(answers)
        for one in late:
            self.server.carry_out(one)
            self.world.check()
            recover(self.world)

    def _told(self, answers: list[Any]) -> None:
        if self.made.holds is not None:
            self.made.holds()
        # What actors are told by listings that lag may be "ask again"; what is true in the end is not theirs to bend.
        if self.made.ended is not None and not self.is_lagging:
            self.made.ended(*answers)

    def _restarted(self) -> None:
        """The same end once more, if all machines start anew at once: nobody is asked to wait for a lease."""
        world = self.world.copy()
        world.dead = set(range(world._pid + 1))
        recover(world, machine="host-a")


def recover(world: World, *, machine: str = "host-z") -> None:
    """Let fresh actors go on until everything rests, and let all checkers look; raises ``AssertionError``."""
    world.recover(machine=machine)
    world.check_ended()


@dataclass(frozen=True)
class Setting:
    """A scene under the mounts of a kind; ``make`` builds its world anew each time."""

    name: str
    make: Callable[[], Meeting | Gathering]
    mounts: str = "honest"

    @contextlib.contextmanager
    def prepared(self) -> Iterator[None]:
        """While a scene is explored equal bytes are read once, and no clock moves by being read."""
        with pytest.MonkeyPatch.context() as patch:
            speed_up(patch)
            patch.setattr(TestClock, "tick_s", 0.0)
            yield

    def build(
        self, decide: Decide, observe: Callable[[Any], None], wait: Callable[[float], None]
    ) -> Scene:
        """Build the world; every request of its actors goes through *decide*, all they learn through *observe*.

        An actor that pauses calls *wait*; then that much time has passed, for everybody.
        """
        clients: list[Client] = []
        kinds = MOUNTS[self.mounts]

        def client(world: World) -> ShareFiles:
            server = world.__dict__.setdefault("server", Server(world.share))
            native = Client(server, kinds[world._pid % len(kinds)], decide)
            native.observed = observe
            clients.append(native)
            return ShareFiles(Path("share"), native=native, sleep=partial(pause, world))

        def pause(world: World, seconds: float) -> None:
            wait(seconds)
            world.turn(seconds)

        plain = World.actor

        def actor(world: World, name: str, **kwargs: Any) -> Actor:
            ahead_s = kinds[(world._pid + 1) % len(kinds)].clock_s
            kwargs.setdefault("clock", Apart(world.clock, ahead_s) if ahead_s else None)
            return plain(world, name, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(World, "client", client)
            patch.setattr(World, "actor", actor)
            made = self.make()
        world = made.world
        world.client, world.actor = partial(client, world), partial(actor, world)
        world.wait = partial(pause, world)
        if isinstance(made, Meeting):
            acts = [("first", made.first), ("second", made.second)]
            made = Gathering(world, acts, made.ended)
        return Scene(world, world.server, made, any(kind.listings_s for kind in kinds), clients)
