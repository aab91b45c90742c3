"""The index of this machine, in step with the ledgers, for one command."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spoolctl.index import Index, default_path
from spoolctl.spool import Actor, SpoolError


class IndexUnusable(SpoolError):
    """This machine's index of results can be neither read nor made anew."""

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
        raise IndexUnusable(f"cannot use the index '{path}': {error}") from None
