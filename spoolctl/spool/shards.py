"""Shards: how much lies where in a deep queue, and how a shard is made.

Guarantees: a shard is made by one process, under a name that nobody else draws, and filled by it alone while it is being made; nobody
removes it as empty meanwhile. Does not guarantee that it bears its bound for ever: a person may put anything into it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.layout import Place
from spoolctl.spool.publish import Outcome, ensure_folder, make_once, own_temporary


@dataclass(frozen=True)
class Sizes:
    """How many names lie where. On SMB a listing costs a request per some 110 of them."""

    head_max: int = 600
    """A head with more of them spills, and a submit of more jobs goes into shards."""
    head_kept: int = 200
    """So many of the first stay in it."""
    shard: int = 400
    chunks_max: int = 5
    """Shards made in one pass over one queue."""


SIZES = Sizes()


@contextmanager
def new_shard(actor: Actor, queue: Place, first: str) -> Iterator[Place]:
    """A new shard of this process alone, which nobody can remove as empty while the body fills it.

    Args:
        actor: Who fills it.
        queue: The class's own folder.
        first: The first of the file names to come, in their order.

    Raises:
        OSError: The share did not make it.
    """
    shard = layout.shard(queue, first, actor.entropy.token())
    ensure_folder(actor, f"{queue.folder}/{layout.MORE}")
    if make_once(actor, shard.folder) is not Outcome.WON:
        raise OSError(f"the share does not say whether '{shard.folder}' was made")
    with own_temporary(actor, f"{shard.folder}/kept") as temporary:
        actor.files.write_new(temporary, b"")
        yield shard
