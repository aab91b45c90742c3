"""Promoting: a record in ``waiting/`` goes to its queue when nothing holds it back any more.

What holds it back: the moment of its next attempt (``retry_at`` of the last verdict) or its own ``not_before``, both by the share's
clock; or jobs that it needs and that have not come so far yet: ended in any way, committed, or committed and approved. A job whose need
can never be met any more can never run: it gets an attempt that fails with ``dependency_failed``.

Guarantees: nothing is decided by moving; a record promoted twice, or too early by a hand, only changes its folder.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from spoolctl.spool.actor import Actor
from spoolctl.spool.approve import approval
from spoolctl.spool.attempts import take_and_end
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.layout import Location, State
from spoolctl.spool.looking import Decisions, decisions, find_twice
from spoolctl.spool.pin import may_begin, pin
from spoolctl.spool.records import Code, Job, Verdict, When
from spoolctl.spool.records.live import Role
from spoolctl.spool.settle import settle_later
from spoolctl.spool.verdicts import Ending

_RETRIED = (State.QUEUE, State.WAITING, State.HELD)


class Needs(Enum):
    """How the jobs that a job needs stand."""

    MET = "met"
    OPEN = "open"
    FAILED = "failed"


@dataclass(frozen=True)
class Held:
    """Why a job may not run yet."""

    until: datetime | None = None
    """Not before this moment of the share's clock."""
    needs: Needs = Needs.MET
    need: str = ""
    """The first job that has not come so far."""

    @property
    def is_due(self) -> bool:
        """True if nothing holds the job back."""
        return self.until is None and self.needs is Needs.MET


def held_back(actor: Actor, job: Job, decided: Decisions, *, ignore_retry_at: bool = False) -> Held:
    """What keeps a job from running now.

    Args:
        actor: Who asks.
        job: The record.
        decided: What is decided about it.
        ignore_retry_at: True for a record in a queue: a person hurried it, or somebody promoted it already.

    Raises:
        OSError: The share did not tell.
    """
    last = decided.highest
    retry_at = None
    if last is not None and last.verdict is not None and not last.is_final and not ignore_retry_at:
        retry_at = last.verdict.retry_at
    moments = [moment for moment in (job.not_before, retry_at) if moment is not None]
    until = max(moments, default=None)
    if until is not None and until.timestamp() <= actor.share_now_s():
        until = None
    for need, when in job.waits_for.items():
        state = Needs.FAILED if need == decided.name else _need_state(actor, need, when)
        if state is not Needs.MET:
            return Held(until, state, need)
    return Held(until)


def _need_state(actor: Actor, name: str, when: When) -> Needs:
    decided = decisions(actor, name)
    if decided.pruned is not None:
        came = decided.pruned.verdict is Verdict.SUCCEEDED
        came = came and (when == "succeeded" or decided.pruned.approved)
        return Needs.MET if came or when == "any" else Needs.FAILED
    last = decided.highest
    if last is None or last.is_open or not (last.is_commit or last.is_final):
        return Needs.OPEN
    if last.is_commit:
        return Needs.MET if when != "approved" or _is_approved(actor, decided) else Needs.OPEN
    if last.closed and find_twice(actor, name, _RETRIED):
        return Needs.OPEN
    # A retry that was claimed meanwhile lies in none of these, but has an attempt; failing is for good, so look again.
    if decisions(actor, name) != decided:
        return Needs.OPEN
    return Needs.MET if when == "any" else Needs.FAILED


def _is_approved(actor: Actor, decided: Decisions) -> bool:
    try:
        return approval(actor, decided) is not None
    except BadRecord as error:
        actor.log("approval.unreadable", job=decided.name, error=str(error))
        return False


def fail_for_need(  # noqa: PLR0913 - the record, and why
    actor: Actor,
    location: Location,
    data: bytes,
    need: str,
    *,
    role: Role,
    circle: tuple[str, ...] = (),
) -> None:
    """End a job that can never run, because *need* ended without success, or waits for this very job; errors as for ``held_back``."""
    decided = pin(actor, location, data)
    begins = may_begin(actor, decided, location) if decided is not None else None
    if decided is None or begins is None:
        return
    message = f"needs '{need}', which ended without success; retry that job, then this one"
    if need == location.name:
        message = f"needs itself ('{need}')"
    elif circle:
        way = " -> ".join((*circle, circle[0]))
        message = f"{len(circle)} jobs wait for each other, so none could ever run: {way}"
    ending = Ending(Verdict.FAILED, Code.DEPENDENCY_FAILED, message)
    take_and_end(actor, decided, ending, role=role)
    settle_later(actor, begins)
