"""Pools: workers that are meant for jobs of certain lengths, and help each other when they are out of work.

Pure. A pool never keeps a job from running: after ``help_after_s`` without work a worker takes what is another pool's, at once what is
meant for a pool of which no live worker takes such jobs, and in its turn what has waited its time (``taking``).
"""

from collections.abc import Iterable, Sequence

from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import JobSeen, WorkerSeen
from spoolctl.spool import Choosing, Node


def pools_of(node: Node, rules: Choosing) -> tuple[str, ...]:
    """The pools to which a worker belongs by its tags; none: it takes anything."""
    return tuple(name for name, pool in rules.pools.items() if set(pool.tags) <= set(node.tags))


def pool_of(job: JobSeen, workers: Iterable[WorkerSeen], appraiser: Appraiser) -> str | None:
    """The pool whose length the job has, on the fastest worker that can run it; ``None`` if no pool claims that length."""
    times = [
        appraiser.run_s(job.work, one.node) for one in workers if not appraiser.misfits(job, one)
    ]
    shortest = min(times, default=0.0)
    for name, pool in appraiser.rules.pools.items():
        if pool.from_s <= shortest and (pool.to_s is None or shortest < pool.to_s):
            return name
    return None


def others_pool(
    job: JobSeen, one: WorkerSeen, live: Sequence[WorkerSeen], appraiser: Appraiser
) -> str | None:
    """The pool for which the job is meant, if the worker is meant for others; ``None``: the job may be its own, or its pool has nobody."""
    mine = pools_of(one.node, appraiser.rules)
    pool = pool_of(job, live, appraiser) if mine else None
    if pool is None or pool in mine:
        return None
    has_somebody = any(
        other.takes_jobs
        and pool in pools_of(other.node, appraiser.rules)
        and not appraiser.misfits(job, other)
        for other in live
    )
    return pool if has_somebody else None
