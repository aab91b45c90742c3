"""Groups' results, kept in step with what was merged: ``groups/<group>/result.json``, written when a group's last job has ended.

Behind each result come the group's page and pictures (``gallery``), and what people drop beside them (``drops``).

Guarantees: the file tells all jobs of the group that are known, in the order of their plan, and is replaced as a whole; a group that
changes after its end (a retry, a late job; a rating does not) is told anew. A controller that is killed anywhere loses nothing, and a lost
or damaged index is made anew. One group's trouble is told and keeps no other waiting. Nothing else depends on it. Does not guarantee that
a group of dropped files had no more members on their way: of those that no submission defined only the ended ones are known, so it is told
once none has ended for ten minutes. A result that somebody deleted by hand comes back within ten minutes while its group is one of the
fifty that ended last and its folder is there; else when the group changes, or with a new index.

What it costs: nothing while nothing is merged; else a query on this machine's disk, and for each group that may have ended a look at its
definitions; one look at all folders for those that did. Every ten minutes a look at each group of which a job was taken away
by hand, and one listing for each of the ``LOOKED_AT`` that ended last.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spoolctl.controller.drops import Drops
from spoolctl.controller.gallery import Gallery
from spoolctl.groups import result_of, standing_of
from spoolctl.index import GroupSums, Index, Wanted, group_sums, images, is_damage, said_of
from spoolctl.spool import (
    Actor,
    BadRecord,
    SpoolError,
    attempt,
    definitions_of,
    encode_json,
    ensure_folder,
    group_folder,
    layout,
    members_of,
    replace_own,
    shelf,
)

LOOK_S = 600.0
AT_ONCE = 20
LOOKED_AT = 50
"""So many groups that were told are looked at for whether their results are there yet."""
REASONS_MAX = 200
_RESULT = "result"
_SINGLES = shelf("alone")
"""The group of jobs that came alone: it never ends."""


class GroupsKeeper:
    """One controller's groups.

    Args:
        actor: Who acts.
        index: Where this machine's index lies; opened when it is first needed.
    """

    def __init__(self, actor: Actor, index: Path) -> None:
        self._actor = actor
        self._path = index
        self._index: Index | None = None
        self._lacks = False
        """Whether the index missed what a compile added, or was removed."""
        self._changed = True
        self._look_at = 0.0
        self._pending: dict[str, None] = {}
        """Groups that may have ended."""
        self._quiet: dict[str, str] = {}
        """What was known at the last look of each group that was not told."""
        self._gallery = Gallery(actor)
        self._drops = Drops(actor)
        self._sizes: dict[str, tuple[frozenset[str], int]] = {}
        """The definitions of each group, and how many jobs they name."""

    def take(self, ledger: str, copy: Path) -> None:
        """Take in what a compile added to a ledger (its compiled path). Raises OSError or sqlite3.Error."""
        self._changed = True  # also if another program on this machine has read it first
        lacked, self._lacks = self._lacks, True
        with self.lent() as index:
            index.take_in(ledger, copy)
        self._lacks = lacked

    def lacks(self) -> bool:
        """True, once, if the index must be handed all ledgers again."""
        lacks, self._lacks = self._lacks, False
        return lacks

    def tell(self) -> int:
        """Write the results of groups that have ended since, some of their pictures, and hear what was dropped; how many results.

        Raises:
            OSError: The share did not answer; the next call goes on.
            sqlite3.Error: The index cannot be used.
        """
        with self.lent() as index:
            now = self._actor.clock.mono()
            if now >= self._look_at:
                self._look_at = now + LOOK_S
                self._look_again(index)
            if self._changed:
                self._changed = False
                self._note_changes(index)
            written = 0
            for group in list(self._pending)[:AT_ONCE]:
                del self._pending[group]
                written += self._told(index, group)
            self._gallery.work(index)
            self._drops.look(index)
        return written

    def _note_changes(self, index: Index) -> None:
        """Groups of which all jobs that their definitions name have ended are to be told."""
        for sums in group_sums(index.connection):
            said = said_of(sums)
            was_told = index.was_told(sums.group, _RESULT) == said
            self._gallery.add(index, sums.group, f"{said} {was_told}")
            if sums.group == _SINGLES or was_told:
                continue
            try:
                size = self._size(sums.group)
            except OSError as error:
                self._actor.log("group.trouble", group=sums.group, error=str(error))
                continue
            if size and sums.ended >= size:
                self._pending[sums.group] = None

    def _look_again(self, index: Index) -> None:
        """Groups in which nothing has ended since the last look, too: a job may be gone, or nobody defined them, or the result is gone."""
        quiet: dict[str, str] = {}
        left = LOOKED_AT
        for sums in group_sums(index.connection):
            said = said_of(sums)
            if sums.group == _SINGLES:
                continue
            if index.was_told(sums.group, _RESULT) == said:
                left -= 1
                if left >= 0 and self._lost_its_result(sums.group):
                    self._pending[sums.group] = None
                continue
            quiet[sums.group] = said
            if self._quiet.get(sums.group) == said:
                self._pending[sums.group] = None
        self._quiet = quiet

    def _lost_its_result(self, group: str) -> bool:
        """True if a group's folder is there, and its result is not; whoever removed all of it wants it gone."""
        folder, _, entry = layout.group_result(group_folder(group)).rpartition("/")
        try:
            return entry not in self._actor.files.names(folder)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError as error:
            self._actor.log("group.trouble", group=group, error=str(error))
            return False

    def _told(self, index: Index, group: str) -> bool:
        """Tell one group; its trouble is not the others'."""
        try:
            (sums,) = group_sums(index.connection, group)
            if not self._tell_one(index, sums):
                return False
        except (OSError, SpoolError, ValueError) as error:
            self._actor.log("group.trouble", group=group, error=str(error))
            return False
        self._gallery.add(index, group, f"{said_of(sums)} True")
        return True

    @contextmanager
    def lent(self) -> Iterator[Index]:
        """The index, also for others of this thread; one that turns out to be damaged is removed, and the next compile fills a new one.

        Raises:
            OSError: It can be neither opened nor removed.
            sqlite3.Error: As of whoever reads from it.
        """
        if self._index is None:
            self._index = Index(self._path)
        try:
            yield self._index
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                damaged, self._index, self._lacks = self._index, None, True
                damaged.discard()
            raise

    def close(self) -> None:
        """Close the index."""
        if self._index is not None:
            self._index.close()
            self._index = None

    def _size(self, group: str) -> int:
        folder = group_folder(group)
        try:
            entries = frozenset(self._actor.files.names(f"{layout.GROUPS}/{folder}"))
        except (FileNotFoundError, NotADirectoryError):
            return 0
        found = frozenset(filter(layout.is_group_definition, entries))
        known = self._sizes.get(group)
        if known is None or known[0] != found:
            definitions = [one for one in definitions_of(self._actor, folder) if one.group == group]
            self._sizes[group] = (found, len(members_of(definitions)))
        return self._sizes[group][1]

    def _tell_one(self, index: Index, sums: GroupSums) -> bool:
        actor, group = self._actor, sums.group
        standing = standing_of(actor, index, group)
        if standing.is_open:
            return False
        reasons = {
            one.name: reason
            for one in [one for one in standing.members if one.state == "failed" and one.end][
                :REASONS_MAX
            ]
            if (reason := self._reason(one.name, one.end.attempts if one.end else 0))
        }
        result = result_of(standing, images(index.connection, Wanted(group=group)), reasons)
        path = layout.group_result(group_folder(group))
        for folder in (layout.GROUPS, layout.parent(path)):
            ensure_folder(actor, folder)
        replace_own(actor, path, encode_json(result))
        index.note_told(group, _RESULT, said_of(sums))
        actor.log("group.ended", group=group, jobs=len(result.jobs), images=result.images)
        return True

    def _reason(self, name: str, number: int) -> str | None:
        try:
            verdict = attempt(self._actor, name, number).verdict
        except (BadRecord, FileNotFoundError) as error:
            self._actor.log("group.unreadable", job=name, attempt=number, error=str(error))
            return None
        return verdict.message if verdict else None
