"""Bringing the compiled corpus into StableNew's own ``learning_records.jsonl``, by appending.

Guarantees: each of our records is there once, recognised by its ``run_id``; nothing that is there
is changed, a torn last line included (a newline is put behind it, so that it spoils nothing of
ours); two syncs at once exclude each other.
Does not guarantee: anything against StableNew itself writing at that moment; it knows no lock. Its
appends and ours are single writes at the file's end; let it rest while syncing over a network.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from spoolctl.spool import ShareUnusable, StateForbids, UsageError

FILE = "learning_records.jsonl"
LOCK_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Synced:
    """Counts: our records appended now, ours there before, and lines there that are not ours."""

    appended: int
    already: int
    foreign: int


def sync_into(compiled: Path, into: Path, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Synced:
    """Append to *into* what it lacks of *compiled*.

    Args:
        compiled: The compiled corpus; lines that are no record are passed over.
        into: StableNew's file. A folder, or a path without suffix, stands for the
            ``learning_records.jsonl`` in it, as in StableNew's own writer. Its folder must exist.
        lock_timeout_s: How long to wait for another sync.

    Raises:
        UsageError: There is no such folder.
        StateForbids: Nothing was compiled yet, or another sync does not end.
        ShareUnusable: Reading or writing failed; what is missing is appended by the next sync.
    """
    target = into / FILE if into.is_dir() or not into.suffix else into
    if not target.parent.is_dir():
        raise UsageError(
            f"cannot sync into '{target}': there is no folder '{target.parent}'",
            hint="name StableNew's data/learning folder, or the learning_records.jsonl in it",
        )
    if not compiled.is_file():
        raise StateForbids(
            f"cannot sync from '{compiled}': nothing was compiled yet",
            hint="start the controller (spoolctl controller run --once) once, so that it merges what is finished",
        )
    lock = FileLock(f"{target}.lock")
    try:
        with lock.acquire(timeout=lock_timeout_s):
            return _sync(compiled, target)
    except Timeout:
        raise StateForbids(
            f"cannot sync into '{target}': another sync holds '{lock.lock_file}'",
            hint="wait for it to end; if none runs, remove that lock file",
        ) from None
    except OSError as error:
        raise ShareUnusable(f"cannot sync '{compiled}' into '{target}': {error}") from error


def _sync(compiled: Path, target: Path) -> Synced:
    there, lines_there, ends_whole = _look(target)
    missing: list[bytes] = []
    ours: set[str] = set()
    with compiled.open("rb") as file:
        for line in file:
            run_id = _run_id(line)
            if run_id is None or run_id in ours or not line.endswith(b"\n"):
                continue
            ours.add(run_id)
            if run_id not in there:
                missing.append(line)
    if missing:
        _append(target, b"".join([b"" if ends_whole else b"\n", *missing]))
    already = len(ours) - len(missing)
    foreign = lines_there - sum(count for run_id, count in there.items() if run_id in ours)
    return Synced(len(missing), already, foreign)


def _look(target: Path) -> tuple[dict[str, int], int, bool]:
    """How often each run_id is there, how many lines there are, and if the last one is whole."""
    there: dict[str, int] = {}
    lines = 0
    last = b"\n"
    try:
        with target.open("rb") as file:
            for last in file:
                lines += bool(last.strip())
                if (run_id := _run_id(last)) is not None:
                    there[run_id] = there.get(run_id, 0) + 1
    except FileNotFoundError:
        pass  # StableNew makes it with its first record; so do we
    return there, lines, last.endswith(b"\n")


def _run_id(line: bytes) -> str | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    run_id = record.get("run_id") if isinstance(record, dict) else None
    return run_id if isinstance(run_id, str) else None


def _append(target: Path, data: bytes) -> None:
    """One write at the end, synced. Unbuffered, because a buffer would cut it into many."""
    with target.open("ab", buffering=0) as file:
        rest = memoryview(data)
        while rest:  # a write beyond 2 GiB, or into a disk about to be full, comes back short
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
