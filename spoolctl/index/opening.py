"""The index of this machine, in step with the ledgers, for one command."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spoolctl.index import Index, default_path
from spoolctl.index.database import ENV_FOLDER
from spoolctl.spool import Actor, SpoolError

_BUSY = "another program on this machine has been using it for half a minute; try again, nothing is lost"
_DISK = f"look at the disk, and at the permissions of the file and its folder; {ENV_FOLDER} names another folder"
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
                index.refresh(root)
            yield index
    except sqlite3.Error as error:
        code = (
            getattr(error, "sqlite_errorcode", 0) & 0xFF
        )  # what SQLite's adapter itself refuses has none
        raise IndexUnusable(
            f"cannot use the index '{path}': {error}", hint=_HINTS.get(code)
        ) from None
