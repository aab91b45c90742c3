"""Pools: workers that are meant for jobs of certain lengths, and help each other when they are out of work.

Pure. A pool never keeps a job from running: after ``help_after_s`` without work a worker takes what is another pool's.
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


def own_first(
    me: WorkerSeen, jobs: list[JobSeen], workers: Iterable[WorkerSeen], appraiser: Appraiser
) -> list[JobSeen]:
    """What the worker's pools leave to it: its own pools' jobs and nobody's, or all once it has been idle for long enough."""
    mine = pools_of(me.node, appraiser.rules)
    if not mine:
        return jobs
    every = list(workers)
    own = [job for job in jobs if pool_of(job, every, appraiser) in (None, *mine)]
    return own or (jobs if me.idle_s >= appraiser.rules.help_after_s else [])
