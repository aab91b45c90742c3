"""One export at a time into one place: a lock beside what is written, which StableNew itself does not know."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from spoolctl.spool import StateForbids, UsageError

LOCK_TIMEOUT_S = 30.0


@contextmanager
def alone(target: Path, lock: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock that keeps other exports from *target*.

    Args:
        target: A file or folder to write into; the folder that it lies in must exist.
        lock: The lock's file.
        timeout_s: How long to wait for it.

    Raises:
        UsageError: There is no such folder.
        StateForbids: Another export does not end.
    """
    if not target.parent.is_dir():
        raise UsageError(
            f"cannot export to '{target}': there is no folder '{target.parent}'",
            hint="name a place in StableNew's own folders, such as data/job_history.jsonl or output/spool",
        )
    try:
        with FileLock(lock).acquire(timeout=timeout_s):
            yield
    except Timeout:
        raise StateForbids(
            f"cannot export to '{target}': another export holds '{lock}'",
            hint="wait for it to end; if none runs, remove that lock file",
        ) from None
