"""Policies to compare: the spool's own workers, first come first served, and a greedy one that assigns centrally and sees everything.

Pure.
"""

import itertools
from collections import Counter

from spoolctl.scheduling.choose import Choice, choose
from spoolctl.scheduling.seen import JobSeen
from spoolctl.scheduling.simulate.world import Busy, World
from spoolctl.scheduling.taking import serves
from spoolctl.spool import CLASSES


def as_workers_do(world: World, worker: Busy) -> Choice:
    """The policy of the spool's own workers."""
    seen = world.all_seen()
    me = seen.pop(worker.farm.name)
    if not me.takes_jobs:
        return Choice()
    for job_class in CLASSES:
        if not serves(me, job_class):
            continue
        heads, behind = world.heads(worker, job_class)
        choice = choose(
            me,
            list(seen.values()),
            heads,
            worker.account,
            world.appraiser,
            behind=behind,
            also_wanted=world.wanted_but(job_class),
        )
        if choice.job is not None or choice.left:
            return choice
    return Choice()


def first_come(world: World, worker: Busy) -> Choice:
    """The policy to compare with: whoever is idle takes what has waited longest and fits, whatever its class."""
    me = world.all_seen()[worker.farm.name]
    if not me.takes_jobs:
        return Choice()
    every = sorted(
        itertools.chain.from_iterable(jobs.values() for jobs in world.waiting.values()),
        key=lambda one: (one.at_s, one.job.name),
    )
    fitting = (one.job for one in every if not world.appraiser.misfits(one.job, me))
    return Choice(next(fitting, None))


def central(world: World, worker: Busy) -> Choice:
    """A central assignment that sees every waiting job, class by class.

    The loaded model's jobs as long as there are any, then those of the model with the most jobs that nobody has loaded. Unbounded: what
    is rare may wait for ever.
    """
    seen = world.all_seen()
    me = seen.pop(worker.farm.name)
    if not me.takes_jobs:
        return Choice()
    for job_class in CLASSES:
        every = (one.job for one in world.waiting[job_class].values())
        fitting = [job for job in every if not world.appraiser.misfits(job, me)]
        if fitting:
            loaded = (job for job in fitting if job.work.model == me.model)
            return Choice(
                next(loaded, None) or _most_wanted(fitting, {one.model for one in seen.values()})
            )
    return Choice()


def _most_wanted(jobs: list[JobSeen], elsewhere: set[str | None]) -> JobSeen:
    wanted = Counter(job.work.model for job in jobs)
    return max(jobs, key=lambda job: (job.work.model not in elsewhere, wanted[job.work.model]))


POLICIES = {"spool": as_workers_do, "first come": first_come, "central": central}
"""By the names that reports give them."""
