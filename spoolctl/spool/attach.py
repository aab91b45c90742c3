"""Attaching: a local file that a job needs is stored in the spool, once, under its own digest.

Guarantees: what lies at the returned path is what was read from the local file, whole; two who attach the same bytes at once leave
one file. Does not guarantee: that any job ever uses it; a file attached for a submission that then failed stays.
"""

import hashlib
import re
from pathlib import Path

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import ShareUnusable, UsageError
from spoolctl.spool.ports import Digest
from spoolctl.spool.publish import ensure_folder
from spoolctl.spool.records import Input

_CHUNK_BYTES = 1 << 20
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}\Z")


def store_input(actor: Actor, local: Path) -> Input:
    """Store *local* under ``inputs/`` unless it is there already.

    Returns:
        The input as a job names it: path and SHA-256.

    Raises:
        UsageError: The local file cannot be read.
        ShareUnusable: What lies on the share is not what was read.
        OSError: The share did not answer; attaching again does no harm.
    """
    wanted = digest_of(local)
    path = _path(wanted, local)
    folder, _, entry = path.rpartition("/")
    ensure_folder(actor, folder)
    if entry not in actor.files.names(folder):
        _publish(actor, local, path, wanted)
    there = actor.files.stat(path).bytes
    if there != wanted.bytes:
        raise ShareUnusable(
            f"'{path}' has {there} bytes; '{local}', whose digest it bears, has {wanted.bytes}",
            hint="somebody changed the stored file; remove it and attach the file again",
        )
    return Input(path=path, sha256=wanted.sha256)


def input_of(local: Path) -> Input:
    """What ``store_input`` would return for *local*, without storing it; raises UsageError as that does."""
    wanted = digest_of(local)
    return Input(path=_path(wanted, local), sha256=wanted.sha256)


def digest_of(local: Path) -> Digest:
    """Length and SHA-256 of a local file.

    Raises:
        UsageError: It cannot be read.
    """
    sha256, length = hashlib.sha256(), 0
    try:
        with local.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                sha256.update(chunk)
                length += len(chunk)
    except OSError as error:
        raise UsageError(
            f"cannot attach '{local}': {error.strerror or error}",
            hint="give the path of a file that this machine can read",
        ) from None
    return Digest(length, sha256.hexdigest())


def _publish(actor: Actor, local: Path, path: str, wanted: Digest) -> None:
    temporary = f"{layout.parent(path)}/.{actor.entropy.token()}.tmp"
    try:
        actor.files.store(local, temporary)
        if actor.files.digest(temporary) != wanted:
            raise ShareUnusable(
                f"'{local}' arrived on the share with another digest than it has here",
                hint="if a program writes to the file, wait until it is done; then try again",
            )
        try:
            actor.files.link(temporary, path)
        except OSError:
            # Another's, or ours with the reply lost: under this name both are the same bytes.
            if path.rpartition("/")[2] not in actor.files.names(layout.parent(path)):
                raise
        actor.log("attached", path=path, bytes=wanted.bytes)
    finally:
        try:
            actor.files.unlink(temporary)
        except FileNotFoundError:
            pass
        except OSError as error:
            actor.log("publish.temporary_left", path=temporary, error=str(error))


def _path(digest: Digest, local: Path) -> str:
    suffix = local.suffix.lower()
    return layout.stored_input(digest.sha256, suffix if _SUFFIX.match(suffix) else "")
