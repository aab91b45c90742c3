"""What goes to the share, counted below the port ``Files``, as round trips of a network file system.

The model, for a client with cold caches and no delegation (a preloaded counter of system calls finds the same figures):

| operation | NFS 3 | NFS 4 | requests |
|---|---|---|---|
| list a folder | 1, and 1 per 128 names if it changed since | the same | GETATTR, READDIR |
| ask for a folder, look at an entry, at a name | 1 | 1 | GETATTR or LOOKUP |
| open and read | 2 | 3 | LOOKUP or OPEN, READ, (CLOSE) |
| create, write, close | 2 | 3 | CREATE or OPEN, WRITE FILE_SYNC, (CLOSE) |
| link, rename, unlink, make or remove a folder | 1 | 1 | each its own |

Does not model: what the caches save (a real mount needs fewer), lookups of the folders on the way, a listing's attributes.
"""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spoolctl.spool import Actor, open_spool
from spoolctl.spool.files import ShareFiles
from spoolctl.spool.native import OsNative

NAMES_PER_READDIR = 128
_CLOSED_LATER = frozenset({"open", "create"})
"""NFS 4 closes with a request of its own."""
_FREE = frozenset({"permit", "reread", "send", "sync"})
"""Counted with the opening or the creating, or nothing is sent: no modes are set."""


class CountedNative:
    """The operating system, counting round trips; implements ``spoolctl.spool.native.Native``.

    Args:
        root: The spool's folder.
        trip_s: Slept for each round trip (NFS 3 column), to feel what a share costs.
    """

    def __init__(self, root: Path, *, trip_s: float = 0.0) -> None:
        self._root = root
        self._native = OsNative(root)
        self._trip_s = trip_s
        self.operations: Counter[str] = Counter()
        self.trips = 0
        self.trips_4 = 0
        self._listed: dict[str, tuple[int, frozenset[str]]] = {}
        self.native_s = 0.0
        """Time within the operating system's own calls: the least that these operations cost here."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._native, name)

        def call(*args: Any) -> Any:
            began = time.perf_counter()
            try:
                result = method(*args)
            except OSError:
                self._count(name, 1)  # "no" is an answer, too
                raise
            finally:
                self.native_s += time.perf_counter() - began
            trips = 1
            if name == "names":
                trips += self._readdirs(args[0], result)
            elif name in _CLOSED_LATER:
                trips += 1  # what is opened is read, what is created is written
            self._count(name, trips)
            return result

        setattr(self, name, call)
        return call

    def _readdirs(self, folder: str, names: list[str]) -> int:
        """What a listing costs beyond asking: nothing while the client's own copy is still true."""
        now = ((self._root / folder).stat().st_mtime_ns, frozenset(names))
        before = self._listed.get(folder)
        self._listed[folder] = now
        return 0 if before == now else max(1, -(-len(names) // NAMES_PER_READDIR))

    def _count(self, name: str, trips: int) -> None:
        if name in _FREE:
            return
        self.operations[name] += 1
        self.trips += trips
        self.trips_4 += trips + (name in _CLOSED_LATER)
        if self._trip_s:
            time.sleep(trips * self._trip_s)


def counted_spool(root: Path, name: str, *, trip_s: float = 0.0) -> tuple[Actor, CountedNative]:
    """A spool opened so that what it asks of the share is counted."""
    native = CountedNative(root, trip_s=trip_s)
    actor = open_spool(root, name=name, wrap=lambda _files: ShareFiles(root, native=native))
    return actor, native
