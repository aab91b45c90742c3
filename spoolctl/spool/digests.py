"""Digests: length and SHA-256 of bytes, of a stream and of a local file, in the one form that records use."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from spoolctl.spool.ports import Digest

CHUNK_BYTES = 1 << 20


def sha256_of(data: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def digest_of(local: Path) -> Digest:
    """Length and SHA-256 of a file on the local disk.

    Raises:
        OSError: It cannot be read.
    """
    with local.open("rb") as source:
        return measure(source)


def measure(source: BinaryIO, take: Callable[[bytes], object] = lambda _chunk: None) -> Digest:
    """Read a stream to its end and tell what was read; *take* gets every piece. Raises OSError if it cannot be read."""
    sha256, length = hashlib.sha256(), 0
    while chunk := source.read(CHUNK_BYTES):
        take(chunk)
        sha256.update(chunk)
        length += len(chunk)
    return Digest(length, sha256.hexdigest())
