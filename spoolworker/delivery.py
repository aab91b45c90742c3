"""Delivering: from local scratch to the attempt's folder on the share, read back before it is believed.

Guarantees: a file has its final name only once it is whole; its digest in the manifest is that of the bytes read back from the share.
Writes only into the attempt's own folder, which nobody renames. May be called again after any error.
"""

import hashlib
import re
from pathlib import Path

from spoolctl.spool import Actor, Claim, Output, layout
from spoolworker.backends.base import Made

LOG = "log.txt"


class Damaged(OSError):
    """What was read back is not what was written."""


NAME = re.compile(r"\d{4,9}-\d{1,3}-[a-z0-9_]{1,40}\.png\Z")
"""``<image index>-<number of the stage>-<stage>.png``: what a file that a backend leaves is called, in scratch and on the share."""


def deliver(actor: Actor, claim: Claim, made: tuple[Made, ...]) -> tuple[Output, ...]:
    """Copy all files of a run to the share.

    Raises:
        ValueError: A file is not called as it must be: a backend's own name could be that of a decision.
        OSError: The share failed, or gave back other bytes (``Damaged``); call again.
    """
    odd = [one.path.name for one in made if NAME.match(one.path.name) is None]
    if odd:
        raise ValueError(f"the backend called a file '{odd[0]}', not like 0000-1-txt2img.png")
    folder = layout.attempt(claim.name, claim.number)
    there = set(actor.files.names(folder))
    return tuple(_deliver_one(actor, claim, one, there) for one in made)


def _deliver_one(actor: Actor, claim: Claim, made: Made, there: set[str]) -> Output:
    data_size, sha256 = _digest(made.path)
    path = f"{layout.attempt(claim.name, claim.number)}/{made.path.name}"
    if made.path.name not in there or actor.files.digest(path).sha256 != sha256:
        _put(actor, made.path, path)
    found = actor.files.digest(path)
    if (found.bytes, found.sha256) != (data_size, sha256):
        raise Damaged(f"'{path}' reads back as {found.bytes} bytes, {data_size} were written")
    return Output(
        path=path.removeprefix(f"{layout.results(claim.name)}/"),
        bytes=found.bytes,
        sha256=found.sha256,
        stage=made.stage,
        image_index=made.image_index,
        final=made.final,
        width=made.width,
        height=made.height,
        seed_requested=made.seed_requested,
        seed_actual=made.seed_actual,
    )


def deliver_log(actor: Actor, claim: Claim, local: Path) -> None:
    """Put the run's log beside its images; errors as for ``deliver``."""
    _put(actor, local, f"{layout.attempt(claim.name, claim.number)}/{LOG}")


def _put(actor: Actor, local: Path, path: str) -> None:
    temporary = f"{layout.parent(path)}/.{actor.entropy.token()}.tmp"
    try:
        actor.files.store(local, temporary)
        actor.files.rename(temporary, path)
    except OSError:
        try:
            actor.files.unlink(temporary)
        except OSError as error:
            actor.log("delivery.temporary_left", path=temporary, error=str(error))
        raise


def _digest(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
