"""Fronts: what comes next in a queue, in the order of its names, however deep it is.

A queue is a head, the class's own folder, and shards, which hold what the head has no room for (``spilling``). Every shard's name tells a
bound: no file name in it sorts before that. So the front of a queue is its head, and as many of the first shards as begin before enough
of the names seen so far: one or two listings of a few hundred names, and one of the shards' names.

Guarantees: a bounded number of folders is listed in one look; names come in their order, over head and shards, where at most ``SHARDS_MAX``
shards overlap; a wall of records that this process passed over, however long, hides nothing: every second look goes on behind it. An
empty shard is removed, which the share refuses if it is not empty.
Does not guarantee: that a record is still there, nor that an absent one is gone. What is long (a head of more than ``HUGE`` names, say ten
thousand files that a person dropped a moment ago; more than ``MANY`` shards) is listed again only after ``RELIST`` times as long as
the listing took; until then it is shown as it was, without what the caller has told to be ``gone``.
"""

from bisect import bisect_left
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Generic, TypeVar

from spoolctl.spool.actor import Actor
from spoolctl.spool.layout import MORE, Place
from spoolctl.spool.looking import entries_in, shards_in
from spoolctl.spool.names import is_record_name

FRESH = 64
"""For so many names that the caller has not passed over shards are opened."""
SHARDS_MAX = 8
"""How many shards with something in them are listed in one look."""
EMPTY_MAX = 64
"""The same for empty ones, which are removed."""
HUGE = 1_000
"""No more names of a head are remembered, nor returned."""
MANY = 100
RELIST = 10.0
T = TypeVar("T")


@dataclass
class _Kept(Generic[T]):
    """A long listing, and until when it will do."""

    listed: list[T]
    until_mono: float


class Fronts:
    """One process's view of the queues' fronts."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._heads: dict[str, _Kept[str]] = {}
        self._shards: dict[str, _Kept[Place]] = {}
        self._behind: dict[str, str] = {}
        """By queue: the shard with which the part begins that lies behind a wall."""
        self._turns: dict[str, bool] = {}
        self._told: set[str] = set()

    def paths(self, queue: Place, passed: Container[str] = ()) -> list[str]:
        """Paths of the records that come next, in order; some that *passed* holds may be among them.

        Raises:
            OSError: A folder could not be listed.
        """
        head = self._head(queue)
        found = [(entry, f"{queue.folder}/{entry}") for entry in head if is_record_name(entry)]
        if MORE not in head:
            return [path for _, path in found]
        shards = self._kept(self._shards, queue, lambda: shards_in(self._actor, queue), MANY)
        start = self._start(queue, shards)
        at, opened, empty = start, 0, 0
        inner: list[tuple[str, str]] = []
        while at < len(shards) and opened < SHARDS_MAX and empty < EMPTY_MAX:
            if _fresh([*found, *inner], shards[at].begins, passed) >= FRESH:
                break
            inside = self._inside(shards[at])
            inner += inside
            opened, empty = opened + bool(inside), empty + (not inside)
            at += 1
        limit = shards[at].begins if at < len(shards) else None
        ready = [(e, path) for e, path in (*found, *inner) if limit is None or e < limit]
        fresh = _fresh(ready, None, passed)
        if not start and fresh >= FRESH:
            self._behind.pop(queue.folder, None)  # the wall is gone
        if not fresh and _fresh(inner, None, passed):
            ready += [(e, path) for e, path in inner if limit is not None and e >= limit]
        elif not fresh:
            self._go_on(queue, shards, at)
        return [path for _, path in sorted(ready)]

    def gone(self, path: str) -> None:
        """Forget a record that is not there any more."""
        folder, _, entry = path.rpartition("/")
        kept = self._heads.get(folder)
        if kept is not None and entry in kept.listed:
            kept.listed.remove(entry)

    def _head(self, queue: Place) -> list[str]:
        def listed() -> list[str]:
            entries = entries_in(self._actor, queue)
            if len(entries) <= HUGE:
                return entries
            first = entries[: HUGE + 1]
            return [*first, MORE] if MORE in entries and MORE not in first else first

        return self._kept(self._heads, queue, listed, HUGE)

    def _kept(
        self, kept: dict[str, _Kept[T]], queue: Place, listed: Callable[[], list[T]], long: int
    ) -> list[T]:
        """What *listed* gives, or gave a moment ago if that was long."""
        before = kept.get(queue.folder)
        began = self._actor.clock.mono()
        if before is not None and before.listed and began < before.until_mono:
            return before.listed
        now = listed()
        ended = self._actor.clock.mono()
        kept.pop(queue.folder, None)
        if len(now) > long:
            kept[queue.folder] = _Kept(now, ended + RELIST * (ended - began))
        return now

    def _start(self, queue: Place, shards: list[Place]) -> int:
        """Where this look begins: every second one behind the wall, if one was met."""
        behind = self._behind.get(queue.folder)
        if behind is None:
            return 0
        turn = self._turns[queue.folder] = not self._turns.get(queue.folder, False)
        if not turn:
            return 0
        keys = [(shard.begins, shard.shard) for shard in shards]
        own = Place(queue.state, queue.part, behind)
        return bisect_left(keys, (own.begins, behind))

    def _go_on(self, queue: Place, shards: list[Place], at: int) -> None:
        """All that was seen had been passed over: the next look but one goes on from there, and from the beginning after the end."""
        behind = self._behind.get(queue.folder)
        if at >= len(shards):
            self._behind.pop(queue.folder, None)
        elif behind is None or self._turns.get(queue.folder, False):
            self._behind[queue.folder] = shards[at].shard

    def _inside(self, shard: Place) -> list[tuple[str, str]]:
        entries = entries_in(self._actor, shard)
        if not entries:
            self._remove(shard)
        return [(e, f"{shard.folder}/{e}") for e in entries if is_record_name(e)]

    def _remove(self, shard: Place) -> None:
        try:
            self._actor.files.rmdir(shard.folder)
        except FileNotFoundError:
            return  # another was quicker
        except OSError as error:  # something came into it, or what lies there is hidden
            if shard.folder not in self._told:
                self._told.add(shard.folder)
                self._actor.log("shard.left", folder=shard.folder, error=str(error))


def _fresh(found: list[tuple[str, str]], limit: str | None, passed: Container[str]) -> int:
    """How many names below *limit* were not passed over."""
    return sum((limit is None or e < limit) and path not in passed for e, path in found)
