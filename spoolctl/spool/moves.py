"""Holding, releasing and changing class: what a drag in a file manager does, for the command line.

Guarantees: they decide nothing. A job that is claimed at the same instant runs; the owner fetches its record back, and the caller is told.
"""

from collections.abc import Callable

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.admission import Admission, Admitted, NotAdmitted
from spoolctl.spool.errors import NoSuchJob, StateForbids
from spoolctl.spool.layout import Location, Place, State
from spoolctl.spool.looking import Decisions, decisions, find_twice
from spoolctl.spool.patience import looks
from spoolctl.spool.promote import held_back
from spoolctl.spool.records import Job, JobClass
from spoolctl.spool.settle import move
from spoolctl.spool.states import class_of, label_for

_PENDING = (State.QUEUE, State.WAITING, State.HELD)


def hold(actor: Actor, name: str) -> Location:
    """Put a job that has not begun into ``held/``.

    Raises:
        StateForbids: It runs or has ended.
        NoSuchJob: No record of it lies anywhere.
        OSError: The share did not answer.
    """
    return _move(actor, name, "hold", _PENDING, lambda _location, _decided: layout.HELD)


def release(actor: Actor, name: str, *, job_class: JobClass | None = None) -> Location:
    """Let a held or waiting job go to its queue; a held one that is not due yet goes to ``waiting/``.

    A file that does not prove itself whole is looked at for as long as a worker would before it took or rejected it.

    Raises:
        StateForbids: It runs or has ended; it still grows; or it is no job, and lies in ``rejected/`` now.
        NoSuchJob: No record of it lies anywhere.
        OSError: The share did not answer.
    """
    admission = Admission()

    def where(location: Location, decided: Decisions) -> Place | None:
        job = _job(actor, admission, location)
        if job is None:
            return None
        verdict = decided.highest.verdict if decided.highest else None
        chosen = class_of(job, verdict, actor.settings, job_class)
        hurried = location.place.state is State.WAITING
        held = held_back(actor, job, decided, ignore_retry_at=hurried)
        if hurried and not held.is_due:
            why = f"it needs '{held.need}'" if held.need else f"it says not before {held.until}"
            raise StateForbids(
                f"cannot release '{name}': {why}",
                hint="it goes to its queue by itself when that is met",
            )
        return layout.queue(chosen) if held.is_due else layout.WAITING

    return _move(actor, name, "release", (State.HELD, State.WAITING), where)


def move_to_class(actor: Actor, name: str, job_class: JobClass) -> Location:
    """Move a queued job into the queue of another class; errors as for ``hold``."""
    return _move(actor, name, "move", (State.QUEUE,), lambda _l, _d: layout.queue(job_class))


def _job(actor: Actor, admission: Admission, location: Location) -> Job | None:
    """The record at *location*, once it is sure to be one; None if it is gone."""
    found = admission.admit_patiently(actor, location)
    if isinstance(found, Admitted):
        return found.job
    if found is NotAdmitted.GONE:
        return None
    if found is NotAdmitted.REJECTED:
        raise StateForbids(
            f"cannot release '{location.name}': '{location.path}' is no job: {admission.fault}",
            hint="it lies in rejected/ now, with its reason beside it; mend it, then submit it",
        )
    said = admission.newer.get(location.path, f"it is {found.value}")
    raise StateForbids(f"cannot release '{location.path}': {said}", hint="try again shortly")


def _move(
    actor: Actor,
    name: str,
    verb: str,
    allowed: tuple[State, ...],
    where: Callable[[Location, Decisions], Place | None],
) -> Location:
    for _ in looks(actor):
        decided = decisions(actor, name)
        found = find_twice(actor, name)
        if not found:
            raise NoSuchJob(f"no record of '{name}' lies anywhere")
        location = next((one for one in found if one.place.state in allowed), None)
        running = decided.highest is not None and decided.highest.is_open
        if running or location is None or not decided.may_run:
            state = "running" if running else f"in {found[0].place.folder}/"
            raise StateForbids(
                f"cannot {verb} '{name}': it is {state}",
                hint=f"{verb} works on jobs in {', '.join(f'{one}/' for one in allowed)}",
            )
        place = where(location, decided)
        if place is None:
            continue
        moved = move(actor, location, place, label=label_for(decided, place))
        if moved is not None:
            actor.log(f"{verb}.asked", job=name, at=moved.path)
            return moved
    raise StateForbids(f"cannot {verb} '{name}': it keeps moving", hint="try again")
