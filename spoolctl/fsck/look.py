"""One look at a whole spool: first where every record lies, then, job by job, what is decided about it.

Records are listed before decisions are read, because decisions only grow: what a look reads of a job is never older than where it
saw its record. A record that is in no listing is looked for once more, by name. An answer that fails makes the look *blind*: it goes
on, tells where it saw nothing, and concludes nothing from what it did not see.

Of the listings that come back empty, those of folders that cannot be empty are known for what they are, and those of sessions; an
empty ``waiting/`` is believed.

Guarantees: it never writes, but for the folder by whose time the share's clock is read; where that fails (a read-only mount) this
machine's clock is taken. Does not guarantee an instant's picture: whoever wants certainty looks twice.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from spoolctl.controller.last_words import Part
from spoolctl.fsck.finding import Tally
from spoolctl.fsck.folders import look_at_state
from spoolctl.fsck.reading import Reader, job_in
from spoolctl.fsck.seen import JobSeen, Lying, Owner, Tried, owner_of
from spoolctl.spool import (
    CLASSES,
    Actor,
    BadRecord,
    Digest,
    Heartbeat,
    Job,
    Location,
    Manifest,
    Node,
    Place,
    Pruned,
    Settings,
    State,
    find,
    is_ignored,
    is_legal,
    last_days,
    layout,
    shelf,
)

DAYS_SWEPT = 2
"""Newest days of ``failed/`` and ``cancelled/`` in which sweeps look for open attempts and late cancels (``spool.sweep``)."""
DAYS_AUDITED = 3
"""Newest days whose records the controller's audit settles (``controller.scanner``)."""


@dataclass
class Look:
    """What one look saw of the spool as a whole."""

    actor: Actor
    reader: Reader
    deep: Callable[[str], bool] = lambda _path: False
    """Which outputs' bytes are read back."""
    before: "Look | None" = None
    """An earlier look, with which heartbeats are compared."""
    now_s: float = 0.0
    """The share's clock."""
    clock_is_shares: bool = True
    places: dict[State, list[Place]] = field(default_factory=dict)
    found: dict[str, list[Location]] = field(default_factory=dict)
    beats: dict[str, Heartbeat] = field(default_factory=dict)
    sessions: dict[str, frozenset[str]] = field(default_factory=dict)
    rejected: frozenset[str] = frozenset()
    parts: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of each ledger: the path of each part by its file's stem."""
    words: list[Part] = field(default_factory=list)
    """People's words on images."""
    imported: list[str] = field(default_factory=list)
    """Paths of parts that StableNew wrote."""
    history_of: dict[str, list[str]] = field(default_factory=dict)
    """The stems of each job's parts of the history."""
    missing: list[str] = field(default_factory=list)
    in_the_way: list[str] = field(default_factory=list)
    """Files where folders of the format must be."""
    strangers: list[str] = field(default_factory=list)
    unseen: dict[str, str] = field(default_factory=dict)
    """Where the share did not answer, and what it said."""
    tally: Tally = field(default_factory=Tally)

    @property
    def is_blind(self) -> bool:
        """True if some folder was not seen, so that what is nowhere may be there."""
        return bool(self.unseen or self.missing or self.in_the_way)

    def owner(self, beat: Heartbeat | None) -> Owner:
        """What is known of the writer of a heartbeat."""
        now = self.beats.get(beat.worker) if beat else None
        if beat is None or now is None:
            return owner_of(beat, self.actor, self.now_s)
        if beat.role == "worker" and (now.session != beat.session or now.is_stopped):
            return Owner.GONE
        earlier = self.before.beats.get(beat.worker) if self.before else None
        grew = earlier is not None and (earlier.session, now.session) == (beat.session,) * 2
        moved = earlier is not None and grew and now.counter > earlier.counter
        return owner_of(beat, self.actor, self.now_s, moved=moved)

    def is_alive(self, *roles: str) -> bool:
        """True if a process of one of these roles shows life in ``nodes/``."""
        return any(
            beat.role in roles and self.owner(beat) is Owner.ALIVE for beat in self.beats.values()
        )

    def is_swept(self, place: Place, *, days: int = DAYS_SWEPT) -> bool:
        """True if sweeps or the controller look at this folder, so that what is wrong there goes on by itself."""
        if place.state is State.QUEUE:
            return not place.part or place.part in CLASSES
        if place.state not in layout.TERMINAL:
            return True
        whole, *inner = self.places.get(place.state) or [Place(place.state)]
        return place == whole or place in last_days(inner, days)

    @contextmanager
    def looking_at(self, path: str) -> Iterator[None]:
        """Note that the share did not answer, and go on."""
        try:
            yield
        except OSError as error:
            self.unseen[path] = error.strerror or str(error)


def look_around(actor: Actor, *, deep: Callable[[str], bool], before: Look | None = None) -> Look:
    """See the spool as a whole: folders, records, heartbeats, parts. The jobs are read by ``jobs``."""
    look = Look(actor, Reader(actor), deep=deep, before=before)
    try:
        look.now_s = actor.share_now_s()
    except OSError:
        look.now_s, look.clock_is_shares = actor.clock.utc_s(), False
    _folders(look)
    with look.looking_at(layout.SETTINGS):
        noted = len(look.reader.unreadable)
        settings = look.reader.record(Settings, layout.SETTINGS)
        if settings is None and len(look.reader.unreadable) == noted:
            look.missing.append(layout.SETTINGS)
    for state in State:
        with look.looking_at(state):
            look_at_state(look, state)
    for ledger in (layout.CORPUS, layout.HISTORY):
        with look.looking_at(f"{ledger}/parts"):
            look.parts[ledger] = _parts(look, ledger)
    for stem in look.parts.get(layout.HISTORY, {}):
        look.history_of.setdefault(stem.rpartition("~")[0], []).append(stem)
    with look.looking_at(layout.NODES):
        _nodes(look)
    with look.looking_at(layout.CONTROL):
        _control(look)
    with look.looking_at(layout.REJECTED):
        look.rejected = look.reader.names(layout.REJECTED) or frozenset()
    with look.looking_at(layout.LOCKS):
        look.reader.names(layout.LOCKS)
    return look


def jobs(look: Look) -> Iterator[JobSeen]:
    """Read every job that has a record or a results folder, one after the other."""
    names = dict.fromkeys(look.found)
    with look.looking_at(layout.RESULTS):
        for one in sorted(look.reader.names(layout.RESULTS) or ()):
            with look.looking_at(f"{layout.RESULTS}/{one}"):
                names |= dict.fromkeys(_on_shelf(look, one))
    for name in names:
        with look.looking_at(layout.results(name)):
            seen = _job(look, name)
            if seen.lying or seen.entries is not None:
                look.tally.jobs += 1
                yield seen


def _on_shelf(look: Look, one: str) -> Iterator[str]:
    if one.startswith("."):  # not ``is_ignored``: a group may be called "portraits.part"
        return
    folder = f"{layout.RESULTS}/{one}"
    for name in sorted(look.reader.names(folder) or ()):
        if is_legal(name) and shelf(name) == one:
            yield name
        elif not is_ignored(name):
            look.strangers.append(f"{folder}/{name}")


def _folders(look: Look) -> None:
    listed: dict[str, frozenset[str]] = {}
    for folder in layout.FOLDERS:
        parent, _, entry = folder.rpartition("/")
        with look.looking_at(folder):
            if parent not in listed:
                listed[parent] = look.reader.names(parent) or frozenset()
            if parent in look.in_the_way:
                continue
            if entry in listed[parent]:
                if not look.actor.files.stat(folder).is_folder:
                    look.in_the_way.append(folder)
                continue
            if look.reader.names(folder) is None:
                look.missing.append(folder)
            else:
                look.unseen[parent or "."] = f"its listing lacks '{entry}', which is there"
    known = {*layout.FOLDERS, layout.TOKENS, layout.SETTINGS}
    roots = listed.get("", frozenset())
    look.strangers += sorted(one for one in roots - known if not is_ignored(one))


def _parts(look: Look, ledger: str) -> dict[str, str]:
    found: dict[str, str] = {}
    folder = f"{ledger}/parts"
    for one in sorted(look.reader.names(folder) or ()):
        if one.startswith("."):
            continue
        for entry in sorted(look.reader.names(f"{folder}/{one}") or ()):
            path = f"{folder}/{one}/{entry}"
            stem = entry.removesuffix(".jsonl")
            name, tilde, number = (
                stem.rpartition("~") if ledger == layout.HISTORY else (stem, "", "")
            )
            numbered = bool(tilde) and layout.attempt_number(f"a{number}") is not None
            if ledger == layout.CORPUS and _is_no_jobs(look, one, entry):
                continue
            if stem != entry and shelf(name) == one and numbered == (ledger == layout.HISTORY):
                found[stem] = path
            elif not is_ignored(entry):
                look.strangers.append(path)
    return found


def _is_no_jobs(look: Look, one: str, entry: str) -> bool:
    """Note a part of the corpus that no merge wrote: a person's word, or a record of StableNew's own."""
    told = layout.word_of(entry)
    if told is not None and shelf(told[0]) == one and is_legal(told[0]):
        look.words.append((one, entry))
        return True
    path = f"{layout.CORPUS}/parts/{one}/{entry}"
    if path == layout.imported(entry.removesuffix(".jsonl")) and not is_ignored(entry):
        look.imported.append(path)
        return True
    return False


def _nodes(look: Look) -> None:
    for entry in sorted(look.reader.names(layout.NODES) or ()):
        stem, _, kind = entry.partition(".")
        path = f"{layout.NODES}/{entry}"
        if kind == layout.HEARTBEAT:
            beat = look.reader.record(Heartbeat, path)
            if beat is not None:
                look.beats[stem] = beat
        elif kind == layout.NODE_CARD:
            look.reader.record(Node, path)


def _control(look: Look) -> None:
    for entry in sorted(look.reader.names(layout.CONTROL) or ()):
        if entry.endswith(".yaml") and not is_ignored(entry):
            look.reader.request(f"{layout.CONTROL}/{entry}")


def _job(look: Look, name: str) -> JobSeen:
    listed = look.found.get(name, [])
    lying = _lying(look, listed)
    seen = _decided(look, name, lying)
    if len(lying) == len(listed) and (lying or _is_over(seen)):
        return seen
    # It moved on while this look went round, or lies in no listing: that is no proof, so it is looked for by name. Then the
    # decisions are read anew, because they have to be younger than the place.
    again = _lying(look, find(look.actor, name))
    return _decided(look, name, again) if again else seen


def _is_over(seen: JobSeen) -> bool:
    """True if nothing would follow from its record: to look for each such one in every folder takes too long."""
    last = seen.decided.highest if seen.decided else None
    return seen.pruned is not None or (last is not None and (last.is_commit or last.is_final))


def _lying(look: Look, locations: list[Location]) -> tuple[Lying, ...]:
    found = []
    for location in locations:
        noted = len(look.reader.unreadable)
        data = look.reader.data(location.path)
        if data is not None:
            found.append(Lying(location, data))
        elif len(look.reader.unreadable) > noted:
            del look.reader.unreadable[noted:]  # told with its job, where more is known
            found.append(Lying(location, None))
    return tuple(found)


def _decided(look: Look, name: str, lying: tuple[Lying, ...]) -> JobSeen:
    folder = layout.results(name)
    entries = look.reader.names(folder)
    if entries is None:
        return JobSeen(name, lying, job=_any_job(lying))
    tombstone = None
    if layout.PRUNED in entries:
        tombstone = look.reader.record(Pruned, layout.tombstone(name), job=name)
    numbers = sorted(n for one in entries if (n := layout.attempt_number(one)) is not None)
    attempts = {}
    for number in numbers:
        tried = _attempt(look, name, number)
        if tried is not None:
            attempts[number] = tried
    pinned = job = None
    if layout.RECORD in entries:
        pinned = look.reader.data(layout.pinned_record(name), job=name)
        if pinned is not None:
            noted = len(look.reader.unreadable)
            job = look.reader.job(pinned, layout.pinned_record(name), name)
            if any(one.invariant == "I2" for one in look.reader.unreadable[noted:]):
                pinned = None  # what was accepted is not known any more
    return JobSeen(
        name, lying, entries, pinned, job or _any_job(lying), tombstone, attempts,
        _outputs(look, name, attempts),
    )  # fmt: skip


def _any_job(lying: tuple[Lying, ...]) -> Job | None:
    for one in lying:
        try:
            return job_in(one.data) if one.data is not None else None
        except BadRecord:
            continue  # told with the job
    return None


def _attempt(look: Look, name: str, number: int) -> Tried | None:
    entries = look.reader.names(layout.attempt(name, number))
    if entries is None:
        return None
    look.tally.attempts += 1
    verdict = beat = None
    if layout.MANIFEST in entries:
        verdict = look.reader.record(Manifest, layout.manifest(name, number), job=name)
        look.tally.verdicts += 1
    if layout.HEARTBEAT in entries:
        beat = look.reader.record(Heartbeat, layout.attempt_heartbeat(name, number), job=name)
    if layout.SUPERSEDED in entries:
        look.reader.record(Manifest, layout.superseded(name, number), job=name)
    if layout.CANCEL in entries:
        look.reader.request(layout.cancel(name, number), job=name)
    return Tried(number, entries, verdict, beat)


def _outputs(look: Look, name: str, attempts: dict[int, Tried]) -> dict[str, Digest | None]:
    found: dict[str, Digest | None] = {}
    told = (one.verdict.outputs for one in attempts.values() if one.verdict)
    for output in itertools.chain.from_iterable(told):
        path = f"{layout.results(name)}/{output.path}"
        if output.path not in found:
            look.tally.outputs += 1
            found[output.path] = _measured(look, path)
    return found


def _measured(look: Look, path: str) -> Digest | None:
    files = look.actor.files
    try:
        there = files.stat(path)
        if there.is_folder:
            return None
        if not look.deep(path):
            return Digest(there.bytes, "")
        look.tally.digested += 1
        return files.digest(path)
    except FileNotFoundError:
        return None
