"""Attaching: a local file that a job needs is stored in the spool, once, under its own digest.

Guarantees: what lies at the returned path is what was read from the local file, whole; two who attach the same bytes at once leave
one file. Does not guarantee: that any job ever uses it; a file attached for a submission that then failed stays.
"""

import re
from pathlib import Path

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.digests import digest_of
from spoolctl.spool.errors import ShareUnusable, UsageError
from spoolctl.spool.ports import Digest
from spoolctl.spool.publish import ensure_folder, own_temporary
from spoolctl.spool.records import Input

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
    wanted = _digest_of(local)
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
    wanted = _digest_of(local)
    return Input(path=_path(wanted, local), sha256=wanted.sha256)


def _digest_of(local: Path) -> Digest:
    try:
        return digest_of(local)
    except OSError as error:
        raise UsageError(
            f"cannot attach '{local}': {error.strerror or error}",
            hint="give the path of a file that this machine can read",
        ) from None


def _publish(actor: Actor, local: Path, path: str, wanted: Digest) -> None:
    with own_temporary(actor, path) as temporary:
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


def _path(digest: Digest, local: Path) -> str:
    suffix = local.suffix.lower()
    return layout.stored_input(digest.sha256, suffix if _SUFFIX.match(suffix) else "")
