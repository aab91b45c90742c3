"""Holding a worker's name: a lock first, then the heartbeat of whoever had it before.

Guarantees: a second process with the same name on machines that see each other's locks is refused at once, naming the holder.
No correctness rests on the lock (``spool.identity``).
"""

from pathlib import Path

from filelock import FileLock, Timeout

from spoolctl.spool import (
    Actor,
    BadRecord,
    Heartbeat,
    NameTaken,
    ShareUnusable,
    Vacancy,
    Watch,
    layout,
    read_record,
    refuse_holder,
)
from spoolworker.stopping import Stopping

_LOCK_WAIT_S = 1.0


class HeldName:
    """A name, held until ``release``."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    def release(self) -> None:
        """Let others have the name."""
        self._lock.release()


def hold_name(actor: Actor, root: Path, stopping: Stopping) -> HeldName | None:
    """Take the worker's name for this process.

    Returns:
        The held name; ``None`` if the process was asked to stop while it waited.

    Raises:
        NameTaken: Another process has it; the message says which.
        ShareUnusable: The share refuses locks.
        OSError: The share did not answer.
    """
    lock = FileLock(root / layout.LOCKS / f"worker-{actor.name}.lock", mode=0o666)
    try:
        lock.acquire(timeout=_LOCK_WAIT_S)
    except Timeout:
        raise _holder(actor) from None
    except (OSError, NotImplementedError) as error:
        raise ShareUnusable(f"cannot lock the worker name '{actor.name}': {error}") from None
    try:
        watch = Watch(actor)
        while (found := watch.holder()) is Vacancy.UNKNOWN:
            actor.log("name.watched", worker=actor.name)
            if stopping.wake.wait(actor.settings.heartbeat_s / 4):
                lock.release()
                return None
        if isinstance(found, Heartbeat):
            raise refuse_holder(actor.name, found)  # noqa: TRY301 - releases the lock like any error
    except BaseException:
        lock.release()
        raise
    return HeldName(lock)


def _holder(actor: Actor) -> NameTaken:
    path = f"{layout.NODES}/{actor.name}.{layout.HEARTBEAT}"
    try:
        beat = read_record(actor, Heartbeat, path)
    except (FileNotFoundError, BadRecord):
        beat = None
    if beat is not None and beat.state != "stopped":
        return refuse_holder(actor.name, beat)
    return NameTaken(
        f"the worker name '{actor.name}' is held by a process that is just starting",
        hint="give this worker another name (--name)",
    )
