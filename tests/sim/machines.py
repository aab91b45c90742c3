"""Machines and processes: clocks of their own, freezing, dying, starting anew."""

from collections.abc import Callable
from random import Random
from typing import Any

from spoolctl.spool.memory import Crashed
from spoolctl.spool.ports import Host
from tests.hostile.fates import Fate, faults_of
from tests.sim.time import Task, Time
from tests.spool.spool_world import START_UTC_S


class Machine:
    """One machine: its clocks, and whether it reaches the share."""

    def __init__(self, time: Time, number: int, draw: Random, skew_s: float) -> None:
        self.time, self.name = time, f"host-{number}"
        self.draw = draw
        self.skew_s = draw.uniform(-skew_s, skew_s)
        self.boots = 0
        self.cut_until = 0.0
        self.down_until = 0.0
        self.origin_s = draw.uniform(0.0, 1e6)
        self.processes: list[Process] = []

    def reboot(self) -> None:
        """Begin anew: another boot, another origin of the monotonic clock."""
        self.boots += 1
        self.origin_s = self.draw.uniform(0.0, 1e6)
        self.processes.clear()


class Process:
    """One process on a machine; its threads are tasks."""

    def __init__(self, time: Time, machine: Machine, name: str, pid: int, seed: str) -> None:
        self.time, self.machine, self.name, self.pid = time, machine, name, pid
        self.draw = Random(f"{seed}/{name}/{pid}")
        """For what it does itself."""
        self.fortune = Random(f"{seed}/{name}/{pid}/fortune")
        """For what happens to it."""
        self.dead = False
        self.frozen_until = 0.0
        self.native: Any = None
        self.tasks: list[Task] = []
        self.died: Callable[[], object] = lambda: None
        self.host = Host(
            machine.name, f"id-{machine.name}", f"boot-{machine.boots}", pid, float(pid)
        )
        self._mono_at = machine.origin_s - time.now
        machine.processes.append(self)

    def begin(self, name: str, act: Callable[[], object]) -> Task:
        """Begin a thread."""
        task = self.time.spawn(self, f"{self.name}/{name}", act)
        self.tasks = [one for one in self.tasks if not one.ended] + [task]
        return task

    def kill(self) -> None:
        """Die now; a request under way is not done, done, or done later."""
        if self.dead:
            return
        for task in self.tasks:
            if task.pending is not None and not task.ended:
                chosen = [
                    f for f in faults_of(task.pending) if f.name.startswith(("CRASH", "TORN"))
                ]
                self.time.enter(task, self.fortune.choice(chosen or [Fate.CRASH]))
        self.dead = True
        if self.native is not None:
            self.native.dead = True
        self.died()
        for task in self.tasks:
            self.time.kill(task)
        if self in self.machine.processes:
            self.machine.processes.remove(self)

    # ports.Clock

    def mono(self) -> float:
        return 1000.0 + self._mono_at + self.time.now

    def utc_s(self) -> float:
        return START_UTC_S + self.time.now + self.machine.skew_s

    # ports.Entropy

    def token(self) -> str:
        return f"{self.draw.getrandbits(64):016x}"

    def fraction(self) -> float:
        return self.draw.random()


__all__ = ["Crashed", "Machine", "Process"]
