"""Threads and events of virtual time, under the names that ``threading`` has, so that the real agent runs on them unchanged.

Not modelled: locks. Nobody sleeps while holding one, so real ones serve.
"""

import threading
from collections.abc import Callable

from tests.sim.time import Task, Time


class Threading:
    """What takes the place of the module ``threading``."""

    Lock = threading.Lock

    def __init__(self, time: Time) -> None:
        self._time = time

    def Event(self) -> "Event":  # noqa: N802 - the module's name
        return Event(self._time)

    def Thread(  # noqa: N802 - the module's name
        self, *, target: Callable[[], None], name: str, daemon: bool
    ) -> "Thread":
        return Thread(self._time, target, name)


class Event:
    """As ``threading.Event``."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self._set = False
        self._waiting: list[Task] = []

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        for task in self._waiting:
            self._time.wake(task)

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        task = self._time.current
        assert task is not None
        until = float("inf") if timeout is None else self._time.now + timeout
        self._waiting.append(task)
        try:
            while not self._set and self._time.now < until:
                self._time.pause(until)
        finally:
            self._waiting.remove(task)
        return self._set


class Thread:
    """As ``threading.Thread``; belongs to the process of whoever started it."""

    def __init__(self, time: Time, target: Callable[[], None], name: str) -> None:
        self._time, self._target, self._name = time, target, name
        self._over = Event(time)
        self._started = False

    def start(self) -> None:
        starter = self._time.current
        assert starter is not None
        self._started = True
        owner = starter.owner
        owner.begin(self._name, self._live)  # type: ignore[attr-defined]

    def _live(self) -> None:
        try:
            self._target()
        finally:
            self._over.set()

    def is_alive(self) -> bool:
        return self._started and not self._over.is_set()

    def join(self, timeout: float | None = None) -> None:
        self._over.wait(timeout)
