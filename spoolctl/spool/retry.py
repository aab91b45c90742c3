"""Retrying by hand: a job that came to rest without success goes back into a queue.

Guarantees: the record's bytes and every earlier attempt stay as they are; asked twice, or asked here and by a drag in a file manager,
one new attempt results, because making it is exclusive. Decides nothing: ``closed`` in the last attempt is what makes a record
in a queue a retry.
"""

import errno

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord, NoSuchJob, ShareUnusable, StateForbids
from spoolctl.spool.layout import Location, State
from spoolctl.spool.looking import Decisions, decisions, find_twice
from spoolctl.spool.patience import looks
from spoolctl.spool.records import RECORD_BYTES_MAX, Job, JobClass
from spoolctl.spool.settle import move, settle
from spoolctl.spool.states import class_of, label_for
from spoolctl.spool.submit import parse_job

_AT_REST = (State.FAILED, State.CANCELLED)
_MOVED_FROM = (*_AT_REST, State.WAITING, State.HELD)


def retry(actor: Actor, name: str, *, job_class: JobClass | None = None) -> Location:
    """Put a failed or cancelled job back into a queue.

    Args:
        actor: Who asks.
        name: The job.
        job_class: Into which queue; the one it was claimed from if left out.

    Returns:
        Where its record lies now; it may be there already from an earlier request.

    Raises:
        StateForbids: It runs, is committed, or has attempts to come without being asked.
        NoSuchJob: No record of it lies anywhere.
        OSError: The share did not answer.
        ShareUnusable: The record kept moving under us.
    """
    for _ in looks(actor):
        decided = decisions(actor, name)
        found = find_twice(actor, name)
        _refuse(decided, found)
        for location in found:
            if location.place.state is State.QUEUE:
                return location
            # Settling notes ``closed``, where nobody has seen the record at rest yet.
            rested = settle(actor, location)
            if rested is None or rested.place.state not in _MOVED_FROM:
                continue
            place = layout.queue(_class(actor, decided, rested, job_class))
            moved = move(actor, rested, place, label=label_for(decided, place))
            if moved is not None:
                actor.log("retried", job=name, attempt=decided.next_number)
                return moved
    raise ShareUnusable(f"the record of '{name}' keeps moving", hint="ask again")


def _class(actor: Actor, decided: Decisions, rested: Location, asked: JobClass | None) -> JobClass:
    verdict = decided.highest.verdict if decided.highest else None
    return class_of(_job(actor, rested), verdict, actor.settings, asked)


def _job(actor: Actor, rested: Location) -> Job | None:
    """The record; ``None`` if it cannot be read as one, which whoever takes it from the queue will say."""
    try:
        return parse_job(actor.files.read(rested.path, bytes_max=RECORD_BYTES_MAX))
    except (BadRecord, FileNotFoundError):
        return None
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        return None


def _refuse(decided: Decisions, found: list[Location]) -> None:
    name, last = decided.name, decided.highest
    if decided.pruned is not None:
        raise StateForbids(
            f"cannot retry '{name}': retention removed it (it ended as {decided.pruned.verdict})",
            hint="submit it again under a new name",
        )
    if not found:
        raise NoSuchJob(
            f"no record of '{name}' lies in any state folder",
            hint=f"if it ran before, copy '{layout.pinned_record(name)}' into a queue as '{name}.yaml'",
        )
    if last is None:
        if any(location.place.state in _AT_REST for location in found):
            return  # a person put it there before it ever ran
        raise StateForbids(
            f"cannot retry '{name}': it has not run yet", hint="it waits for its first attempt"
        )
    if last.is_open:
        raise StateForbids(
            f"cannot retry '{name}': attempt {last.number} is running",
            hint=f"cancel it first (spoolctl cancel {name}) if it should begin anew",
        )
    if last.is_commit:
        raise StateForbids(
            f"cannot retry '{name}': attempt {last.number} succeeded",
            hint="submit it again under a new name to make more images",
        )
    if not last.is_final:
        raise StateForbids(
            f"cannot retry '{name}': attempt {last.number + 1} follows by itself",
            hint=f"drag it from waiting/ into a queue, or 'spoolctl release {name}', to have it sooner",
        )
