"""The index of this machine, in step with the ledgers, for one command.

Guarantees: one that turns out to be damaged, wherever, is made anew, once; whoever was reading from it is told to ask again.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spoolctl.index import Index, default_path
from spoolctl.index.database import ENV_FOLDER, is_damage
from spoolctl.spool import Actor, SpoolError

_BUSY = "another program on this machine has been using it for half a minute; try again, nothing is lost"
_DISK = f"look at the disk, and at the permissions of the file and its folder; {ENV_FOLDER} names another folder"
_IN_USE = "end what has it open on this machine, like the controller or 'spoolctl review'; then it is made anew from the share"
_HINTS = {
    sqlite3.SQLITE_BUSY: _BUSY, sqlite3.SQLITE_LOCKED: _BUSY, sqlite3.SQLITE_PROTOCOL: _BUSY,
    sqlite3.SQLITE_FULL: _DISK, sqlite3.SQLITE_IOERR: _DISK, sqlite3.SQLITE_CANTOPEN: _DISK,
    sqlite3.SQLITE_READONLY: _DISK, sqlite3.SQLITE_PERM: _DISK,
}  # fmt: skip
"""What to do, where the file itself is not to blame, by SQLite's primary result codes (https://sqlite.org/rescode.html)."""


class IndexUnusable(SpoolError):
    """This machine's index of results can be neither read nor made anew, or not now."""

    exit_code = 13
    hint = "delete the file; it is made anew from the share"


@contextmanager
def indexed(actor: Actor, root: Path, *, refresh: bool = True) -> Iterator[Index]:
    """The index, refreshed unless *refresh* is false.

    Raises:
        IndexUnusable: SQLite cannot use its file.
        OSError: The share or the disk did not answer.
    """
    path = default_path(actor.settings.spool_id)
    try:
        with Index(path) as index:
            if refresh:
                _refresh(index, root)
            try:
                yield index
            except sqlite3.DatabaseError as error:
                _make_anew(index, root, error)
                raise IndexUnusable(
                    f"the index '{path}' was damaged, and has been made anew", hint="do it again"
                ) from None
    except sqlite3.Error as error:
        code = (
            getattr(error, "sqlite_errorcode", 0) & 0xFF
        )  # what SQLite's adapter itself refuses has none
        raise IndexUnusable(
            f"cannot use the index '{path}': {error}", hint=_HINTS.get(code)
        ) from None


def _refresh(index: Index, root: Path) -> None:
    try:
        index.refresh(root)
    except sqlite3.DatabaseError as error:
        _make_anew(index, root, error)


def _make_anew(index: Index, root: Path, error: sqlite3.DatabaseError) -> None:
    """Make it anew if *error* says that it is damaged; else raise that."""
    if not is_damage(error):
        raise error
    try:
        index.discard()
    except OSError as refused:
        raise IndexUnusable(
            f"the index '{index.path}' is damaged, and cannot be removed: {refused.strerror}",
            hint=_IN_USE,
        ) from None
    index.open()
    index.refresh(root)
