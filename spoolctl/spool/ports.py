"""The ports: what the steps need of files, clocks and randomness, as small protocols.

The same step code runs on a real share (``files.ShareFiles``), in memory with faults
(``memory.MemoryFiles``) and under a simulated clock. Paths are relative to the spool's root, with
forward slashes, on every platform.

An implementation of ``Files`` knows bytes and names, not jobs. It raises ``OSError`` and its
subclasses and nothing else. *After any error nothing is known*: a reply can be lost and the effect done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Stat:
    """What a look at one entry tells. ``mtime_s``: seconds since the epoch as the share gives them."""

    bytes: int
    mtime_s: float
    is_folder: bool


@dataclass(frozen=True)
class Digest:
    """Length in bytes and lower-case hex SHA-256 of a whole file."""

    bytes: int
    sha256: str


class Files(Protocol):
    """A share. Every method may raise ``OSError`` with the effect done, not done, or still to come."""

    def oldest_call_s(self, aside: frozenset[str] = frozenset()) -> float:
        """For how long the oldest call of another thread has neither returned nor got on, in seconds; 0.0 if none goes on. Asks nobody.

        *aside* are names of threads whose calls do not count.
        """
        ...

    def names(self, folder: str) -> tuple[str, ...]:
        """List a folder's entries, asking the server, in no order.

        Raises:
            FileNotFoundError: The folder does not exist (its parents were asked afresh too).
        """
        ...

    def read(self, path: str, *, bytes_max: int) -> bytes:
        """Read a whole file of at most *bytes_max* bytes; never an answer from an attribute cache.

        Raises:
            FileNotFoundError: It does not exist (its folder was asked afresh).
            OSError: ``errno.EFBIG`` if the file is longer.
        """
        ...

    def write_new(self, path: str, data: bytes, *, lasting: bool = True) -> None:
        """Create a file that must not exist, write it, sync it and close it.

        Not *lasting*: everybody sees it and errors are told all the same, but a power cut may take it. For signs of life, which nothing
        that lost its power gives.
        """
        ...

    def write_all_new(self, files: Sequence[tuple[str, bytes]]) -> None:
        """As ``write_new`` for each path and its bytes, in order; faster, because they are synced together.

        After an error some are there, and perhaps a part of one: remove them.
        """
        ...

    def link(self, source: str, target: str) -> None:
        """Hard-link *source* to *target*, which must not exist (``FileExistsError``)."""
        ...

    def rename(self, source: str, target: str, *, apart: bool = False) -> None:
        """Move a file, replacing what is at *target*. Atomic; **not** exclusive on SMB.

        *apart*: no client can remember *target* as a name of this very file, because *source* was made a moment ago under a name of its
        own, or *target* has never been. Then the move need not be proven by another look. (To find *target* free proves nothing: over SMB
        a client may forget that a name is there and still remember for which file it was.)

        Raises:
            FileExistsError: Both are names of one file, and stay.
        """
        ...

    def unlink(self, path: str) -> None:
        """Remove a file."""
        ...

    def mkdir(self, folder: str) -> None:
        """Make one folder that must not exist (``FileExistsError``); its parent must."""
        ...

    def rmdir(self, folder: str) -> None:
        """Remove one empty folder."""
        ...

    def stat(self, path: str) -> Stat:
        """Look at one entry, after asking its folder afresh."""
        ...

    def store(self, local: Path, path: str) -> None:
        """Copy a local file to *path*, which must not exist; synced and closed on return."""
        ...

    def fetch(self, path: str, local: Path) -> Digest:
        """Copy a file of the share to a local path, and tell what was read."""
        ...

    def digest(self, path: str) -> Digest:
        """Read a whole file back and tell its length and SHA-256."""
        ...


class Clock(Protocol):
    """This machine's clocks. Decisions read ``mono`` only; ``utc_s`` is written for people."""

    def mono(self) -> float:
        """Seconds of a clock that never goes back; only differences mean anything."""
        ...

    def utc_s(self) -> float:
        """Seconds since the epoch by this machine's wall clock."""
        ...


class Entropy(Protocol):
    """Randomness."""

    def token(self) -> str:
        """16 lower-case hex digits that nobody else draws."""
        ...

    def fraction(self) -> float:
        """A number from 0 up to, not including, 1, evenly spread."""
        ...


@dataclass(frozen=True)
class Host:
    """Where a process runs, precisely enough to tell from another that it is dead.

    ``host_id`` is the same for two processes only if they see each other's process ids;
    ``boot_id`` changes when that machine starts anew.
    """

    machine: str
    host_id: str
    boot_id: str
    pid: int
    started_s: float


IsAlive = Callable[[int, float], bool]
"""``is_alive(pid, started_s)``: does that very process still run on this machine?"""
