"""What a benchmark asks of a queue: the spool, the floor and each peer implement this.

A peer is driven by its own API as its own worker drives it, with what it offers for safety turned on, and says what it does *not* do for
a job. What the spool does, for comparison: the record synced, pinned and validated; a lease with a heartbeat; exactly one verdict an
attempt, synced, with digest and retry state; a state that a person sees; a job that survives its worker.
"""

import importlib.util
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

PAYLOAD = "schema: spool.job/1, a lighthouse in the fog, seed 7".ljust(130, ".")


class Peer(ABC):
    """One kind of queue, in a folder of its own.

    Args:
        root: The folder; one process makes it, others open it.
    """

    name: ClassVar[str]
    lacks: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    """Modules without which it cannot run."""
    server: ClassVar[bool] = False
    """True if it needs the Redis server."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.took: tuple[float, float] | None = None
        """First and last moment of the work by the monotonic clock, if the peer knows better than whoever calls it."""

    @classmethod
    def missing(cls) -> list[str]:
        """Modules that it needs and that are not installed."""
        return [name for name in cls.needs if importlib.util.find_spec(name) is None]

    def make(self) -> None:
        """Make the queue, once."""
        return

    @abstractmethod
    def submit(self, count: int) -> None:
        """Submit so many jobs, in bulk where the queue can."""

    def open(self) -> None:
        """Get ready to work, in each worker's process, before the clock starts."""
        return

    @abstractmethod
    def work(self) -> list[str]:
        """Do what is there until nothing is left; what names it did."""


class Floor(Peer):
    """No peer: the least that a spool in files can do. One rename claims; nothing is synced, nobody can die."""

    name = "floor"
    lacks = "sync, validation, lease, heartbeat, verdict, retry, recovery: everything"

    def make(self) -> None:
        for part in ("queue", "claimed", "done"):
            (self.root / part).mkdir()

    def submit(self, count: int) -> None:
        for number in range(count):
            temporary = self.root / f"{number}.tmp"
            temporary.write_text(PAYLOAD)
            temporary.rename(self.root / "queue" / f"job-{number:06d}")

    def work(self) -> list[str]:
        done = []
        for job in sorted((self.root / "queue").iterdir()):
            claimed = self.root / "claimed" / job.name
            try:
                job.rename(claimed)
            except FileNotFoundError:
                continue
            claimed.read_bytes()
            result = claimed.with_suffix(".tmp")
            result.write_text(PAYLOAD)
            result.rename(self.root / "done" / f"{job.name}.result")
            claimed.rename(self.root / "done" / job.name)
            done.append(job.name)
        return done
