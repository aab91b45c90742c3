"""Who takes a job now, of those that could run it, and why the others do not: each reason with its numbers.

Pure, and the one place for it: a worker asks it of itself before it takes a job and of the others before it leaves them one, and
``spoolctl explain`` shows the reasons. Whether a job *can* run on a card is for ``fit`` to say.
Guarantees: what is meant for larger cards or for another pool is anybody's once it has waited ``wait_max_s``, and while nobody of those
takes such jobs.
Does not foresee when a reason will be gone; of another worker it knows as much as that one's heartbeat tells.
"""

from collections.abc import Iterator, Sequence

from spoolctl.scheduling.closing import too_long
from spoolctl.scheduling.outgrown import has_more, outgrown
from spoolctl.scheduling.pools import pool_of, pools_of
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


def has_waited(job: JobSeen, rules: Choosing) -> bool:
    """True if the job has waited ``wait_max_s``: whoever can run it takes it next, whomever it is meant for.

    How often it was passed over does not count for that: those for whom it is not meant pass it over a hundred times in a minute.
    """
    limit_s: float = getattr(rules.wait_max_s, job.job_class)
    return job.waited_s >= limit_s


def takes(job: JobSeen, one: WorkerSeen, live: Sequence[WorkerSeen], appraiser: Appraiser) -> bool:
    """True if the worker can run the job and nothing keeps it from taking it."""
    return (
        _could(job, one, appraiser)
        and next(_meant_for_others(job, one, live, appraiser), None) is None
    )


def not_now(
    job: JobSeen, one: WorkerSeen, live: Sequence[WorkerSeen], appraiser: Appraiser
) -> Iterator[str]:
    """Why the worker would not take the job now though it can run it.

    That it takes none at all (``takes_jobs``) is not told here: its heartbeat says why.

    Args:
        job: One that fits its card.
        one: The worker.
        live: All workers that live.
        appraiser: What jobs cost.
    """
    yield from _hindered(job, one, appraiser)
    yield from _meant_for_others(job, one, live, appraiser)


def others_pool(
    job: JobSeen, one: WorkerSeen, live: Sequence[WorkerSeen], appraiser: Appraiser
) -> str | None:
    """The pool for which the job is meant, if the worker is meant for others.

    ``None``: the job may be its own, it has waited its time, or nobody of its pool takes it.
    """
    rules = appraiser.rules
    mine = pools_of(one.node, rules)
    pool = pool_of(job, live, appraiser) if mine else None
    if pool is None or pool in mine or has_waited(job, rules):
        return None
    has_somebody = any(
        pool in pools_of(other.node, rules) and _could(job, other, appraiser) for other in live
    )
    return pool if has_somebody else None


def needs_larger_card(
    job: JobSeen, one: WorkerSeen, live: Sequence[WorkerSeen], appraiser: Appraiser
) -> str | None:
    """Why the job should go to a larger card; ``None``: it may well run here, it has waited its time, or nobody there takes it."""
    need = appraiser.need(job.work, one.node)
    why = outgrown(job.job, one.node, need)
    if why is None or has_waited(job, appraiser.rules):
        return None
    has_somebody = any(
        has_more(other.node, need) and _could(job, other, appraiser) for other in live
    )
    return why if has_somebody else None


def _could(job: JobSeen, one: WorkerSeen, appraiser: Appraiser) -> bool:
    """True if the worker would take the job if it were the only one."""
    if not one.takes_jobs or appraiser.misfits(job, one):
        return False
    return next(_hindered(job, one, appraiser), None) is None


def _hindered(job: JobSeen, one: WorkerSeen, appraiser: Appraiser) -> Iterator[str]:
    node = one.node
    if not serves(one, job.job_class):
        until = node.reserved_until_idle_s
        after = "" if until is None else f", until it has been without for {until:g} s"
        yield f"reserved for {' and '.join(node.reserved_for)} jobs{after}"
    late = too_long(job, one, appraiser) if one.takes_jobs else None
    if late is not None:
        yield late
    needs_gb, room_gb = job.job.requires.vram_gb, one.room_gb
    if room_gb is not None and needs_gb > room_gb and not has_waited(job, appraiser.rules):
        yield f"other programs hold {one.others_gb:g} of its {node.vram_gb:g} GB, and the job needs {needs_gb:g}"


def _meant_for_others(
    job: JobSeen, one: WorkerSeen, live: Sequence[WorkerSeen], appraiser: Appraiser
) -> Iterator[str]:
    larger = needs_larger_card(job, one, live, appraiser)
    if larger is not None:
        yield larger
    pool = others_pool(job, one, live, appraiser)
    if pool is not None and one.idle_s < appraiser.rules.help_after_s:
        mine = " and ".join(pools_of(one.node, appraiser.rules))
        yield f"its pool is {mine}, the job's is {pool}: only if it is out of work"
