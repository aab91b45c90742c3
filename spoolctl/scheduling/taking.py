"""Who takes a job now, of those that could run it, and why the others do not: each reason with its numbers.

Pure, and the one place for it: a worker asks it of itself before it takes a job and of the others before it leaves them one, and
``spoolctl explain`` shows the reasons. Whether a job *can* run on a card is for ``fit`` to say.
Does not foresee when a reason will be gone; of another worker it knows as much as that one's heartbeat tells.
"""

from collections.abc import Iterator, Sequence

from spoolctl.scheduling.pools import others_pool, pools_of
from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import JobSeen, WorkerSeen
from spoolctl.spool import Choosing, JobClass


def serves(one: WorkerSeen, job_class: JobClass) -> bool:
    """True if the worker takes jobs of that class now: it is not reserved for others, or has had none of those for long enough."""
    node = one.node
    if not node.reserved_for or job_class in node.reserved_for:
        return True
    until = node.reserved_until_idle_s
    return until is not None and one.without_s >= until


def ends_in_time(job: JobSeen, one: WorkerSeen, appraiser: Appraiser) -> bool:
    """True if the job would end before the worker stops taking jobs, even if it takes long."""
    if one.closes_in_s is None:
        return True
    load_s = appraiser.offer(job, one, free_in_s=0.0, model=one.model).load_s
    high_s = appraiser.timing.run_s(job.work, one.node).high
    return one.free_in_s + load_s + high_s <= one.closes_in_s


def has_waited(job: JobSeen, rules: Choosing) -> bool:
    """True if the job has waited ``wait_max_s``: whoever can run it takes it next."""
    limit_s: float = getattr(rules.wait_max_s, job.job_class)
    return job.waited_s >= limit_s


def takes(job: JobSeen, one: WorkerSeen, live: Sequence[WorkerSeen], appraiser: Appraiser) -> bool:
    """True if the worker can run the job and nothing keeps it from taking it."""
    if not one.takes_jobs or appraiser.misfits(job, one):
        return False
    return next(not_now(job, one, live, appraiser), None) is None


def not_now(
    job: JobSeen, one: WorkerSeen, live: Sequence[WorkerSeen], appraiser: Appraiser
) -> Iterator[str]:
    """Why the worker would not take the job now though it can run it.

    What is meant for others is nobody's any more once the job has waited its time. How often it was passed over does not count there:
    those for whom it is not meant may pass it over a hundred times in a minute.
    That it takes none at all (``takes_jobs``) is not told here: its heartbeat says why.

    Args:
        job: One that fits its card.
        one: The worker, one of *live*.
        live: All workers that live.
        appraiser: What jobs cost.
    """
    node = one.node
    if not serves(one, job.job_class):
        until = node.reserved_until_idle_s
        after = "" if until is None else f", until it has been without for {until:g} s"
        yield f"reserved for {' and '.join(node.reserved_for)} jobs{after}"
    if not ends_in_time(job, one, appraiser):
        high_s = appraiser.timing.run_s(job.work, node).high
        yield f"stops taking jobs in {one.closes_in_s:.0f} s, and the job may take {high_s:.0f} s"
    if has_waited(job, appraiser.rules):
        return
    pool = others_pool(job, one, live, appraiser)
    if pool is not None and one.idle_s < appraiser.rules.help_after_s:
        mine = " and ".join(pools_of(node, appraiser.rules))
        yield f"its pool is {mine}, the job's is {pool}: only if it is out of work"
