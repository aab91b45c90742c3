"""Reading a spool without trusting it: what cannot be read becomes a finding, never an error.

Guarantees: changes nothing; every folder is listed before a file in it is opened; what was published once is parsed once. Does not
catch ``OSError``: a share that does not answer is no damage, and whoever asked must not conclude anything.
"""

import errno
import functools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from spoolctl.fsck.finding import Finding, Severity
from spoolctl.spool import (
    RECORD_BYTES_MAX,
    Actor,
    BadRecord,
    Job,
    Manifest,
    NewerRecord,
    Node,
    Pruned,
    Reason,
    Record,
    Request,
    decode,
    is_whole,
    layout,
    parse_job,
)

R = TypeVar("R", bound=Record)
_NO_REGULAR_FILE = frozenset({errno.EISDIR, errno.ELOOP})
_REMEMBERED_MAX = 512
_END_MARKED = frozenset({Manifest, Node, Pruned, Reason})
"""Records that only programs write, and whose every byte counts (docs/FORMAT.md, 4.2)."""


@functools.lru_cache(maxsize=_REMEMBERED_MAX)
def _decoded(kind: type[R], data: bytes) -> R:
    return decode(kind, data)


@functools.lru_cache(maxsize=_REMEMBERED_MAX)
def job_in(data: bytes) -> Job:
    """The job that these bytes are; errors as for ``parse_job``."""
    return parse_job(data)


class Reader:
    """One look's reading, and what it could not read."""

    def __init__(self, actor: Actor) -> None:
        self._files = actor.files
        self.unreadable: list[Finding] = []
        self.temporaries: list[str] = []
        self.files: set[str] = set()
        """What was to be listed and is a file."""

    def names(self, folder: str) -> frozenset[str] | None:
        """A folder's entries; None if there is no such folder.

        Raises:
            OSError: The share did not tell.
        """
        try:
            entries = frozenset(self._files.names(folder))
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            self.files.add(folder)
            return None
        self.temporaries.extend(f"{folder}/{one}" for one in entries if is_left_over(one))
        return entries

    def data(self, path: str, *, job: str | None = None) -> bytes | None:
        """A file's bytes; None if it is not there or is no readable file, which is then noted.

        Raises:
            OSError: The share did not tell.
        """
        try:
            return self._files.read(path, bytes_max=RECORD_BYTES_MAX)
        except FileNotFoundError:
            return None
        except OSError as error:
            why = self._why(path, error)
            if why is None:
                raise
            self._cannot_read(path, why, job)
            return None

    def record(self, kind: type[R], path: str, *, job: str | None = None) -> R | None:
        """A record; None if it is not there or cannot be read, which is then noted. Raises ``OSError`` as for ``data``."""
        data = self.data(path, job=job)
        if data is None:
            return None
        found = self._parsed(lambda: _decoded(kind, data), data, path, job)
        if found is not None and kind in _END_MARKED and not is_whole(data):
            # A prefix of YAML often parses: a verdict without the half of its outputs would pass for a verdict.
            self._cannot_read(path, "it is cut off: its last line is not '...'", job)
            return None
        return found

    def job(self, data: bytes, path: str, name: str) -> Job | None:
        """The job in a pinned record; None if it cannot be read, which is then noted."""
        return self._parsed(lambda: job_in(data), data, path, name)

    def request(self, path: str, *, job: str | None = None) -> None:
        """Look at a request of a person's. One to cancel is obeyed for being there, so none is damage."""
        noted = len(self.unreadable)
        self.record(Request, path, job=job)
        self.unreadable[noted:] = [
            replace(one, severity=Severity.NOTE, remedy="delete it, and ask again")
            for one in self.unreadable[noted:]
        ]

    def _parsed(self, parse: Callable[[], R], data: bytes, path: str, job: str | None) -> R | None:
        try:
            return parse()
        except NewerRecord as error:
            self.unreadable.append(newer(path, error, job))
        except BadRecord as error:
            self._cannot_read(path, "it is empty" if not data else str(error), job)
        return None

    def _why(self, path: str, error: OSError) -> str | None:
        """What the error says of the file; None if it speaks of the share."""
        if error.errno == errno.EFBIG:
            return f"it has more than {RECORD_BYTES_MAX} bytes"
        # What a folder's error is differs from system to system.
        if error.errno in _NO_REGULAR_FILE or self._files.stat(path).is_folder:
            return "it is no regular file"
        return None

    def _cannot_read(self, path: str, why: str, job: str | None) -> None:
        remedy = "delete it, unless a backup has it whole; its writer makes it anew"
        if job is not None or path == layout.SETTINGS:
            remedy = "restore it from a backup; do not delete it, because it says what is decided"
        self.unreadable.append(
            Finding(
                Severity.DAMAGE, "unreadable", "I2", path, f"cannot be read: {why}", why,
                f"a person must: {remedy}", job,
            )
        )  # fmt: skip


def newer(path: str, error: NewerRecord, job: str | None) -> Finding:
    """A record of a version that this program does not read: no damage."""
    what = f"{error}; it was not checked"
    return Finding(Severity.NOTE, "newer", "-", path, what, str(error), error.hint, job)


def is_left_over(entry: str) -> bool:
    """True for names that only a step under way, or one that was cut off, leaves."""
    return entry.startswith((".clock-", ".probe-")) or (
        entry.startswith(".") and entry.endswith(".tmp")
    )


def and_(parts: Iterable[object], *, most: int = 3) -> str:
    """A few things in words."""
    told = [str(one) for one in parts]
    more = f" and {len(told) - most} more" if len(told) > most else ""
    return ", ".join(told[:most]) + more
