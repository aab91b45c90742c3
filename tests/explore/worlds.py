"""What the explorer needs of a scene: a world behind hostile mounts, its actors, and the judge of the end."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from spoolctl.spool.files import ShareFiles
from tests.explore.gathering import Gathering
from tests.hostile.client import Client, Decide, Late, Server
from tests.hostile.mounts import HONEST, NFS, SMB, WINDOWS, Mount
from tests.spool.fault_loop import speed_up
from tests.spool.interleaving import Meeting
from tests.spool.spool_world import TestClock, World

Act = tuple[str, Callable[[], Any]]
MOUNTS: dict[str, tuple[Mount, ...]] = {
    "honest": (HONEST,),
    "nfs": (NFS,),
    "smb": (SMB,),
    "windows": (WINDOWS,),
    "mixed": (NFS, WINDOWS, SMB),
}
"""The mounts that the actors of one scene have, in turn."""


@dataclass
class Scene:
    """One world, about to be played."""

    world: World
    server: Server
    acts: list[Act]
    ended: Callable[..., None] | None
    clients: list[Client] = field(default_factory=list)

    def handles(self) -> tuple[object, ...]:
        """What half-done renames hold in their hands, and who holds what open."""
        moving = tuple(self.server.where(h) for c in self.clients for h in c.handles)
        return (moving, len(self.server.held_open))

    def judge(self, answers: list[Any], late: list[Late], *, faultless: bool) -> None:
        """The share heals and fresh actors go on: everything must come to its end, also if a request comes late even now."""
        self.world.client = self.world.share.view
        self._recover()
        if faultless and self.ended is not None:
            self.ended(*answers)
        for one in late:
            self.server.carry_out(one)
            self.world.check()
            self._recover()

    def _recover(self) -> None:
        self.world.recover()
        self.world.check_ended()


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
        """Build the world; every request of its actors goes through *decide*, all they learn through *observe*."""
        clients: list[Client] = []
        kinds = MOUNTS[self.mounts]

        def client(world: World) -> ShareFiles:
            server = world.__dict__.setdefault("server", Server(world.share))
            native = Client(server, kinds[world._pid % len(kinds)], decide)
            native.observed = observe
            clients.append(native)
            return ShareFiles(Path("share"), native=native, sleep=wait)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(World, "client", client)
            made = self.make()
        world = made.world
        world.client = lambda: client(world)
        if isinstance(made, Meeting):
            acts: list[Act] = [("first", made.first), ("second", made.second)]
        else:
            acts = made.acts
        # What actors are told by listings that lag may be "ask again"; what is true in the end is not theirs to bend.
        told = None if any(kind.listings_s for kind in kinds) else made.ended
        return Scene(world, world.server, acts, told, clients)
