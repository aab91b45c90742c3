"""Promoting: a record in ``waiting/`` goes to its queue when nothing holds it back any more.

What holds it back: the moment of its next attempt (``retry_at`` of the last verdict) or its own ``not_before``, both by the share's
clock; or jobs that it needs and that are not committed yet. A job whose need ended for good without success can never
run: it gets an attempt that fails with ``dependency_failed``.

Guarantees: nothing is decided by moving; a record promoted twice, or too early by a hand, only changes its folder.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from spoolctl.spool.actor import Actor
from spoolctl.spool.attempts import take_and_end
from spoolctl.spool.layout import Location, State
from spoolctl.spool.looking import Decisions, decisions, find_twice
from spoolctl.spool.pin import may_begin, pin
from spoolctl.spool.records import Code, Job, Verdict
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
    """The first job that is not committed."""

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
    for need in job.needs:
        state = Needs.FAILED if need == decided.name else _need_state(actor, need)
        if state is not Needs.MET:
            return Held(until, state, need)
    return Held(until)


def _need_state(actor: Actor, name: str) -> Needs:
    decided = decisions(actor, name)
    if decided.pruned is not None:
        return Needs.MET if decided.pruned.verdict is Verdict.SUCCEEDED else Needs.FAILED
    last = decided.highest
    if last is None or last.is_open or not (last.is_commit or last.is_final):
        return Needs.OPEN
    if last.is_commit:
        return Needs.MET
    if last.closed and find_twice(actor, name, _RETRIED):
        return Needs.OPEN
    # A retry that was claimed meanwhile lies in none of these, but has an attempt; failing is for good, so look again.
    return Needs.FAILED if decisions(actor, name) == decided else Needs.OPEN


def fail_for_need(actor: Actor, location: Location, data: bytes, need: str, *, role: Role) -> None:
    """End a job that can never run, because *need* ended without success; errors as for ``held_back``."""
    decided = pin(actor, location, data)
    begins = may_begin(actor, decided, location) if decided is not None else None
    if decided is None or begins is None:
        return
    message = f"needs '{need}', which ended without success; retry that job, then this one"
    if need == location.name:
        message = f"needs itself ('{need}')"
    ending = Ending(Verdict.FAILED, Code.DEPENDENCY_FAILED, message)
    take_and_end(actor, decided, ending, role=role)
    settle_later(actor, begins)
