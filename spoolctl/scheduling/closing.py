"""Whether a worker begins a job although its hours end: by what is left of them, and by what becomes of the job at their end.

Pure. A worker that finishes what it is at may end a little late, so that the likely time counts; one that hands the job back loses all of
it, so that the highest estimate counts. A job that would not end within the longest of its hours either is begun as those begin, or
once it has waited its time (``wait_max_s``): else it would wait for ever. Only what would be handed back every time is never begun.

Does not guarantee that a job ends in time: that is an estimate.
"""

from functools import lru_cache

from spoolctl.scheduling.hours import parse_hours
from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import JobSeen, WorkerSeen
from spoolctl.spool import Node, UsageError

AS_THEY_BEGIN = 0.9
"""While so much of the longest hours is left they have just begun. Our guess: of a night nearly an hour, for whoever is at work then."""


def too_long(job: JobSeen, one: WorkerSeen, appraiser: Appraiser) -> str | None:
    """Why the worker does not begin the job now, with its numbers; ``None``: it may."""
    if one.closes_in_s is None:
        return None
    left_s, longest_s = one.closes_in_s - one.free_in_s, longest_hours_s(one.node)
    mid_s, high_s = _takes_s(job, one, appraiser)
    takes_s = high_s if one.node.hands_back else mid_s
    if takes_s <= left_s:
        return None
    told = f"stops taking jobs in {left_s:.0f} s, and the job may take {takes_s:.0f} s"
    if longest_s is not None and takes_s <= longest_s:
        return told
    never = never_ends(job, one, appraiser)
    if never is not None:
        return never
    limit_s: float = getattr(appraiser.rules.wait_max_s, job.job_class)
    has_begun = longest_s is not None and left_s >= AS_THEY_BEGIN * longest_s
    may_be_late = not one.node.hands_back or mid_s <= left_s
    if may_be_late and (has_begun or job.waited_s >= limit_s):
        return None
    return f"{told}, longer than any of its hours: begun as these begin, or once it has waited for {limit_s:.0f} s"


def never_ends(job: JobSeen, one: WorkerSeen, appraiser: Appraiser) -> str | None:
    """Why the worker never begins the job: it would be handed back at the end of its hours every time; ``None``: it may."""
    longest_s = longest_hours_s(one.node)
    if longest_s is None or not one.node.hands_back:
        return None
    mid_s, _ = _takes_s(job, one, appraiser)
    if mid_s <= longest_s:
        return None
    return (
        f"never: its hours are {longest_s:.0f} s at most, the job takes about {mid_s:.0f} s, "
        "and what is in work when they end is handed back"
    )


def longest_hours_s(node: Node) -> float | None:
    """How long a worker's hours are at most; ``None``: it never closes, or it is not known."""
    return _longest_s(node.hours) if node.hours else None


@lru_cache(256)
def _longest_s(hours: tuple[str, ...]) -> float | None:
    try:
        return parse_hours(hours).longest_s
    except UsageError:  # another version's words
        return None


def _takes_s(job: JobSeen, one: WorkerSeen, appraiser: Appraiser) -> tuple[float, float]:
    """How long the job takes there with its model's load, most likely and at most."""
    load_s = appraiser.offer(job, one, free_in_s=0.0, model=one.model).load_s
    run = appraiser.timing.run_s(job.work, one.node)
    return load_s + run.mid, load_s + run.high
