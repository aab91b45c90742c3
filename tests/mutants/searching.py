"""Where a deliberate error is looked for: the explorer's orders of requests, or the simulated world's seeds; both give the same each time.

Guarantees: what is found is an invariant that does not hold, or a scene's own promise; anything else that goes wrong is raised.
"""

from dataclasses import dataclass
from typing import Protocol

from tests.explore.engine import Bounds, Failed, explore
from tests.explore.worlds import Setting
from tests.mutants.scenes import SCENES
from tests.sim.simulation import Broken, simulate


@dataclass(frozen=True)
class Found:
    """A violation: what was said of it, and after how many tries."""

    said: str
    after: str
    story: str


class Search(Protocol):
    """One way to look. Equal searches find the same."""

    def find(self) -> Found | None:
        """Look, within its bounds."""


@dataclass(frozen=True)
class Orders:
    """A scene under one kind of mounts, and how far its orders of requests are explored."""

    scene: str
    mounts: str = "honest"
    preemptions: int = 1
    faults: int = 0
    schedules: int = 60

    def __str__(self) -> str:
        bounds = [(self.preemptions, "preemption"), (self.faults, "fault")]
        told = [_counted(number, what) for number, what in bounds if number]
        return ", ".join([f"{self.scene} on {self.mounts}", *told])

    def find(self) -> Found | None:
        setting = Setting(self.scene, SCENES[self.scene], self.mounts)
        try:
            explore(setting, Bounds(self.preemptions, self.faults, self.schedules))
        except Failed as error:
            said, _, story = str(error).partition("\n")
            return Found(said, _counted(error.schedules, "schedule"), story)
        return None


@dataclass(frozen=True)
class Seeds:
    """The simulated world's seeds from ``first`` on, until one is broken."""

    first: int = 0
    count: int = 15

    def __str__(self) -> str:
        return f"the simulated world, seeds {self.first} to {self.first + self.count - 1}"

    def find(self) -> Found | None:
        for seed in range(self.first, self.first + self.count):
            try:
                simulate(seed)
            except Broken as error:
                return Found(error.told, _counted(seed - self.first + 1, "seed"), str(error))
        return None


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
