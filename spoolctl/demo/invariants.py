"""Checks the invariants of docs/FORMAT.md on a spool at rest, by reading its files and nothing else.

Guarantees: changes nothing; takes no decision from the steps that made the tree (no settle, no sweep), only the paths, the names and
the readers of records; a fault in the tree is a problem told, never an error raised. Does not check I6 (no decision compares two
machines' clocks) and I7 (a blind observer does nothing): no tree shows them.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from spoolctl.spool import (
    BadRecord,
    Job,
    Manifest,
    Reason,
    Record,
    SpoolError,
    State,
    Verdict,
    decode,
    layout,
    parse_file_name,
    parse_job,
    sha256_of,
)

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Invariant:
    """One invariant, and what in the tree breaks it."""

    id: str
    says: str
    checked: str
    """How much was looked at."""
    problems: tuple[str, ...]

    @property
    def held(self) -> bool:
        """True if nothing breaks it."""
        return not self.problems


@dataclass(frozen=True)
class Given:
    """What the tree must account for."""

    jobs: Mapping[str, bytes]
    """The bytes of each submitted job by its name."""
    not_jobs: Mapping[str, bytes]
    """The bytes of each file that must have been rejected, by its file name."""


def check(root: Path, given: Given) -> list[Invariant]:
    """Check all invariants that a tree can show."""
    tree = _Tree(root, given)
    checks: tuple[tuple[str, str, Callable[[], Iterator[str]]], ...] = (
        ("I1", "every record lies in exactly one state folder", tree.one_folder),
        ("I2", "every file is whole: records read, outputs match digests", tree.whole),
        ("I3", "one verdict for each attempt, at most one commit", tree.one_verdict),
        ("I4", "an attempt follows only a verdict that is no success", tree.in_turn),
        ("I5", "nothing is lost: every job came to an end", tree.nothing_lost),
        ("I8", "bad input is rejected with its reason, and kept", tree.bad_input),
        ("I9", "what ran are the bytes that were submitted", tree.same_bytes),
        ("I10", "one corpus record for each committed image", tree.corpus),
    )
    found = []
    for name, says, look in checks:
        tree.checked = ""
        problems = tuple(look())
        found.append(Invariant(name, says, tree.checked, problems))
    return found


class _Tree:
    """A spool's files, as they lie."""

    def __init__(self, root: Path, given: Given) -> None:
        self.root = root
        self.given = given
        self.checked = ""
        self.places = self._places()
        self.unreadable: list[str] = []
        self.attempts = {name: self._attempts(name) for name in given.jobs}

    def one_folder(self) -> Iterator[str]:
        self.checked = f"{len(self.places)} jobs"
        for name, paths in self.places.items():
            if len(paths) > 1:
                yield f"'{name}' lies at {' and '.join(paths)}"
            if name not in self.given.jobs:
                yield f"'{paths[0]}' was never submitted"
        for name in self.given.jobs.keys() - self.places.keys():
            yield f"'{name}' lies in no state folder"

    def whole(self) -> Iterator[str]:
        yield from self.unreadable
        outputs = [
            (f"{layout.results(name)}/{out.path}", out.bytes, out.sha256)
            for name, attempts in self.attempts.items()
            for manifest in attempts.values()
            if manifest is not None
            for out in manifest.outputs
        ]
        self.checked = f"{len(outputs)} outputs"
        for path, length, sha256 in outputs:
            data = self._bytes(path)
            if data is None:
                yield f"'{path}' is not there"
            elif len(data) != length or sha256_of(data) != sha256:
                yield f"'{path}' is not what its manifest says"

    def one_verdict(self) -> Iterator[str]:
        self.checked = f"{sum(len(one) for one in self.attempts.values())} attempts"
        for name, attempts in self.attempts.items():
            for number, manifest in attempts.items():
                if manifest is None:
                    yield f"'{name}' attempt {number} has no verdict"
            commits = [n for n, m in attempts.items() if m is not None and m.succeeded]
            if len(commits) > 1:
                yield f"'{name}' was committed {len(commits)} times: attempts {_and(commits)}"
            if commits and max(attempts) > commits[0]:
                yield f"'{name}' ran again after its commit, attempt {commits[0]}"

    def in_turn(self) -> Iterator[str]:
        self.checked = f"{sum(len(one) > 1 for one in self.attempts.values())} jobs ran again"
        for name, attempts in self.attempts.items():
            if list(attempts) != list(range(1, len(attempts) + 1)):
                yield f"'{name}' has attempts {_and(attempts)}"
            for number, manifest in attempts.items():
                before = attempts.get(number - 1)
                if number > 1 and before is None:
                    yield f"'{name}' attempt {number} began without a verdict on the one before"
                if before is not None and before.succeeded:
                    yield f"'{name}' attempt {number} began after a success"
                own = f"a{number if manifest is None else manifest.adopted_from or number}/"
                for out in manifest.outputs if manifest else ():
                    if not out.path.startswith(own):
                        yield f"'{name}' attempt {number} claims '{out.path}', which is another's"

    def nothing_lost(self) -> Iterator[str]:
        self.checked = f"{len(self.given.jobs)} jobs"
        terminal = tuple(f"{state}/" for state in layout.TERMINAL)
        for name in self.given.jobs:
            attempts = self.attempts[name]
            last = attempts[max(attempts)] if attempts else None
            paths = self.places.get(name, [])
            if last is None or not last.final:
                yield f"'{name}' has no final verdict"
            elif not any(path.startswith(terminal) for path in paths):
                yield f"'{name}' has ended, but lies at {_and(paths) or 'no place'}"
            elif last.succeeded and not any(path.startswith(f"{State.DONE}/") for path in paths):
                yield f"'{name}' succeeded, but lies at {_and(paths)}"

    def bad_input(self) -> Iterator[str]:
        self.checked = f"{len(self.given.not_jobs)} rejected"
        rejected = self.root / layout.REJECTED
        reasons: dict[str, Path] = {}
        for path in sorted(rejected.glob(f"*{layout.REASON_SUFFIX}")):
            reason = self._record(Reason, f"{layout.REJECTED}/{path.name}")
            if reason is not None:
                reasons[reason.file] = path
        for file, data in self.given.not_jobs.items():
            told = reasons.get(file)
            if told is None:
                yield f"'{file}' is not in {layout.REJECTED}/ with a reason"
            elif (
                self._bytes(f"{layout.REJECTED}/{told.name.removesuffix(layout.REASON_SUFFIX)}")
                != data
            ):
                yield f"'{file}' was not kept as it was"

    def same_bytes(self) -> Iterator[str]:
        self.checked = f"{len(self.given.jobs)} records"
        for name, data in self.given.jobs.items():
            for path in (layout.pinned_record(name), *self.places.get(name, ())):
                if self._bytes(path) != data:
                    yield f"'{path}' is not what was submitted"
            for number, manifest in self.attempts[name].items():
                ran = manifest.record_sha256 if manifest else None
                if ran is not None and ran != sha256_of(data):
                    yield f"'{name}' attempt {number} ran another record"

    def corpus(self) -> Iterator[str]:
        committed = Counter(
            (name, out.image_index, out.sha256)
            for name, attempts in self.attempts.items()
            for manifest in attempts.values()
            if manifest is not None and manifest.verdict is Verdict.SUCCEEDED
            for out in manifest.images
        )
        self.checked = f"{len(committed)} images"
        told: Counter[tuple[str, int, str]] = Counter()
        for number, line in enumerate(
            (self._bytes(layout.LEARNING_RECORDS) or b"").splitlines(), start=1
        ):
            try:
                facts = json.loads(line)["metadata"]
                key = facts["spool_job"], facts["spool_image_index"], facts["spool_image_sha256"]
            except (ValueError, KeyError, TypeError):
                yield f"'{layout.LEARNING_RECORDS}' line {number} is no record of an image"
            else:
                told[key] += 1
        for key in sorted(committed.keys() | told.keys()):
            if told[key] != 1 or committed[key] != 1:
                yield (
                    f"'{key[0]}' image {key[1]} has {told[key]} corpus records "
                    f"and {committed[key]} commits"
                )

    def _places(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for state in State:
            for path in sorted((self.root / state).rglob("*")):
                file = parse_file_name(path.name)
                if file is not None and path.is_file():
                    where = path.relative_to(self.root).as_posix()
                    found.setdefault(file.name, []).append(where)
        return found

    def _attempts(self, name: str) -> dict[int, Manifest | None]:
        """All attempts of a job in order; None where there is no verdict that can be read."""
        folder = self.root / layout.results(name)
        entries = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        numbers = sorted(n for one in entries if (n := layout.attempt_number(one)) is not None)
        pinned = layout.pinned_record(name)
        data = self._bytes(pinned)
        try:
            if data is not None:
                parse_job(data)
        except SpoolError as error:
            self.unreadable.append(f"'{pinned}' cannot be read as a {Job.__name__}: {error}")
        paths = {n: layout.manifest(name, n) for n in numbers}
        return {n: self._record(Manifest, path) for n, path in paths.items()}

    def _record(self, kind: type[R], path: str) -> R | None:
        data = self._bytes(path)
        try:
            return decode(kind, data) if data is not None else None
        except BadRecord as error:
            self.unreadable.append(f"'{path}' cannot be read: {error}")
            return None

    def _bytes(self, path: str) -> bytes | None:
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return None


def _and(parts: object) -> str:
    return ", ".join(str(one) for one in parts) if isinstance(parts, list | dict) else str(parts)
