"""Cancelling: an open attempt is asked to stop; a job without one gets an attempt whose verdict is *cancelled*.

Guarantees: a cancel and a finish at the same instant have one outcome, the same for every reader, because both are verdicts on
attempts. The request lies in the attempt, so it cannot hit a later retry. Does not guarantee that a job stops at once: its worker
sees the request at its next beat; a dead worker's attempt ends when it is reaped, and the job is cancelled then.
"""

from enum import Enum

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.admission import Admission, Admitted, NotAdmitted
from spoolctl.spool.attempts import take_and_end
from spoolctl.spool.errors import NoSuchJob, ShareUnusable, StateForbids
from spoolctl.spool.layout import Location, Place, State
from spoolctl.spool.looking import Decisions, decisions, find_twice
from spoolctl.spool.patience import looks
from spoolctl.spool.pin import may_begin, pin
from spoolctl.spool.publish import Outcome, publish_once
from spoolctl.spool.records import RECORD_BYTES_MAX, REQUEST_SCHEMA, Code, Request, Verdict
from spoolctl.spool.records.live import Role
from spoolctl.spool.settle import move, settle_later
from spoolctl.spool.verdicts import Ending

_ASKED_AGAIN = (State.QUEUE, State.WAITING, State.HELD)
"""Where the record of a job that had come to rest lies only because somebody wants it to run again."""
_PENDING = (State.QUEUE, State.WAITING, State.HELD, State.CLAIMED, State.CANCELLED)


class Cancelled(Enum):
    """What came of a cancel."""

    DONE = "done"
    """The job is cancelled; nothing of it runs."""
    ASKED = "asked"
    """An attempt is open and was asked to stop; its verdict tells what came of it."""


def cancel(actor: Actor, name: str, *, message: str | None = None) -> Cancelled:
    """Cancel a job, or ask its worker to.

    Raises:
        NoSuchJob: No record lies under that name.
        StateForbids: It has ended already, in another way.
        OSError: The share did not answer; ask again.
        ShareUnusable: The job kept changing under us.
    """
    admission = Admission()
    for _ in looks(actor):
        decided = decisions(actor, name)
        last = decided.highest
        if last is not None and last.is_open:
            if _ask(actor, name, last.number, message) is not Outcome.UNKNOWN:
                # The attempt may have ended, and the next begun, before the request was there.
                after = decisions(actor, name).highest
                if after is not None and after.number == last.number:
                    return Cancelled.ASKED
            continue
        pending = find_twice(actor, name, _PENDING)
        if _ended(decided, pending):
            for location in pending:
                settle_later(actor, location)
            return Cancelled.DONE
        if not pending:
            raise NoSuchJob(f"no record of '{name}' lies in a queue, waits, is held or runs")
        if not _is_whole(actor, admission, pending[0]):
            continue
        if cancel_pending(actor, pending[0], role="person", message=message):
            return Cancelled.DONE
    raise ShareUnusable(f"'{name}' kept changing while it was being cancelled", hint="ask again")


def cancel_pending(
    actor: Actor, location: Location, *, role: Role, message: str | None = None
) -> bool:
    """Cancel a job that no attempt of is open, by an attempt of its own.

    Returns:
        True if the job's last verdict is *cancelled* now; False if something else came first: look again.

    Raises:
        OSError: The share did not answer; ask again.
        ShareUnusable: The share did not say whether the verdict was published.
    """
    try:
        data = actor.files.read(location.path, bytes_max=RECORD_BYTES_MAX)
    except FileNotFoundError:
        return False
    decided = pin(actor, location, data)
    begins = may_begin(actor, decided, location) if decided is not None else None
    if decided is None or begins is None:
        return False
    place = Place(State.CANCELLED, actor.share_day())

    def show(number: int) -> None:
        move(actor, begins, place, label=number)

    ending = Ending(Verdict.CANCELLED, Code.REQUESTED, message or "cancelled before it ran")
    verdict = take_and_end(actor, decided, ending, role=role, show=show)
    if verdict is None:
        return False
    settle_later(actor, begins)
    return verdict.verdict is Verdict.CANCELLED


def _is_whole(actor: Actor, admission: Admission, location: Location) -> bool:
    """False if it is gone, or was no job. One still being written would be pinned as it is now, and be a stranger once it is whole."""
    found = admission.admit_patiently(actor, location)
    if found is NotAdmitted.GROWING:
        raise StateForbids(
            f"cannot cancel '{location.name}': '{location.path}' is still being written",
            hint="ask again, or delete the file",
        )
    return isinstance(found, Admitted) or found is NotAdmitted.NEWER


def _ended(decided: Decisions, pending: list[Location]) -> bool:
    """True if the job is cancelled already; raises if it ended otherwise."""
    name, last = decided.name, decided.highest
    if decided.pruned is not None:
        raise StateForbids(
            f"cannot cancel '{name}': it ended as {decided.pruned.verdict} on {decided.pruned.day}",
            hint="its record was removed by retention; nothing of it can run",
        )
    if last is None or last.verdict is None or (decided.may_run and not last.is_final):
        return False
    asked_again = any(found.place.state in _ASKED_AGAIN for found in pending) and last.closed
    if last.is_final and asked_again:
        return False
    if last.verdict.verdict is Verdict.CANCELLED or last.cancel_asked:
        return True
    raise StateForbids(
        f"cannot cancel '{name}': attempt {last.number} {last.verdict.verdict} already",
        hint=f"'spoolctl show {name}' tells what came of it",
    )


def _ask(actor: Actor, name: str, number: int, message: str | None) -> Outcome:
    """Ask an open attempt to stop. An earlier request of another serves as well."""
    request = Request(
        schema_=REQUEST_SCHEMA,
        action="cancel",
        target=name,
        by=actor.name,
        at=actor.utc_now(),
        message=message,
    )
    path = layout.cancel(name, number)
    outcome = publish_once(actor, path, codec.encode(request))
    actor.log("cancel.asked", job=name, attempt=number)
    return outcome
