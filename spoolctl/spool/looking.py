"""Looking: what is decided about a job, and where records lie. Reads only.

What is decided lies in the job's results folder; ``decisions`` reads it, always by listing a folder before opening a file
in it. A listing proves presence, never absence: nothing here concludes from a name that was missing once.
"""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.layout import DIVIDED, MORE, Location, Place, State
from spoolctl.spool.names import is_ignored, is_record_name, may_be_of, parse_file_name
from spoolctl.spool.records import (
    RECORD_BYTES_MAX,
    Heartbeat,
    Manifest,
    Node,
    Pruned,
    Record,
    Verdict,
)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NO_RECORD = frozenset({errno.ENOENT, errno.EISDIR, errno.EFBIG, errno.ELOOP})
R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Attempt:
    """One attempt as its folder shows it."""

    number: int
    verdict: Manifest | None
    """``None``: open, as far as can be seen."""
    cancel_asked: bool = False
    closed: bool = False

    @property
    def is_open(self) -> bool:
        """True while nobody has published a verdict."""
        return self.verdict is None

    @property
    def is_final(self) -> bool:
        """True if nothing runs after this attempt unless a person asks for it."""
        return self.verdict is not None and (self.verdict.final or self.cancel_asked)

    @property
    def is_commit(self) -> bool:
        """True if this attempt is the job's commit."""
        return self.verdict is not None and self.verdict.verdict is Verdict.SUCCEEDED


@dataclass(frozen=True)
class Decisions:
    """What is decided about one job: its pinned record, its highest attempt, or its tombstone."""

    name: str
    pinned: bool = False
    highest: Attempt | None = None
    pruned: Pruned | None = None
    approved: bool = False
    """Something lies where an approval does; what it is worth is said by ``approve.approval``."""

    @property
    def may_run(self) -> bool:
        """The chain rule: may somebody make the next attempt?

        Only after a verdict that is not *succeeded*, and after a final one only once ``closed`` shows that its record
        had come to rest, so that a record back in a queue is a person's wish.
        """
        if self.pruned is not None:
            return False
        last = self.highest
        if last is None:
            return True
        if last.is_open or last.is_commit:
            return False
        return last.closed or not last.is_final

    @property
    def next_number(self) -> int:
        """The number that the next attempt would bear."""
        return self.highest.number + 1 if self.highest else 1


def decisions(actor: Actor, name: str, *, known: Manifest | None = None) -> Decisions:
    """Read what is decided about a job.

    Args:
        actor: Who looks.
        name: The job.
        known: A verdict on it that was read or published before. Verdicts never change, so this one is not read again.

    Raises:
        OSError: The share did not tell.
        BadRecord: A decision is there but cannot be read.
    """
    folder = layout.results(name)
    try:
        entries = actor.files.names(folder)
    except FileNotFoundError:
        return Decisions(name)
    pruned = None
    numbers = [n for entry in entries if (n := layout.attempt_number(entry)) is not None]
    if layout.PRUNED in entries:
        pruned = read_record(actor, Pruned, f"{folder}/{layout.PRUNED}")
        if numbers and max(numbers) > pruned.attempt:
            pruned = None  # a person's retry was quicker than retention: the tombstone speaks of the attempt before
    highest = None
    if numbers and pruned is None:
        highest = attempt(actor, name, max(numbers), known=known)
    return Decisions(name, layout.RECORD in entries, highest, pruned, layout.APPROVED in entries)


def committed(verdict: Manifest | None) -> Decisions | None:
    """What is decided about a job, told by its commit alone; None if *verdict* is none.

    A verdict is never changed, and no attempt is made after one that succeeded: whoever published or read it knows what a look would
    find. All but a tombstone: so this is for who moves a record, not for who makes an attempt.
    """
    if verdict is None or not verdict.succeeded:
        return None
    return Decisions(verdict.name, pinned=True, highest=Attempt(verdict.attempt, verdict))


def attempt_numbers(actor: Actor, name: str) -> tuple[int, ...]:
    """All attempts of a job that are there, ascending."""
    try:
        entries = actor.files.names(layout.results(name))
    except FileNotFoundError:
        return ()
    return tuple(sorted(n for e in entries if (n := layout.attempt_number(e)) is not None))


def attempt(actor: Actor, name: str, number: int, *, known: Manifest | None = None) -> Attempt:
    """Read one attempt; *known* and errors as for ``decisions``."""
    folder = layout.attempt(name, number)
    entries = actor.files.names(folder)
    verdict = None
    if layout.MANIFEST in entries and known is not None and known.attempt == number:
        verdict = known
    elif layout.MANIFEST in entries:
        verdict = read_record(actor, Manifest, f"{folder}/{layout.MANIFEST}")
        if (verdict.name, verdict.attempt) != (name, number):
            raise BadRecord(
                f"'{folder}/{layout.MANIFEST}' speaks of attempt {verdict.attempt} of '{verdict.name}'",
                hint="somebody copied it there by hand; move it away, and the attempt gets a verdict of its own",
            )
    return Attempt(number, verdict, layout.CANCEL in entries, layout.CLOSED in entries)


def heartbeat(actor: Actor, name: str, number: int) -> Heartbeat | None:
    """The last heartbeat of an attempt, None if it has none that can be read."""
    data = heartbeat_bytes(actor, name, number)
    try:
        return codec.decode(Heartbeat, data) if data is not None else None
    except BadRecord:
        return None


def heartbeat_bytes(actor: Actor, name: str, number: int) -> bytes | None:
    """What lies at an attempt's heartbeat, whether this program can read it or not; None if nothing does.

    Raises:
        OSError: The share did not tell.
    """
    if layout.HEARTBEAT not in actor.files.names(layout.attempt(name, number)):
        return None
    try:
        return actor.files.read(layout.attempt_heartbeat(name, number), bytes_max=RECORD_BYTES_MAX)
    except FileNotFoundError:
        return None


def read_record(actor: Actor, kind: type[R], path: str) -> R:
    """Read one record of the spool's own making.

    Raises:
        FileNotFoundError: It is not there.
        OSError: The share did not tell.
        BadRecord: It cannot be understood; the message names the path.
    """
    try:
        return codec.decode(kind, actor.files.read(path, bytes_max=RECORD_BYTES_MAX))
    except BadRecord as error:
        raise type(error)(
            f"cannot read '{path}': {error}", hint=error.hint, line=error.line, field=error.field
        ) from None


def entries_in(actor: Actor, place: Place) -> list[str]:
    """Whatever lies in one folder, in the order of records; empty if the folder is not there.

    For those who come to the first few only: to take ten thousand names apart is most of a look's time.
    """
    try:
        # By the whole file name, rank included: that is the order which a person sees in a file manager.
        return sorted(actor.files.names(place.folder))
    except (
        FileNotFoundError,
        NotADirectoryError,
    ):  # the second: a file of a person's own beside days or sessions
        return []


def first_records(actor: Actor, place: Place) -> Iterator[Location]:
    """As ``records_in``, taking apart only the names that the caller comes to."""
    files = (parse_file_name(entry) for entry in entries_in(actor, place))
    return (Location(place, file) for file in files if file is not None)


def records_in(actor: Actor, place: Place) -> list[Location]:
    """The records of one folder in the order of their names; empty if the folder is not there."""
    return list(first_records(actor, place))


def parts(actor: Actor, state: State) -> list[Place]:
    """The folders of a state: itself, and where it is divided its classes, sessions or days, in order.

    The undivided folder comes first: a person may drop a file straight into ``cancelled/``.
    """
    whole = Place(state)
    if state not in DIVIDED:
        return [whole]
    try:
        entries = actor.files.names(state)
    except FileNotFoundError:
        return [whole]
    inner = sorted(e for e in entries if not is_ignored(e) and parse_file_name(e) is None)
    return [whole, *(Place(state, entry) for entry in inner)]


def last_days(places: list[Place], count: int) -> list[Place]:
    """The newest *count* days, and every folder that is no day: a person's own, which must not push a day out."""
    days = [place for place in places if _DAY.fullmatch(place.part)]
    own = [place for place in places if place.part and place not in days]
    return [*own, *days[-count:]]


def shard_names(actor: Actor, head: Place) -> list[str]:
    """The names of a class's shards, in the order in which they are taken; empty if it has none."""
    try:
        entries = actor.files.names(f"{head.folder}/{MORE}")
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(filter(layout.is_shard, entries), key=layout.shard_order)


def shards_in(actor: Actor, head: Place) -> list[Place]:
    """As ``shard_names``, as places."""
    return [Place(head.state, head.part, one) for one in shard_names(actor, head)]


def folders_of(actor: Actor, state: State) -> Iterator[tuple[Place, list[str]]]:
    """Each folder of a state, shards among them, and whatever lies in it, in the order of records.

    A queue's head comes before its shards: records move from the head into shards, so that one which moves meanwhile is in one or both.
    """
    for place in parts(actor, state):
        entries = entries_in(actor, place)
        yield place, entries
        if state is State.QUEUE and place.part and MORE in entries:
            for inner in shards_in(actor, place):
                yield inner, entries_in(actor, inner)


def all_records(actor: Actor, states: tuple[State, ...] = tuple(State)) -> Iterator[Location]:
    """Every record in the given states. Not an instant's picture: a record that moves may be seen twice or not."""
    for state in states:
        for place, entries in folders_of(actor, state):
            for entry in entries:
                file = parse_file_name(entry)
                if file is not None:
                    yield Location(place, file)


def count(actor: Actor, state: State) -> Iterator[tuple[Place, int]]:
    """How many records each folder of a state holds."""
    for place, entries in folders_of(actor, state):
        yield place, sum(map(is_record_name, entries))


def find(actor: Actor, name: str, states: tuple[State, ...] = tuple(State)) -> list[Location]:
    """Where a job's records lie now (more than one if a person made a copy). Look twice before believing "nowhere"."""
    return find_each(actor, frozenset({name}), states)


def find_each(
    actor: Actor, names: frozenset[str], states: tuple[State, ...] = tuple(State)
) -> list[Location]:
    """As ``find``, for several jobs by one look."""
    alone = next(iter(names)) if len(names) == 1 else None
    found = []
    for state in states:
        for place, entries in folders_of(actor, state):
            for entry in entries:
                if alone is not None and not may_be_of(entry, alone):
                    continue
                file = parse_file_name(entry)
                if file is not None and file.name in names:
                    found.append(Location(place, file))
    return found


def find_twice(actor: Actor, name: str, states: tuple[State, ...] = tuple(State)) -> list[Location]:
    """As ``find``, looking again before it says "nowhere": a record that moves between two listings may be in neither."""
    return find(actor, name, states) or find(actor, name, states)


def nodes(actor: Actor) -> dict[str, tuple[Node | None, Heartbeat | None]]:
    """Card and last heartbeat of everyone in ``nodes/``, by name; what cannot be read is None."""
    found: dict[str, tuple[Node | None, Heartbeat | None]] = {}
    for entry in sorted(actor.files.names(layout.NODES)):
        stem, dot, kind = entry.partition(".")
        if is_ignored(entry) or not dot:
            continue
        if kind not in (layout.NODE_CARD, layout.HEARTBEAT):
            continue  # what a machine's doctor said, or a stranger's
        node, beat = found.get(stem, (None, None))
        try:
            if kind == layout.NODE_CARD:
                node = read_record(actor, Node, f"{layout.NODES}/{entry}")
            else:
                beat = read_record(actor, Heartbeat, f"{layout.NODES}/{entry}")
        except (BadRecord, OSError) as error:
            # One folder or huge file of that name must not hide everybody else.
            if isinstance(error, OSError) and error.errno not in _NO_RECORD:
                raise
            actor.log("nodes.unreadable", file=entry, error=str(error))
        found[stem] = (node, beat)
    return found
