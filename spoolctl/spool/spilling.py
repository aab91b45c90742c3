"""Spilling: what a queue's head has no room for goes into shards, so that what workers poll stays small.

A head of more than ``head_max`` names is brought down by its last ones, a shard of them at a time. **A shard is made by one process,
under a name that nobody else draws, and filled by it alone, from one listing**: so no move can ever meet another file of the same name,
which a rename would replace without a word. Nothing moves back; workers claim out of shards (``fronts``).

Guarantees: a record is moved, never copied and never replaced; only one that proves itself whole or has stayed the same is touched; one
pass makes at most ``chunks_max`` shards and begins none after ``SPILL_S``. Any number of sweepers may do it at once, or die at any
step: what they leave is one or more shards that hold fewer names, whose ranges overlap.
Does not guarantee: that the head is small after one pass, nor that names which another of the share's clients cannot tell apart (by
case) go into one shard: all but the first stay for the next pass.
"""

import unicodedata

from spoolctl.spool import shards
from spoolctl.spool.actor import Actor
from spoolctl.spool.admission import Admission
from spoolctl.spool.layout import Location, Place
from spoolctl.spool.looking import entries_in
from spoolctl.spool.names import FileName, is_record_name, parse_file_name

SPILL_S = 2.0


class Spiller:
    """One process's part in it."""

    def __init__(
        self, actor: Actor, admission: Admission, sizes: shards.Sizes | None = None
    ) -> None:
        self._actor = actor
        self._admission = admission
        self._sizes = sizes or shards.SIZES

    def spill(self, queue: Place) -> int:
        """Do one pass over one queue.

        Returns:
            How many records moved, as far as the share told.

        Raises:
            OSError: The share did not answer; the next pass goes on.
        """
        sizes = self._sizes
        entries = [e for e in entries_in(self._actor, queue) if is_record_name(e)]
        if len(entries) <= sizes.head_max:
            return 0
        surplus = entries[sizes.head_kept :]
        began, moved = self._actor.clock.mono(), 0
        for _ in range(sizes.chunks_max):
            # From the end: what comes first is claimed before anybody would find it in a shard.
            chunk, surplus = surplus[-sizes.shard :], surplus[: -sizes.shard]
            moved += self._fill(queue, self._movable(queue, chunk))
            if not surplus or self._actor.clock.mono() - began > SPILL_S:
                break
        if moved:
            self._actor.log("spilled", queue=queue.folder, records=moved)
        return moved

    def _movable(self, queue: Place, entries: list[str]) -> list[FileName]:
        """Those that nobody is still writing, none of them like another but for its case: in one folder SMB takes them for one."""
        alike: set[str] = set()
        movable = []
        for entry in entries:
            file = parse_file_name(entry)
            key = unicodedata.normalize("NFC", entry.casefold())
            if file is None or str(file) != entry or key in alike:
                continue
            if self._admission.holds_still(self._actor, Location(queue, file)):
                alike.add(key)
                movable.append(file)
        return movable

    def _fill(self, queue: Place, files: list[FileName]) -> int:
        if not files:
            return 0
        moved = 0
        with shards.new_shard(self._actor, queue, str(files[0])) as shard:
            for file in files:
                try:
                    self._actor.files.rename(f"{queue.folder}/{file}", f"{shard.folder}/{file}")
                except FileNotFoundError:
                    continue  # claimed, dragged away or deleted meanwhile; or moved, with the reply lost
                moved += 1
        return moved
