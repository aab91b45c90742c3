"""Reading what a command is given: a file, or standard input."""

import sys
from pathlib import Path

from spoolctl.spool import RECORD_BYTES_MAX, UsageError

STDIN = "-"


def read_bytes(source: str) -> bytes:
    """The bytes: at most one more than a record may have, so that no mistaken file fills the memory.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        if source == STDIN:
            return sys.stdin.buffer.read(RECORD_BYTES_MAX + 1)
        with Path(source).open("rb") as stream:
            return stream.read(RECORD_BYTES_MAX + 1)
    except OSError as error:
        is_folder = Path(source).is_dir()
        raise UsageError(
            "it is a folder" if is_folder else f"cannot read it: {error.strerror or error}",
            hint="give the files in it" if is_folder else "check the path",
        ) from None
