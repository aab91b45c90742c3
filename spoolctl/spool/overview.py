"""Overview: what people are shown of a spool, and how a name that they type becomes a job's name. Reads only.

Guarantees: writes nothing, not even to read the share's clock. Counts come from folder listings alone; records and verdicts are
opened only for what is shown, and of the endless folders (failed, rejected) only the newest.
Does not guarantee an instant's picture: jobs move while it is taken. Ages compare two machines' clocks and are for display only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.approve import parse_approval
from spoolctl.spool.errors import BadRecord, NoSuchJob
from spoolctl.spool.glance import bytes_of, decided_if_readable, is_known, job_of
from spoolctl.spool.layout import Location, Place, State
from spoolctl.spool.looking import (
    Attempt,
    Decisions,
    all_records,
    attempt,
    attempt_numbers,
    decisions,
    entries_in,
    find,
    folders_of,
    heartbeat,
    parts,
    read_record,
    records_in,
)
from spoolctl.spool.names import (
    fold,
    group_of,
    is_ignored,
    is_record_name,
    parse_file_name,
    shelf,
)
from spoolctl.spool.records import (
    APPROVAL_SCHEMA,
    CLASSES,
    Approval,
    Heartbeat,
    Job,
    Manifest,
    Pruned,
    Reason,
)
from spoolctl.spool.stages import counts_inputs, images_asked
from spoolctl.spool.submit import parse_job
from spoolctl.spool.tokens import waits_for
from spoolctl.spool.waiting import Waiting, why_waiting

CANDIDATES_SHOWN = 5
NO_CLASS = "none"
_SAMPLE = 20
T = TypeVar("T")
_LATEST_LOOKED_AT = 50
"""How many of the newest failed records are opened to find those that ended last."""


@dataclass(frozen=True)
class Failure:
    """A job in ``failed/`` and its last verdict; ``None`` if that cannot be read."""

    location: Location
    verdict: Manifest | None


@dataclass(frozen=True)
class JobView:
    """Everything that is known of one job."""

    name: str
    locations: tuple[Location, ...]
    job: Job | None
    problem: str | None
    """Why the record, or a verdict, cannot be read."""
    pinned: bool
    attempts: tuple[Attempt, ...]
    pruned: Pruned | None
    beat: Heartbeat | None
    """Of the open attempt."""
    waiting: Waiting | None
    lacks: str | None = None
    """Of a job in a queue: the token that it lacks, and who holds it."""
    approval: Approval | None = None


@dataclass(frozen=True)
class Counts:
    """How many jobs lie where."""

    queues: dict[str, int]
    """By class; ``NO_CLASS`` for files that a person dropped beside the queues."""
    others: dict[str, int]
    """By the other states."""
    samples: dict[str, tuple[Location, ...]] = field(default_factory=dict)
    """Some of each class, from all over its queue."""


@dataclass
class Memory:
    """What a program that looks again and again need not read again: the days gone by, and verdicts, which never change."""

    days: dict[str, int] = field(default_factory=dict)
    """How many records a day's folder holds. Only of bygone days; a retry of an old job shows late."""
    failures: dict[str, Failure] = field(default_factory=dict)
    """By the record's path, whose label differs after a retry."""


def counts(actor: Actor, memory: Memory) -> Counts:
    """How many records lie in each state, by class for the queues.

    Raises:
        OSError: The share did not tell.
    """
    queues: dict[str, int] = dict.fromkeys(CLASSES, 0)
    found: dict[str, list[tuple[Place, str]]] = {}
    for place, entries in folders_of(actor, State.QUEUE):
        names = [entry for entry in entries if is_record_name(entry)]
        if place.part or names:
            part = place.part or NO_CLASS
            queues[part] = queues.get(part, 0) + len(names)
            found.setdefault(part, []).extend((place, name) for name in spread_over(names))
    samples = {
        part: tuple(
            Location(place, file)
            for place, name in spread_over(some)
            if (file := parse_file_name(name))
        )
        for part, some in found.items()
    }
    others = {
        str(state): _count(actor, state, memory) for state in State if state is not State.QUEUE
    }
    return Counts(queues, others, samples)


def spread_over(found: Sequence[T]) -> tuple[T, ...]:
    """Some of many, from the first to near the last."""
    return tuple(found[:: -(-len(found) // _SAMPLE) or 1])


def resolve(actor: Actor, text: str) -> str:
    """The name of the job that a person means by *text*.

    In this order: a name in full (any case, or the record's file name), the beginning of exactly one name, or
    exactly one record's ``job_id``. The last one opens every record.

    Raises:
        NoSuchJob: None, or several; the message names up to five.
        OSError: The share did not tell.
    """
    found = meant(actor, text)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NoSuchJob(f"no job '{text}' in this spool")
    shown = ", ".join(f"'{name}'" for name in found[:CANDIDATES_SHOWN])
    more = f" and {len(found) - CANDIDATES_SHOWN} more" if len(found) > CANDIDATES_SHOWN else ""
    raise NoSuchJob(
        f"'{text}' could be any of {len(found)} jobs: {shown}{more}",
        hint="type more of the name, until only one job begins with it",
    )


def meant(actor: Actor, text: str) -> list[str]:
    """Every job that *text* may mean: see ``resolve``. Raises OSError if the share did not tell."""
    file = parse_file_name(text.replace("\\", "/").rpartition("/")[2])
    wanted = file.name if file else fold(text.strip()) if text.strip() else ""
    if wanted and is_known(actor, wanted):
        return [wanted]
    beginning = text.strip().lower()
    names = sorted({one.name for one in all_records(actor)}) if beginning else []
    if wanted in names:
        return [wanted]
    found = [name for name in names if name.startswith(beginning)]
    if not found and beginning:
        found = sorted(_with_job_id(actor, text))
    return found


def names_beginning(actor: Actor, beginning: str, *, count_max: int) -> list[str]:
    """Names of jobs that begin so, at most *count_max*, jobs that have not ended first."""
    found: dict[str, None] = {}
    for location in all_records(actor):
        if location.name.startswith(beginning.lower()):
            found[location.name] = None
            if len(found) >= count_max:
                break
    return list(found)


def in_group(actor: Actor, group: str, states: tuple[State, ...]) -> Iterator[Location]:
    """The records of a group, by its label or the shelf of its jobs' names; opens each record in *states*."""
    for location in all_records(actor, states):
        job = _job_if(actor, location, "" if shelf(location.name) == group else group)
        if job is not None and group_of(location.name, job.group) == group:
            yield location


def images_told(job: Job) -> int | None:
    """How many images (or texts) the job leaves if it succeeds; ``None`` if that depends on another job's.

    Raises:
        BadRecord: The job's stages cannot be read.
    """
    if any(one.job is not None and one.image_index is None for one in job.inputs):
        return None if counts_inputs(job) else images_asked(job, inputs=0)
    return images_asked(job, inputs=len(job.inputs))


def failures(actor: Actor) -> Iterator[Failure]:
    """Every job in ``failed/`` with its last verdict, the newest day first."""
    for location in _newest_failed(actor):
        yield Failure(location, _last_verdict(actor, location.name))


def latest_failures(actor: Actor, number: int, memory: Memory) -> list[Failure]:
    """The jobs that failed last, the last one first; found among the newest names only."""
    looked_at: dict[str, Failure] = {}
    for location in islice(_newest_failed(actor), _LATEST_LOOKED_AT):
        known = memory.failures.get(location.path)
        verdict = known.verdict if known else _last_verdict(actor, location.name)
        looked_at[location.path] = Failure(location, verdict)
    memory.failures = looked_at

    def ended(failure: Failure) -> float:
        at = failure.verdict.ended_at if failure.verdict else None
        return at.timestamp() if at else 0.0

    return sorted(looked_at.values(), key=ended, reverse=True)[:number]


def rejections(actor: Actor, number: int) -> tuple[int, list[Reason]]:
    """How many files lie in ``rejected/``, and the latest reasons; of many, only the first fifty names are opened."""
    entries = [e for e in actor.files.names(layout.REJECTED) if not is_ignored(e)]
    files = [entry for entry in entries if not entry.endswith(layout.REASON_SUFFIX)]
    reasons = []
    found = (entry for entry in entries if entry.endswith(layout.REASON_SUFFIX))
    for entry in sorted(found)[:_LATEST_LOOKED_AT]:
        try:
            reasons.append(read_record(actor, Reason, f"{layout.REJECTED}/{entry}"))
        except (BadRecord, FileNotFoundError) as error:
            actor.log("overview.unreadable", file=entry, error=str(error))
    reasons.sort(key=lambda reason: reason.at, reverse=True)
    return len(files), reasons[:number]


def view(actor: Actor, name: str) -> JobView:
    """Everything about one job.

    Raises:
        NoSuchJob: Nothing is known under that name.
        OSError: The share did not tell.
    """
    locations = tuple(find(actor, name))
    problem = None
    try:
        decided = decisions(actor, name)
    except BadRecord as error:
        problem, decided = str(error), Decisions(name)
    if not (locations or decided.pinned or decided.highest or decided.pruned or problem):
        raise NoSuchJob(f"no job '{name}' in this spool")
    job, unread = job_of(actor, name, locations)
    attempts = tuple(_attempts(actor, name)) if decided.pruned is None else ()
    is_open = bool(attempts) and attempts[-1].is_open
    waiting = next((one for one in locations if one.place.state is State.WAITING), None)
    return JobView(
        name=name,
        locations=locations,
        job=job,
        problem=problem or unread,
        pinned=decided.pinned,
        attempts=attempts,
        pruned=decided.pruned,
        beat=heartbeat(actor, name, attempts[-1].number) if is_open else None,
        waiting=why_waiting(actor, waiting) if waiting else None,
        lacks=waits_for(actor, job) if job and _is_queued(locations) and not is_open else None,
        approval=_approval(actor, decided),
    )


def _is_queued(locations: tuple[Location, ...]) -> bool:
    return any(one.place.state is State.QUEUE for one in locations)


def _approval(actor: Actor, decided: Decisions) -> Approval | None:
    if not decided.approved:
        return None
    path = layout.approved(decided.name)
    try:
        return parse_approval(bytes_of(actor, path), path)
    except BadRecord as error:
        return Approval(schema_=APPROVAL_SCHEMA, note=str(error))


def _count(actor: Actor, state: State, memory: Memory) -> int:
    total = 0
    places = parts(actor, state)
    for place in places:
        bygone = state in layout.TERMINAL and place.part and place not in places[-2:]
        number = memory.days.get(place.folder) if bygone else None
        if number is None:
            number = sum(map(is_record_name, entries_in(actor, place)))
        if bygone:
            memory.days[place.folder] = number
        total += number
    return total


def _newest_failed(actor: Actor) -> Iterator[Location]:
    for place in reversed(parts(actor, State.FAILED)):
        yield from reversed(records_in(actor, place))


def _attempts(actor: Actor, name: str) -> Iterator[Attempt]:
    for number in attempt_numbers(actor, name):
        try:
            yield attempt(actor, name, number)
        except (BadRecord, FileNotFoundError) as error:
            actor.log("overview.unreadable", job=name, attempt=number, error=str(error))


def _last_verdict(actor: Actor, name: str) -> Manifest | None:
    decided = decided_if_readable(actor, name)
    return decided.highest.verdict if decided and decided.highest else None


def _with_job_id(actor: Actor, job_id: str) -> set[str]:
    found = set()
    for location in all_records(actor):
        job = _job_if(actor, location, job_id)
        if job is not None and job.job_id == job_id:
            found.add(location.name)
    return found


def _job_if(actor: Actor, location: Location, said: str) -> Job | None:
    """The record, if its text may say *said* somewhere; parsing thousands of others would take minutes."""
    word = max(said.split(), key=len, default="")
    plain = word.isascii() and word.replace("-", "").replace("_", "").isalnum()
    try:
        data = bytes_of(actor, location.path)
        unlike = plain and not codec.is_utf16(data)
        return None if unlike and word.encode() not in data else parse_job(data)
    except (BadRecord, FileNotFoundError):
        return None
