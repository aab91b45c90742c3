"""Pools: workers that are meant for jobs of certain lengths, and help each other when they are out of work.

Pure. When a worker takes what is meant for another pool is for ``taking`` to say.
"""

from collections.abc import Iterable

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
