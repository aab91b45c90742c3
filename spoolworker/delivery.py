"""Delivering: from local scratch to the attempt's folder on the share, read back before it is believed.

Guarantees: a file has its final name only once it is whole; its digest in the manifest is that of the bytes read back from the share.
Writes only into the attempt's own folder, which nobody renames. May be called again after any error.
"""

from pathlib import Path

from spoolctl.spool import (
    OUTPUT_TEXT_CHARS_MAX,
    Actor,
    Claim,
    Output,
    digest_of,
    layout,
    store_own,
)
from spoolworker.backends.base import Made

_TOLD_CHARS_MAX = 100_000
"""Of all texts together, as told in one manifest: a record has its own limit."""


class Damaged(OSError):
    """What was read back is not what was written."""


def deliver(actor: Actor, claim: Claim, made: tuple[Made, ...]) -> tuple[Output, ...]:
    """Copy all files of a run to the share.

    Raises:
        ValueError: A file is not called as it must be: a backend's own name could be that of a decision.
        OSError: The share failed, or gave back other bytes (``Damaged``); call again.
    """
    odd = [one.path.name for one in made if layout.OUTPUT_NAME.match(one.path.name) is None]
    if odd:
        raise ValueError(f"the backend called a file '{odd[0]}', not like 0000-1-txt2img.png")
    folder = layout.attempt(claim.name, claim.number)
    there = set(actor.files.names(folder))
    outputs, left = [], _TOLD_CHARS_MAX
    for one in made:
        text = _text(one, left)
        left -= len(text or "")
        outputs.append(_deliver_one(actor, claim, one, there, text))
    return tuple(outputs)


def _text(made: Made, left: int) -> str | None:
    """What the manifest tells of a text: all of it, or nothing."""
    if not made.is_text:
        return None
    text = made.path.read_bytes().decode()
    return text if len(text) <= min(left, OUTPUT_TEXT_CHARS_MAX) else None


def _deliver_one(
    actor: Actor, claim: Claim, made: Made, there: set[str], text: str | None
) -> Output:
    made_here = digest_of(made.path)
    path = f"{layout.attempt(claim.name, claim.number)}/{made.path.name}"
    if made.path.name not in there or actor.files.digest(path) != made_here:
        store_own(actor, made.path, path)
    found = actor.files.digest(path)
    if found != made_here:
        raise Damaged(f"'{path}' reads back as {found.bytes} bytes, {made_here.bytes} were written")
    return Output(
        path=path.removeprefix(f"{layout.results(claim.name)}/"),
        bytes=found.bytes,
        sha256=found.sha256,
        stage=made.stage,
        image_index=made.image_index,
        final=made.final,
        width=made.width or None,
        height=made.height or None,
        seed_requested=made.seed_requested,
        seed_actual=made.seed_actual,
        text=text,
    )


def deliver_log(actor: Actor, claim: Claim, local: Path) -> None:
    """Put the run's log beside its images; errors as for ``deliver``."""
    store_own(actor, local, layout.log(claim.name, claim.number))
