"""Bringing the compiled corpus into StableNew's own ``learning_records.jsonl``.

StableNew counts every rated line that it finds, so a person's later word has to take the place of the earlier one there, too: the new line
is appended, and then the old one is *blanked*, overwritten with as many spaces. Blank lines are passed over by all of its readers; half
a record, should this be cut off in between, is, too. To write the file anew without the old lines was rejected: whatever StableNew appends
meanwhile would be lost.

Guarantees: of each of our images the first record and the last word are there once, recognised by ``run_id``; no byte of a line that is not
ours is changed, nor any line's place, a torn last line included (a newline is put behind it, so that it spoils nothing of ours); cut off
anywhere it leaves no word out, at worst the old one beside the new until the next sync; two syncs at once exclude each other.
Does not guarantee: anything against StableNew itself *rewriting* its file at that moment (it does so to undo a rating); it knows no lock.
Its appends and ours are single writes at the file's end; let it rest while syncing over a network.
"""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spoolctl.controller.last_words import NUMBER
from spoolctl.corpus.files import LOCK_TIMEOUT_S, locked, named
from spoolctl.spool import ShareUnusable, StateForbids, UsageError


@dataclass(frozen=True)
class Synced:
    """Counts: our lines appended now, ours there before, lines there that are not ours, and words that later ones replaced."""

    appended: int
    already: int
    foreign: int
    replaced: int = 0


@dataclass(frozen=True)
class _Line:
    """A line of ours, or of a file that may hold ours."""

    run_id: str
    digest: bytes
    """Of what it says, however it is spaced."""
    is_word: bool
    at: int
    data: bytes


@dataclass
class _There:
    """What StableNew's file holds."""

    of: dict[str, list[_Line]] = field(default_factory=dict)
    lines: int = 0
    ends_whole: bool = True


def sync_into(compiled: Path, into: Path, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Synced:
    """Bring *into* up to date with *compiled*.

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
    target = named(into)
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
    with locked(target, timeout_s=lock_timeout_s):
        try:
            return _sync(compiled, target)
        except OSError as error:
            raise ShareUnusable(f"cannot sync '{compiled}' into '{target}': {error}") from error


def _sync(compiled: Path, target: Path) -> Synced:
    there = _look(target)
    missing: list[bytes] = []
    ours: dict[str, set[bytes]] = {}
    """Of each of our images, what its words say, of which at most one is in the corpus."""
    already = 0
    with compiled.open("rb") as file:
        for data in file:
            line = _line(data, 0)
            if line is None or not data.endswith(b"\n"):
                continue
            is_new = line.run_id not in ours
            words = ours.setdefault(line.run_id, set())
            if line.is_word:
                words.add(line.digest)
                found = any(one.digest == line.digest for one in there.of.get(line.run_id, ()))
            elif is_new:
                found = any(not one.is_word for one in there.of.get(line.run_id, ()))
            else:
                continue
            already += found
            if not found:
                missing.append(data)
    if missing:
        _append(target, b"".join([b"" if there.ends_whole else b"\n", *missing]))
    stale = _stale(there, ours)
    if stale:
        _blank(target, stale)
    known = sum(len(there.of.get(run_id, ())) for run_id in ours)
    return Synced(len(missing), already, there.lines - known, len(stale))


def _stale(there: _There, ours: dict[str, set[bytes]]) -> list[_Line]:
    """Words of ours that are not the last, and what StableNew's readers would count twice: the same word again."""
    stale: list[_Line] = []
    for run_id, last in ours.items():
        seen: set[bytes] = set()
        for line in there.of.get(run_id, ()):
            if line.is_word and (line.digest not in last or line.digest in seen):
                stale.append(line)
            seen.add(line.digest)
    return stale


def _look(target: Path) -> _There:
    """The lines of StableNew's file by their run_id."""
    there = _There()
    at = 0
    data = b"\n"
    try:
        with target.open("rb") as file:
            for data in file:
                there.lines += bool(data.strip())
                line = _line(data, at)
                if line is not None:
                    there.of.setdefault(line.run_id, []).append(line)
                at += len(data)
    except FileNotFoundError:
        pass  # StableNew makes it with its first record; so do we
    there.ends_whole = data.endswith(b"\n")
    return there


def _line(data: bytes, at: int) -> _Line | None:
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    run_id = record.get("run_id") if isinstance(record, dict) else None
    if not isinstance(run_id, str):
        return None
    is_word = _is_word(record)
    said = json.dumps(record, sort_keys=True).encode() if is_word else b""
    digest = hashlib.blake2b(said, digest_size=16).digest()
    return _Line(run_id, digest, is_word, at, data if is_word else b"")


def _is_word(record: dict[str, Any]) -> bool:
    metadata = record.get("metadata")
    return isinstance(metadata, dict) and NUMBER in metadata


def _append(target: Path, data: bytes) -> None:
    """One write at the end, synced. Unbuffered, because a buffer would cut it into many."""
    with target.open("ab", buffering=0) as file:
        rest = memoryview(data)
        while rest:  # a write beyond 2 GiB, or into a disk about to be full, comes back short
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())


def _blank(target: Path, stale: list[_Line]) -> None:
    """Overwrite lines with spaces, each only if it still lies where it was seen.

    Raises:
        StateForbids: One does not: StableNew wrote the file anew meanwhile.
    """
    with target.open("r+b", buffering=0) as file:
        for line in stale:
            file.seek(line.at)
            if file.read(len(line.data)) != line.data:
                raise StateForbids(
                    f"somebody wrote '{target}' anew meanwhile",
                    hint="let StableNew rest, and sync again",
                )
            text = line.data.rstrip(b"\r\n")
            file.seek(line.at)
            file.write(b" " * len(text))
        os.fsync(file.fileno())
