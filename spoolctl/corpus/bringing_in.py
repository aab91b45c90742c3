"""Bringing records that StableNew wrote into the spool's corpus.

Each becomes a part of its own, ``corpus/parts/~imported/<SHA-256 of its line>.jsonl``, published once: so whatever is brought in
twice, by whomever, however often it is cut off, is there once. Guarantees: nothing that would harm a reader gets in; each line that does
not is told with its reason, and the file it comes from is not touched. Does not guarantee that StableNew counts a rating once that it
wrote twice: in its own records every rating is a new record.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from spoolctl.corpus.files import Checked
from spoolctl.corpus.rules import faults
from spoolctl.spool import (
    Actor,
    Outcome,
    ShareUnusable,
    ensure_folder,
    layout,
    publish_once,
)

_OF_SPOOLS = frozenset({"spool_id", "spool_word"})


@dataclass
class BroughtIn:
    """What came of it: counts of lines, and the refused ones."""

    new: int = 0
    already: int = 0
    of_spools: int = 0
    """Records that a spool wrote, this or another: they come with that spool's jobs."""
    refused: list[Checked] = field(default_factory=list)


def bring_in(actor: Actor, lines: Iterable[bytes]) -> BroughtIn:
    """Publish each good record as a part.

    Raises:
        OSError: The share failed; what is there stays, do it again.
        ShareUnusable: It does not say whether a part was published.
    """
    brought = BroughtIn()
    there = _there(actor)
    for number, line in enumerate(lines, 1):
        found = tuple(faults(line))
        if any(one.is_bad for one in found):
            brought.refused.append(Checked(number, line, found))
            continue
        kept = line.strip()
        if not kept:
            continue
        if _OF_SPOOLS & json.loads(kept).get("metadata", {}).keys():
            brought.of_spools += 1
            continue
        digest = hashlib.sha256(kept).hexdigest()
        if digest in there:
            brought.already += 1
            continue
        there.add(digest)
        _publish(actor, layout.imported(digest), kept + b"\n")
        brought.new += 1
    if brought.new:
        _mark(actor)
    return brought


def _there(actor: Actor) -> set[str]:
    folder = f"{layout.CORPUS}/parts/{layout.IMPORTED}"
    try:
        return {entry.removesuffix(".jsonl") for entry in actor.files.names(folder)}
    except FileNotFoundError:
        ensure_folder(actor, folder)
        return set()


def _publish(actor: Actor, path: str, data: bytes) -> None:
    if publish_once(actor, path, data) is Outcome.UNKNOWN:
        raise ShareUnusable(
            f"the share does not say whether '{path}' was published",
            hint="do it again once the share answers; what is there is not brought in twice",
        )


def _mark(actor: Actor) -> None:
    """Tell the controller. It finds the parts in its next full look all the same."""
    try:
        ensure_folder(actor, layout.TOUCHED)
        ensure_folder(actor, layout.touched(layout.IMPORTED))
    except OSError as error:
        actor.log("import.not_marked", error=str(error))
