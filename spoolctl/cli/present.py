"""A spool's own workers and what waits in its queues now, as a farm to simulate.

Guarantees: reads only; of a deep queue the first ``JOBS_MAX`` of each class are taken, and the caller is told how many were left out.
"""

from dataclasses import dataclass

from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.seen import JobSeen
from spoolctl.scheduling.simulate.farm import Arrival, Farm, FarmWorker
from spoolctl.scheduling.work import work_of
from spoolctl.spool import (
    CLASSES,
    Actor,
    BadRecord,
    JobClass,
    Location,
    State,
    all_records,
    nodes,
    read_figures,
)
from spoolctl.spool.glance import job_of
from spoolctl.views import liveness

JOBS_MAX = 2_000
_AWAY = (liveness.SILENT, liveness.GONE, liveness.STOPPED)


@dataclass(frozen=True)
class Present:
    """What is there now."""

    farm: Farm
    left_out: int
    """Jobs that wait behind those taken, or whose records cannot be read."""


def present(actor: Actor) -> Present:
    """The workers that live, idle and without a model, and the jobs in the queues. Raises OSError if the share did not tell."""
    workers = tuple(
        FarmWorker(card)
        for card, beat in nodes(actor).values()
        if card is not None and beat is not None and liveness.shown_state(actor, beat) not in _AWAY
    )
    queued: dict[JobClass, list[Location]] = {job_class: [] for job_class in CLASSES}
    for location in all_records(actor, (State.QUEUE,)):
        for job_class in CLASSES:
            if location.place.part == job_class:
                queued[job_class].append(location)
    jobs = [
        job
        for job_class, found in queued.items()
        for location in sorted(found, key=lambda one: str(one.file))[:JOBS_MAX]
        if (job := _seen(actor, location, job_class)) is not None
    ]
    total = sum(map(len, queued.values()))
    arrivals = tuple(Arrival(0.0, job) for job in jobs)
    farm = Farm(workers, arrivals, Estimates(read_figures(actor)), name="this spool, now")
    return Present(farm, total - len(jobs))


def _seen(actor: Actor, location: Location, job_class: JobClass) -> JobSeen | None:
    job, _ = job_of(actor, location.name, (location,))
    try:
        return JobSeen(location.name, job, job_class, work_of(job)) if job else None
    except BadRecord:
        return None
