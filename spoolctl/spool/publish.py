"""The two exclusive operations, and replacing a file of one's own. Every decision is made with these.

``publish_once`` makes a file appear whole under a name that must not exist: an own temporary file, written and
synced, then a hard link to the final name, then the temporary goes. ``make_once`` makes a folder. Both are exclusive on
NFS, on SMB and on any mix of them (measured); a rename that should refuse to replace is not.

Guarantees: at most one publisher of a path ever gets ``WON``, and what it published stays. After an error the name
is looked at before anything is concluded, because a reply can be lost and the request done.
Does not guarantee: an answer. ``UNKNOWN`` means that the share would not even say; publish the same bytes again.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor

TRIES_MAX = 3
_REFUSED = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.EMLINK}
)
"""Answers that are a server's plain "no", if a look then finds nothing."""


class Outcome(Enum):
    """What came of an exclusive operation. Never a bool: ``False`` would hide ``UNKNOWN``."""

    WON = "won"
    LOST = "lost"
    UNKNOWN = "unknown"


def publish_once(actor: Actor, path: str, data: bytes) -> Outcome:
    """Make *data* the content of *path*, for ever, unless something is there already.

    Returns:
        ``WON`` if *path* holds exactly *data* (published now, or by an earlier call whose reply was lost), ``LOST`` if it
        holds anything else, ``UNKNOWN`` if the share does not tell.

    Raises:
        OSError: Nothing was published (share full, no permission, the folder is gone).
    """
    with own_temporary(actor, path) as temporary:
        actor.files.write_new(temporary, data)
        return _link(actor, temporary, path, data)


@contextmanager
def own_temporary(actor: Actor, path: str, *, renamed: bool = False) -> Iterator[str]:
    """A name beside *path* that nobody else draws; what lies there goes at the end, as far as the share answers.

    Args:
        actor: Who acts.
        path: What the temporary file is to become.
        renamed: The body moves the file away: unless it fails, nothing is left to remove, and no round trip is spent on it.
    """
    folder = layout.parent(path)
    name = f".{actor.entropy.token()}.tmp"
    temporary = f"{folder}/{name}" if folder else name
    left = True
    try:
        yield temporary
        left = not renamed
    finally:
        if left:
            _remove(actor, temporary)


def _remove(actor: Actor, temporary: str) -> None:
    try:
        actor.files.unlink(temporary)
    except FileNotFoundError:
        pass
    except OSError as error:
        actor.log("publish.temporary_left", path=temporary, error=str(error))


def _link(actor: Actor, temporary: str, path: str, data: bytes) -> Outcome:
    for _ in range(TRIES_MAX):
        try:
            actor.files.link(temporary, path)
        except OSError as error:
            # Read back instead of trusting the error, EEXIST included: after a lost reply a client may repeat the
            # request and be told "exists" of the link that it made itself.
            seen = _look(actor, path, data)
            if seen is not None:
                return seen
            if error.errno in _REFUSED:
                raise
        else:
            return Outcome.WON
    actor.log("publish.unknown", path=path)
    return Outcome.UNKNOWN


def _look(actor: Actor, path: str, data: bytes) -> Outcome | None:
    """WON or LOST by what lies at *path*; None if nothing was seen there."""
    folder, _, name = path.rpartition("/")
    try:
        if name not in actor.files.names(folder):
            return None
        found = actor.files.read(path, bytes_max=max(len(data) + 1, 1 << 20))
    except OSError as error:
        if error.errno == errno.EFBIG:
            return Outcome.LOST
        return None
    return Outcome.WON if found == data else Outcome.LOST


def make_once(actor: Actor, folder: str) -> Outcome:
    """Make *folder*, exclusively.

    "Exists" is always ``LOST``: an empty folder may be another's whose heartbeat is not written yet. If it was our own
    request, repeated after a lost reply, the folder stays ownerless and is reaped after a lease.

    Raises:
        OSError: The server said no (share full, parent missing), so that nothing was made.
    """
    try:
        actor.files.mkdir(folder)
    except FileExistsError:
        return Outcome.LOST
    except OSError as error:
        if error.errno in _REFUSED:
            raise
        return Outcome.UNKNOWN
    return Outcome.WON


def ensure_folder(actor: Actor, folder: str) -> None:
    """Make one folder unless it is there; its parent must be."""
    try:
        actor.files.mkdir(folder)
    except FileExistsError:
        pass


def replace_own(actor: Actor, path: str, data: bytes, *, lasting: bool = True) -> None:
    """Replace a file of which this actor is the only writer; readers see the old or the new, whole.

    Args:
        actor: Who writes.
        path: The file.
        data: Its new content.
        lasting: Whether it must outlive a power cut.

    Raises:
        OSError: The new content may or may not be there.
    """
    _replace(actor, path, lambda temporary: actor.files.write_new(temporary, data, lasting=lasting))


def store_own(actor: Actor, local: Path, path: str) -> None:
    """As ``replace_own``, by a copy of a local file; errors as for it."""
    _replace(actor, path, lambda temporary: actor.files.store(local, temporary))


def _replace(actor: Actor, path: str, write: Callable[[str], None]) -> None:
    with own_temporary(actor, path, renamed=True) as temporary:
        write(temporary)
        actor.files.rename(temporary, path, apart=True)
