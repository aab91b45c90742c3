"""Virtual time: tasks (greenlets) that sleep, on one heap; what is due at the same instant goes in an order drawn from the seed.

Guarantees: the same seed gives the same order, whatever Python's hash seed is. Does not guarantee fairness: a task that
never sleeps stops the world.
"""

import heapq
import itertools
from collections.abc import Callable
from random import Random
from typing import Any, Protocol

import greenlet

from spoolctl.spool.memory import Crashed


class Owner(Protocol):
    """Whose tasks they are: a process that can freeze and die."""

    dead: bool
    frozen_until: float


class Task:
    """One thread of a process."""

    __slots__ = ("ended", "generation", "name", "owner", "pending", "thread")

    def __init__(self, owner: Owner, name: str, thread: Any) -> None:
        self.owner, self.name, self.thread = owner, name, thread
        self.generation = 0
        self.pending: Any = None
        """The request at which it stands, if any."""
        self.ended = False


class Time:
    """The world's time in seconds, and everything that is still to happen."""

    def __init__(self, seed: str) -> None:
        self.now = 0.0
        self.current: Task | None = None
        self.unforeseen: Callable[[Task, BaseException], None] | None = None
        """Told of whatever a task raised but ``Crashed``."""
        self._heap: list[
            tuple[float, float, int, Callable[[], object] | None, Task | None, int]
        ] = []
        self._ties = Random(f"{seed}/ties")
        self._count = itertools.count()
        self._main = greenlet.getcurrent()

    # From anywhere

    def at(self, moment: float, call: Callable[[], object]) -> None:
        """Let *call* happen; it must not sleep."""
        self._push(moment, call, None, 0)

    def spawn(self, owner: Owner, name: str, act: Callable[[], object]) -> Task:
        """Begin a thread of *owner*."""

        def live(_: object = None) -> None:
            try:
                act()
            except Crashed:
                pass
            except Exception as error:  # noqa: BLE001 - judged by whoever runs the world
                if self.unforeseen is not None:
                    self.unforeseen(task, error)
            finally:
                task.ended = True

        task = Task(owner, name, greenlet.greenlet(live, self._main))
        self._push(self.now, None, task, task.generation)
        return task

    def wake(self, task: Task) -> None:
        """End a task's sleep now."""
        self._push(self.now, None, task, task.generation)

    # From within a task

    def pause(self, until: float) -> Any:
        """Sleep until that moment, or until woken; what ``enter`` hands over."""
        task = self.current
        assert task is not None, "only a task can sleep"
        if task.owner.dead:
            raise Crashed(f"{task.name} sleeps, and its process is dead")
        task.generation += 1
        if until != float("inf"):
            self._push(until, None, task, task.generation)
        return self._main.switch()

    def sleep(self, seconds: float) -> None:
        """Sleep for so long."""
        until = self.now + seconds
        while self.now < until:
            self.pause(until)

    # From the world's own loop

    def run(self, until: float, is_over: Callable[[], bool]) -> None:
        """Let everything happen up to that moment."""
        while self._heap and self._heap[0][0] <= until and not is_over():
            moment, _, _, call, task, generation = heapq.heappop(self._heap)
            self.now = max(self.now, moment)
            if task is None:
                assert call is not None
                call()
            elif task.ended or task.generation != generation:
                continue
            elif task.owner.frozen_until > self.now:
                self._push(task.owner.frozen_until, None, task, generation)
            else:
                self.enter(task, None)
        if not is_over():
            self.now = max(self.now, until)

    def enter(self, task: Task, value: Any) -> None:
        """Let a task go on with what it waits for."""
        task.generation += 1
        self.current = task
        try:
            task.thread.switch(value)
        finally:
            self.current = None

    def kill(self, task: Task) -> None:
        """Let a task die where it stands; its owner must be marked dead."""
        if not task.ended:
            task.generation += 1
            self.current = task
            try:
                task.thread.throw(Crashed(f"{task.name} was killed"))
            except Crashed:
                pass  # it had not begun
            finally:
                self.current = None
                task.ended = True

    def _push(
        self, moment: float, call: Callable[[], object] | None, task: Task | None, generation: int
    ) -> None:
        entry = (max(moment, self.now), self._ties.random(), next(self._count))
        heapq.heappush(self._heap, (*entry, call, task, generation))
