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
    NameWatch,
    ShareUnusable,
    Vacancy,
    layout,
    read_record,
    refuse_holder,
)
from spoolworker.stopping import Stopping

_LOCK_WAIT_S = 1.0


def hold_name(actor: Actor, root: Path, stopping: Stopping) -> FileLock | None:
    """Take the worker's name for this process.

    Returns:
        The lock that holds the name until it is released; ``None`` if the process was asked to stop while it waited.

    Raises:
        NameTaken: Another process has it; the message says which.
        ShareUnusable: The share refuses locks.
        OSError: The share did not answer.
    """
    lock = FileLock(root / layout.lock(f"worker-{actor.name}"), mode=0o666)
    try:
        lock.acquire(timeout=_LOCK_WAIT_S)
    except Timeout:
        raise _holder(actor) from None
    except (OSError, NotImplementedError) as error:
        raise ShareUnusable(f"cannot lock the worker name '{actor.name}': {error}") from None
    try:
        watch = NameWatch(actor)
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
    return lock


def _holder(actor: Actor) -> NameTaken:
    try:
        beat = read_record(actor, Heartbeat, layout.node_heartbeat(actor.name))
    except (FileNotFoundError, BadRecord):
        beat = None
    if beat is not None and not beat.is_stopped:
        return refuse_holder(actor.name, beat)
    return NameTaken(
        f"the worker name '{actor.name}' is held by a process that is just starting",
        hint="give this worker another name (--name)",
    )
