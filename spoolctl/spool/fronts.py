"""Fronts: what comes next in a queue, in the order of its names, however deep it is.

A queue is a head, the class's own folder, and shards, which hold what the head has no room for (``spilling``). Every shard's name tells a
bound: no file name in it sorts before that. So the front of a queue is its head, and as many of the first shards as begin before enough
of the names seen so far: one or two listings of a few hundred names, and one of the shards' names.

Guarantees: a bounded number of folders is listed in one look; names come in their order, over head and shards, where at most ``SHARDS_MAX``
shards overlap; a wall of records that this process passed over, however long, hides nothing: every second look goes on behind it. An
empty shard is removed, which the share refuses if it is not empty.
Does not guarantee: that a record is still there, nor that an absent one is gone. What is long (a head of more than ``HUGE`` names, say ten
thousand files that a person dropped a moment ago; more than ``MANY`` shards) is listed again only after ``KEPT_S``, or ``RELIST`` times
as long as the listing took; until then it is shown as it was, without what the caller has told to be ``gone``.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

from spoolctl.spool.actor import Actor
from spoolctl.spool.layout import MORE, Place, shard_begins, shard_order
from spoolctl.spool.looking import entries_in, shard_names
from spoolctl.spool.names import is_record_name
from spoolctl.spool.shards import SIZES

FRESH = 64
"""So many names that the caller has not passed over are enough, for a caller who does not say how many."""
SHARDS_MAX = 8
"""How many shards with something in them are listed in one look."""
EMPTY_MAX = 64
"""The same for empty ones, which are removed."""
HUGE = 1_000
"""No more names of a head are remembered, nor returned."""
MANY = 100
_SCANNED = 8
"""So many times as many names of a shelf as are wanted are looked at, for some of them may have been passed over."""
KEPT_S, RELIST = 1.0, 10.0
"""For so long a long listing will do, and for so many times as long as it took."""


@dataclass
class _Kept:
    """A long listing, and until when it will do."""

    listed: list[str]
    until_mono: float


@dataclass(frozen=True)
class Front:
    """What comes next in a queue."""

    paths: list[str]
    later: list[list[str]]
    """Of other shelves that begin behind these, as far as they were met: the first names of each."""
    behind: int
    """About how many records lie behind them: the names that were listed, and for each shard that was not as many as a full one has."""


class Fronts:
    """One process's view of the queues' fronts.

    Args:
        actor: Who looks.
        enough: How many names that it has not passed over it wants to see.
        shelves: Of how many shelves that begin behind these it wants to see the first names, as far as they are met.
        each: How many names of each.
    """

    def __init__(
        self, actor: Actor, *, enough: int = FRESH, shelves: int = 0, each: int = 0
    ) -> None:
        self._actor = actor
        self._enough, self._shelves, self._each = enough, shelves, each
        self._heads: dict[str, _Kept] = {}
        self._shards: dict[str, _Kept] = {}
        self._behind: dict[str, str] = {}
        """By queue: the shard with which the part begins that lies behind a wall."""
        self._turns: dict[str, bool] = {}
        self._told: set[str] = set()

    def paths(self, queue: Place, passed: Container[str] = ()) -> list[str]:
        """Paths of the records that come next, in order: as many as are enough, and any that *passed* holds among them.

        Raises:
            OSError: A folder could not be listed.
        """
        return self.front(queue, passed).paths

    def front(self, queue: Place, passed: Container[str] = ()) -> Front:
        """As ``paths``, and what lies behind them, by the same listings."""
        head = self._head(queue)
        shards: list[str] = []
        if MORE in head:
            shards = self._kept(self._shards, queue, lambda: shard_names(self._actor, queue), MANY)
        start = self._start(queue, shards)
        merge = _Merge(passed, self._enough)
        merge.add(queue.folder, head)
        at, opened, empty = start, 0, 0
        while True:
            begins = shard_begins(shards[at]) if at < len(shards) else None
            merge.take(before=begins)
            spent = opened == SHARDS_MAX or empty == EMPTY_MAX
            if merge.is_enough or begins is None or spent:
                break
            shard = Place(queue.state, queue.part, shards[at])
            inside = self._inside(shard)
            if inside is None:
                del shards[at]
                empty += 1
                continue
            merge.add(shard.folder, inside)
            opened, empty, at = opened + bool(inside), empty + (not inside), at + 1
        if not start and merge.is_enough:
            self._behind.pop(queue.folder, None)  # the wall is gone
        if not merge.fresh:
            merge.take(before=None, but=queue.folder)  # of shards that all overlap
        if not merge.fresh:
            self._go_on(queue, shards, at)
        behind = SIZES.shard * (len(shards) - at)
        later: list[list[str]] = []
        if self._shelves and merge.is_enough:
            opened_now = self._open_another(queue, shards[at:], merge)
            behind -= SIZES.shard * opened_now
            later = merge.later(self._shelves, self._each)
        behind += merge.left - sum(map(len, later))
        return Front(merge.paths, later, behind)

    def _open_another(self, queue: Place, shards: list[str], merge: "_Merge") -> bool:
        """List the first shard that begins with another shelf than was seen, if there is one: somebody who came later waits there."""
        seen, begins = merge.shelves, [shard_begins(shard) for shard in shards]
        at = next(
            (at for shelf, at, _ in _shelves(begins, 0, len(begins)) if shelf not in seen), None
        )
        if at is None:
            return False
        place = Place(queue.state, queue.part, shards[at])
        merge.add(place.folder, [one for one in entries_in(self._actor, place) if one[0] != "."])
        return True

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
        self, kept: dict[str, _Kept], queue: Place, listed: Callable[[], list[str]], long: int
    ) -> list[str]:
        """What *listed* gives, or gave a moment ago if that was long."""
        before = kept.get(queue.folder)
        began = self._actor.clock.mono()
        if before is not None and before.listed and began < before.until_mono:
            return before.listed
        now = listed()
        ended = self._actor.clock.mono()
        kept.pop(queue.folder, None)
        if len(now) > long:
            kept[queue.folder] = _Kept(now, ended + max(KEPT_S, RELIST * (ended - began)))
        return now

    def _start(self, queue: Place, shards: list[str]) -> int:
        """Where this look begins: every second one behind the wall, if one was met."""
        behind = self._behind.get(queue.folder)
        if behind is None:
            return 0
        turn = self._turns[queue.folder] = not self._turns.get(queue.folder, False)
        if not turn:
            return 0
        return bisect_left(shards, shard_order(behind), key=shard_order)

    def _go_on(self, queue: Place, shards: list[str], at: int) -> None:
        """All that was seen had been passed over: the next look but one goes on from there, and from the beginning after the end."""
        behind = self._behind.get(queue.folder)
        if at >= len(shards):
            self._behind.pop(queue.folder, None)
        elif behind is None or self._turns.get(queue.folder, False):
            self._behind[queue.folder] = shards[at]

    def _inside(self, shard: Place) -> list[str] | None:
        """What lies in a shard and is not hidden; None if it is gone, or empty and removed."""
        entries = entries_in(self._actor, shard)
        if not entries:
            self._remove(shard)
            return None
        return [entry for entry in entries if entry[0] != "."]

    def _remove(self, shard: Place) -> None:
        try:
            self._actor.files.rmdir(shard.folder)
        except FileNotFoundError:
            return  # another was quicker
        except OSError as error:  # something came into it, or what lies there is hidden
            if shard.folder not in self._told:
                self._told.add(shard.folder)
                self._actor.log("shard.left", folder=shard.folder, error=str(error))


def _shelf(entry: str) -> str:
    """What the names of jobs that were submitted together begin with, rank included; empty for a job that came alone."""
    return entry.rpartition(".")[0].rpartition(".")[0]


class _Merge:
    """Sorted listings merged by name, as far as they are asked for: to take apart all names of a head costs more than a claim."""

    def __init__(self, passed: Container[str], enough: int) -> None:
        self._passed, self._enough = passed, enough
        self._heap: list[tuple[str, str, int, list[str]]] = []
        self._listed: list[list[str]] = []
        self.paths: list[str] = []
        self.fresh = 0
        """How many of them were not passed over."""

    @property
    def is_enough(self) -> bool:
        return self.fresh >= self._enough

    @property
    def left(self) -> int:
        """How many names were not taken."""
        return sum(len(entries) - at for _, _, at, entries in self._heap)

    def add(self, folder: str, entries: list[str]) -> None:
        if entries:
            self._listed.append(entries)
            heapq.heappush(self._heap, (entries[0], folder, 0, entries))

    def take(self, *, before: str | None, but: str | None = None) -> None:
        """Take names below *before* until there are enough; none any more out of the folder *but*."""
        while self._heap and not self.is_enough and (before is None or self._heap[0][0] < before):
            entry, folder, at, entries = self._heap[0]
            if folder == but:
                heapq.heappop(self._heap)
                continue
            if at + 1 < len(entries):
                heapq.heapreplace(self._heap, (entries[at + 1], folder, at + 1, entries))
            else:
                heapq.heappop(self._heap)
            if is_record_name(entry):
                path = f"{folder}/{entry}"
                self.paths.append(path)
                self.fresh += path not in self._passed

    @property
    def shelves(self) -> set[str]:
        """The shelves of the names that were taken."""
        last = self.paths[-1].rpartition("/")[2] if self.paths else ""
        found: set[str] = set()
        for entries in self._listed:
            found.update(shelf for shelf, _, _ in _shelves(entries, 0, bisect_right(entries, last)))
        return found

    def later(self, shelves: int, each: int) -> list[list[str]]:
        """The first names of up to so many other shelves among what was not taken, in the order in which they begin."""
        taken = self.shelves
        first: dict[str, list[tuple[str, str]]] = {}
        for _, folder, at, entries in self._heap:
            for shelf, names in _first_of_shelves(entries, at, taken, shelves, _SCANNED * each):
                first.setdefault(shelf, []).extend((name, folder) for name in names)
        found = sorted(sorted(names) for names in first.values() if names)
        return [self._cut(names, each) for names in found[:shelves]]

    def _cut(self, names: list[tuple[str, str]], each: int) -> list[str]:
        """Their paths, until so many of them were not passed over."""
        paths: list[str] = []
        for name, folder in names:
            if each == 0:
                break
            paths.append(f"{folder}/{name}")
            each -= paths[-1] not in self._passed
        return paths


def _shelves(entries: list[str], at: int, end: int) -> Iterator[tuple[str, int, int]]:
    """The shelves of a sorted listing between two places, each with where it begins and ends; leaps over what lies between."""
    while at < end:
        shelf = _shelf(entries[at])
        # What begins with the shelf and a dot sorts before what begins with it and a slash.
        next_at = max(at + 1, bisect_left(entries, f"{shelf}/", at) if shelf else 0)
        yield shelf, at, next_at
        at = next_at


def _first_of_shelves(
    entries: list[str], at: int, taken: set[str], shelves: int, each: int
) -> Iterator[tuple[str, list[str]]]:
    """Of a sorted listing, from *at* on: shelves that are not *taken*, and their first names."""
    seen = set(taken)
    for shelf, begin, end in _shelves(entries, at, len(entries)):
        if shelf not in seen:
            seen.add(shelf)
            yield shelf, list(filter(is_record_name, entries[begin : min(end, begin + each)]))
        if len(seen) == len(taken) + shelves:
            return
