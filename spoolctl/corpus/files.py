"""Files of learning records on this machine: their lines as StableNew reads them, faults, and moving bad lines aside.

Guarantees: checking changes nothing. Quarantining keeps every good line's bytes and their order, leaves the file as it was or as it shall
be, whole, and the original beside it under a new name; no line is lost, whatever fails in between. Does not guarantee anything against
StableNew writing at that very moment: it knows no lock, though a change before the last step is seen and refused.
"""

import base64
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from spoolctl.corpus.rules import Fault, faults
from spoolctl.spool import ShareUnusable, StateForbids, UsageError

FILE = "learning_records.jsonl"
QUARANTINE = "quarantine.jsonl"
LOCK_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Checked:
    """A line with faults."""

    number: int
    """From 1, counted as StableNew counts."""
    line: bytes
    faults: tuple[Fault, ...]

    @property
    def is_bad(self) -> bool:
        """True if one of them is more than a misreading."""
        return any(one.is_bad for one in self.faults)


@dataclass(frozen=True)
class Quarantined:
    """What came of moving bad lines aside; both paths are None if there was none."""

    kept: int
    moved: int
    into: Path | None = None
    original: Path | None = None


def named(given: Path) -> Path:
    """The file that a person means: as in StableNew, a folder, or a path without suffix, stands for the file of that name in it."""
    return given / FILE if given.is_dir() or not given.suffix else given


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file with their ends; as Python's text mode, StableNew takes a lone carriage return for one.

    Raises:
        UsageError: There is no such file.
        ShareUnusable: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            for block in file:
                yield from block.splitlines(keepends=True)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"there is no file '{path}'", hint="name a learning_records.jsonl, or its folder"
        ) from None
    except OSError as error:
        raise ShareUnusable(f"cannot read '{path}': {error}") from error


def checked(lines: Iterable[bytes]) -> Iterator[Checked]:
    """The lines that have faults."""
    for number, line in enumerate(lines, 1):
        found = faults(line)
        if found:
            yield Checked(number, line, tuple(found))


@contextmanager
def locked(target: Path, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Keep others of this program away from a file.

    Raises:
        StateForbids: Another does not end.
    """
    lock = FileLock(f"{target}.lock")
    try:
        with lock.acquire(timeout=timeout_s):
            yield
    except Timeout:
        raise StateForbids(
            f"cannot write to '{target}': another sync or check holds '{lock.lock_file}'",
            hint="wait for it to end; if none runs, remove that lock file",
        ) from None


def quarantine(path: Path) -> Quarantined:
    """Move a file's bad lines into ``quarantine.jsonl`` beside it.

    Raises:
        UsageError: There is no such file.
        StateForbids: Another check does not end, or somebody wrote to the file meanwhile.
        ShareUnusable: Reading or writing failed; the file is the old or the new one.
    """
    with locked(path):
        try:
            return _quarantine(path)
        except OSError as error:
            raise ShareUnusable(f"cannot quarantine lines of '{path}': {error}") from error


def _quarantine(path: Path) -> Quarantined:
    before = _stamp(path) if path.exists() else None
    new = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    bad: list[Checked] = []
    kept = 0
    try:
        with new.open("wb") as file:
            for number, line in enumerate(lines_of(path), 1):
                one = Checked(number, line, tuple(faults(line)))
                if one.is_bad:
                    bad.append(one)
                else:
                    file.write(line)
                    kept += bool(line.strip())
            file.flush()
            os.fsync(file.fileno())
        if not bad:
            return Quarantined(kept, 0)
        original = _kept_as(path)
        _put_aside(path.with_name(QUARANTINE), path.name, bad)
        if _stamp(path) != before:
            raise StateForbids(
                f"somebody wrote to '{path}' meanwhile", hint="let StableNew rest, and do it again"
            )
        shutil.copymode(path, new)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return Quarantined(kept, len(bad), path.with_name(QUARANTINE), original)


def _stamp(path: Path) -> tuple[int, int]:
    there = path.stat()
    return there.st_size, there.st_mtime_ns


def _kept_as(path: Path) -> Path:
    """A copy of the original under a name that nothing bears yet."""
    number = 1
    while True:
        original = path.with_name(f"{path.name}.bak{number if number > 1 else ''}")
        try:
            with original.open("xb") as target, path.open("rb") as source:
                shutil.copyfileobj(source, target)
                target.flush()
                os.fsync(target.fileno())
        except FileExistsError:
            number += 1
        else:
            shutil.copystat(path, original)
            return original


def _put_aside(into: Path, name: str, bad: list[Checked]) -> None:
    """Append what is not there yet: a run that was cut off has put some there before."""
    there = set(into.read_bytes().splitlines()) if into.exists() else set()
    told = [json.dumps(_told(name, one)).encode() for one in bad]
    with into.open("ab") as file:
        file.write(b"".join(line + b"\n" for line in told if line not in there))
        file.flush()
        os.fsync(file.fileno())


def _told(name: str, one: Checked) -> dict[str, object]:
    reasons = [
        {"field": f.field, "reason": f.reason, "effect": f.effect.value, "hint": f.hint}
        for f in one.faults
    ]
    told: dict[str, object] = {"file": name, "line": one.number, "faults": reasons}
    try:
        return told | {"text": one.line.decode()}
    except UnicodeDecodeError:
        return told | {"base64": base64.b64encode(one.line).decode()}
