"""What a client asks of a file server, and what may become of the asking."""

import errno
from dataclasses import dataclass
from enum import Enum

CHANGES = frozenset({"create", "sync", "link", "rename", "rename.set", "unlink", "mkdir", "rmdir"})
LOOKS = frozenset({"names", "names.rest", "stat", "open", "rename.open"})


@dataclass(frozen=True)
class Request:
    """One request that leaves the machine; what a cache answers is none.

    ``kind``: names, names.rest, stat, open, close, create, sync, link, rename, rename.open, rename.set, unlink, mkdir, rmdir.
    """

    kind: str
    path: str
    target: str = ""

    @property
    def changes(self) -> bool:
        """True if it changes something on the share."""
        return self.kind in CHANGES

    @property
    def is_private(self) -> bool:
        """True if it concerns nothing but a temporary file whose name nobody else draws, so that no other client's order matters."""
        return self.kind in ("create", "sync", "unlink") and self.path.endswith(".tmp")

    def __str__(self) -> str:
        return f"{self.kind} {self.path}" + (f" -> {self.target}" if self.target else "")


class Fate(Enum):
    """What becomes of a request."""

    DONE = "done"
    REFUSED = "not done, EIO"
    FULL = "not done, ENOSPC"
    STALE = "not done, ESTALE"
    LOST_REPLY = "done, reply lost: EIO"
    REPEATED = "done, reply lost and asked again: EEXIST or ENOENT"
    LATER = "done later, the caller gave up: EIO"
    CRASH = "not done, its process dies"
    CRASH_AFTER = "done, its process dies"
    CRASH_LATER = "done later, its process dies now"
    TORN = "half of the bytes written, its process dies"
    BLIND = "an empty listing"


ERRNO = {
    Fate.REFUSED: errno.EIO,
    Fate.FULL: errno.ENOSPC,
    Fate.STALE: errno.ESTALE,
    Fate.LOST_REPLY: errno.EIO,
    Fate.LATER: errno.EIO,
}
REPEATED_ERRNO = dict.fromkeys(("create", "link", "mkdir"), errno.EEXIST) | dict.fromkeys(
    ("rename", "unlink", "rmdir"), errno.ENOENT
)
"""What a server that was restarted meanwhile says of a request that it has done already (measured: nfsd 6.1)."""
DIES = frozenset({Fate.CRASH, Fate.CRASH_AFTER, Fate.CRASH_LATER, Fate.TORN})


_TAKES_SPACE = frozenset({"create", "sync", "link", "mkdir"})
_CRASHES = (Fate.CRASH, Fate.CRASH_AFTER, Fate.CRASH_LATER)


def faults_of(request: Request) -> tuple[Fate, ...]:
    """Every fate of this request that differs from every other's and from ``DONE``.

    Left out is what comes to the same as a fate of the request before or after: of two reads of one listing the second fails as the
    first; who dies while closing has died before the next request; a temporary file is nobody else's, so that its loss by
    any error is one, and who dies before its making died after the request before.
    """
    kind = request.kind
    if kind in ("close", "names.rest"):
        return ()
    if kind == "names":
        return (Fate.REFUSED, Fate.BLIND, Fate.CRASH)
    if kind == "open":
        return (Fate.STALE, Fate.CRASH)
    if kind in LOOKS:
        return (Fate.REFUSED, Fate.CRASH)
    if request.is_private:
        return (
            (Fate.FULL, Fate.TORN, Fate.CRASH_AFTER)
            if kind == "sync"
            else (Fate.REFUSED, Fate.CRASH_AFTER)
        )
    found = [Fate.REFUSED, Fate.LOST_REPLY, Fate.LATER, *_CRASHES]
    found += [Fate.FULL] * (kind in _TAKES_SPACE)
    found += [Fate.TORN] * (kind == "sync")
    found += [Fate.REPEATED] * (kind in REPEATED_ERRNO)
    return tuple(found)
