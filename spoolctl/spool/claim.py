"""Claiming: taking the next attempt of a job, and then moving its record where people see it.

The order of operations is the protocol's (docs/FORMAT.md, "claim"): the record is pinned; the chain rule is checked; the
attempt's folder is made, exclusively; *from then on the attempt is ours*, whatever any later operation says; the tokens that it
requires are taken for it, or it ends at once; the heartbeat is written; the record is renamed into this session's folder.

Guarantees: of all who claim one attempt exactly one gets a ``Claim``; what runs are the pinned bytes. Does not guarantee
that the record is in our folder: on SMB another client's rename may still take it. ``ownership`` finds it again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from spoolctl.spool import layout, tokens
from spoolctl.spool.actor import Actor
from spoolctl.spool.admission import Admitted
from spoolctl.spool.attempts import take
from spoolctl.spool.digests import sha256_of
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.layout import Location, State
from spoolctl.spool.life import Life
from spoolctl.spool.looking import Decisions, attempt
from spoolctl.spool.names import FileName
from spoolctl.spool.pin import may_begin, pin
from spoolctl.spool.promote import held_back
from spoolctl.spool.publish import TRIES_MAX, Outcome, publish_once
from spoolctl.spool.records import (
    CLASSES,
    RECORD_BYTES_MAX,
    Code,
    Job,
    JobClass,
    Manifest,
    Verdict,
)
from spoolctl.spool.settle import holds, move, settle, settle_later
from spoolctl.spool.states import label_for
from spoolctl.spool.verdicts import Ending, Subject, build, publish


@dataclass(frozen=True)
class Claim:
    """An attempt of which this process is the only owner."""

    name: str
    number: int
    file: FileName
    job: Job
    data: bytes
    previous: Manifest | None
    job_class: JobClass | None

    @property
    def sha256(self) -> str:
        """Digest of the pinned record."""
        return sha256_of(self.data)

    def subject(self, actor: Actor) -> Subject:
        """The attempt, as its verdict names it."""
        return Subject(
            name=self.name,
            number=self.number,
            job=self.job,
            record_sha256=self.sha256,
            previous=self.previous,
            worker=actor.name,
            session=actor.session,
            job_class=self.job_class,
        )

    def place(self, actor: Actor) -> Location:
        """Where the record lies while all is well."""
        return Location(layout.claimed(actor.session), self.file.labelled(self.number))


class NotClaimed(Enum):
    """Why a record was not claimed."""

    TAKEN = "taken"
    """Another made the attempt, or the share would not say who did."""
    OPEN = "open"
    """Its last attempt has no verdict; that is its owner's or a sweeper's to end."""
    SETTLED = "settled"
    """Its job has come to an end; the record was moved to where it belongs."""
    HELD_BACK = "held_back"
    """It may not run yet; the record was moved to ``waiting/``, where a sweep sees to it."""
    REJECTED = "rejected"
    UNSUITED = "unsuited"
    NO_TOKEN = "no_token"  # noqa: S105 - no secret
    """Others hold all of a token that it requires, or the settings do not know that token; it stays in its queue."""


Suits = Callable[[Job, Manifest | None], bool]
"""``suits(job, previous)``: asked last before the attempt is taken, with the verdict on the one before."""


@dataclass(frozen=True)
class Ready:
    """A record in a queue whose next attempt may be made, by all that was read: the claim's steps 1 and 2. Nothing is owned."""

    location: Location
    job: Job
    data: bytes
    decided: Decisions

    @property
    def previous(self) -> Manifest | None:
        """The verdict on the attempt before."""
        return self.decided.highest.verdict if self.decided.highest else None


def claim(actor: Actor, admitted: Admitted, life: Life, suits: Suits) -> Claim | NotClaimed:
    """Try once to take the next attempt of a job whose record lies in a queue.

    Raises:
        OSError: The share did not answer *before* the attempt was taken; nothing is owned.
        BadRecord: A decision about the job is there but cannot be read.
    """
    found = make_ready(actor, admitted, suits)
    if isinstance(found, NotClaimed):
        return found
    claimed = take_ready(actor, found, life)
    if isinstance(claimed, Claim):
        show(actor, claimed, found, life)
    return claimed


def make_ready(actor: Actor, admitted: Admitted, suits: Suits) -> Ready | NotClaimed:
    """Do of a claim what comes before the attempt, also some time before; errors as for ``claim``."""
    location, job = admitted.location, admitted.job
    if tokens.lacking(actor, job) is not None:
        return NotClaimed.NO_TOKEN
    decided = pin(actor, location, admitted.data)
    if decided is None:
        return NotClaimed.REJECTED
    begins = may_begin(actor, decided, location)
    if begins is None:
        if decided.highest is not None and decided.highest.is_open:
            return NotClaimed.OPEN
        settle(actor, location)
        return NotClaimed.SETTLED
    held = held_back(actor, job, decided, ignore_retry_at=True)
    if not held.is_due:
        move(actor, begins, layout.WAITING, label=label_for(decided, layout.WAITING))
        return NotClaimed.HELD_BACK
    ready = Ready(begins, job, admitted.data, decided)
    return ready if suits(job, ready.previous) else NotClaimed.UNSUITED


def is_ready_yet(actor: Actor, ready: Ready) -> bool:
    """True if the record lies where it lay, as it was: for who made it ready some time ago. Errors as for ``claim``."""
    return holds(actor, ready.location, ready.data)


def take_ready(actor: Actor, ready: Ready, life: Life) -> Claim | NotClaimed:
    """Take the attempt. Whoever else took it since it was made ready is met here, for a folder is made once; errors as for ``claim``."""
    location, job, decided = ready.location, ready.job, ready.decided
    number = decided.next_number
    if not take(actor, location.name, number):
        return NotClaimed.TAKEN
    if decided.highest is not None and not decided.highest.is_final:
        _carry_over_cancel(actor, location.name, number)
    claimed = Claim(
        name=location.name,
        number=number,
        file=location.file,
        job=job,
        data=ready.data,
        previous=ready.previous,
        job_class=_class_of(location, job),
    )
    if job.requires.tokens and not _has_tokens(actor, claimed):
        _give_back(actor, claimed, location)
        return NotClaimed.NO_TOKEN
    life.begin(claimed.name, claimed.number, claimed.job_class)
    actor.log("claimed", job=claimed.name, attempt=claimed.number)
    return claimed


def _has_tokens(actor: Actor, claimed: Claim) -> bool:
    try:
        missing = tokens.take_all(actor, claimed.job, claimed.name, claimed.number)
    except OSError as error:
        actor.log("token.trouble", job=claimed.name, attempt=claimed.number, error=str(error))
        return False
    return missing is None


def _give_back(actor: Actor, claimed: Claim, location: Location) -> None:
    """End an attempt that lacks a token; if the share does not take the verdict, it is reaped after a lease."""
    before = claimed.previous
    ending = Ending(
        Verdict.RETURNED,
        Code.HANDED_BACK,
        "others took a token that it requires",
        vram_gb_above=before.vram_gb_above if before and not before.final else None,
    )
    try:
        manifest = build(actor, claimed.subject(actor), ending)
        for _ in range(TRIES_MAX):
            if publish(actor, manifest) is not Outcome.UNKNOWN:
                break
    except OSError as error:
        actor.log(
            "token.not_given_back", job=claimed.name, attempt=claimed.number, error=str(error)
        )
        return
    settle_later(actor, location)


def _carry_over_cancel(actor: Actor, name: str, number: int) -> None:
    """A request to cancel that reached the attempt before, after its verdict, is meant for this one."""
    try:
        if not attempt(actor, name, number - 1).cancel_asked:
            return
        request = actor.files.read(layout.cancel(name, number - 1), bytes_max=RECORD_BYTES_MAX)
        publish_once(actor, layout.cancel(name, number), request)
    except (OSError, BadRecord) as error:
        actor.log("cancel.not_carried_over", job=name, attempt=number, error=str(error))


def _class_of(location: Location, job: Job) -> JobClass | None:
    for known in CLASSES:
        if location.place.part == known:
            return known
    return job.class_


def show(actor: Actor, claimed: Claim, ready: Ready, life: Life) -> None:
    """Heartbeat and rename. Both may fail: the attempt is ours all the same, and the next beat tries again."""
    try:
        life.beat_attempt(claimed.name, claimed.number)
        # This attempt was made a moment ago, so that no file ever had its label in this session's folder.
        place = layout.claimed(actor.session)
        move(actor, ready.location, place, label=claimed.number, is_new=True)
    except OSError as error:
        actor.log("claim.shown_late", job=claimed.name, error=str(error))


def take_back(actor: Actor, claimed: Claim, found: list[Location]) -> bool:
    """Move a record of ours that lies in a queue or waits into our folder; False if there is none to take.

    *found* are files with the job's own bytes (``holds``): a move into our folder replaces what lies there unseen.
    """
    for location in found:
        if location.place.state in (State.QUEUE, State.WAITING, State.HELD, State.CLAIMED):
            place = layout.claimed(actor.session)
            return move(actor, location, place, label=claimed.number) is not None
    return False
