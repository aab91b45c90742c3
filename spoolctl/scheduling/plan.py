"""The plan: who would take which of the waiting jobs, if everybody went by the lowest cost and loaded each model once.

Every worker makes it for itself, from what it sees, to know its own part. It is a guess at what the others do: they need not agree.

Pure. The jobs are gone through in their order, and each goes to whoever would have it at the lowest cost after what was given to him before
(list scheduling with set-up times); a hundred jobs and thirty workers take milliseconds.
"""

import math
from collections import Counter
from collections.abc import Container, Sequence

from spoolctl.scheduling.rank import Appraiser, Offer, weighed
from spoolctl.scheduling.seen import JobSeen, WorkerSeen
from spoolctl.scheduling.taking import serves, takes


class Plan:
    """Who would take what.

    Args:
        me: The worker that makes the plan; idle.
        others: The other live workers.
        jobs: What waits, of one class, in order.
        appraiser: What jobs cost.
        behind: How many jobs of the class wait behind these.
        also_wanted: Models that jobs of other classes need.
    """

    def __init__(  # noqa: PLR0913 - what a worker sees
        self, me: WorkerSeen, others: Sequence[WorkerSeen], jobs: Sequence[JobSeen], appraiser: Appraiser, *, behind: int = 0,
        also_wanted: Container[str | None] = (),
    ) -> None:  # fmt: skip
        self.me, self.appraiser, self._also_wanted = me, appraiser, also_wanted
        live = [me, *others]
        classes = {job.job_class for job in jobs}
        self.workers = [
            me,
            *(one for one in others if one.takes_jobs and all(serves(one, c) for c in classes)),
        ]
        self._free = {worker.name: worker.free_in_s for worker in self.workers}
        self._models = {worker.name: {worker.model} for worker in self.workers}
        self._wanted = Counter(job.work.model for job in jobs)
        fitting = {
            job.name: [one for one in self.workers if takes(job, one, live, appraiser)]
            for job in jobs
        }
        self._needed = Counter(
            worker.name
            for able in fitting.values()
            if len(able) < len(self.workers)
            for worker in able
        )
        self.given: dict[str, Offer] = {}
        """By job: the offer of the worker to which it goes."""
        for job in jobs:
            if fitting[job.name]:
                self._give(job, fitting[job.name])
        elsewhere = [end for name, end in self._free.items() if name != me.name]
        self.others_end_in_s = max(elsewhere, default=math.inf) * (1 + behind / max(1, len(jobs)))
        """When the others would have done everything, what waits behind included."""

    def now(self, job: JobSeen) -> Offer:
        """What the job costs if the planning worker takes it next."""
        return self.appraiser.offer(job, self.me, free_in_s=0.0, model=self.me.model)

    def is_mine(self, job: JobSeen) -> bool:
        """True if the job goes to the planning worker."""
        return self.given[job.name].worker is self.me

    def helps(self, job: JobSeen) -> bool:
        """True if the planning worker, rather than idle, may take it whosever it is.

        It would be done before the others have done everything, and memory is not thought to be short here alone.
        """
        now = self.now(job)
        in_time = now.ends_in_s < self.others_end_in_s
        return in_time and self.given[job.name].is_short >= now.is_short

    def _give(self, job: JobSeen, able: list[WorkerSeen]) -> None:
        rules = self.appraiser.rules
        everyone = len(able) == len(self.workers)
        offers = [self._offer(job, worker, anyone_can=everyone) for worker in able]
        best = min(weighed(offers), key=lambda offer: offer.cost_s(rules))
        self.given[job.name] = best
        self._free[best.worker.name] = best.ends_in_s
        self._models[best.worker.name].add(job.work.model)

    def _offer(self, job: JobSeen, worker: WorkerSeen, *, anyone_can: bool) -> Offer:
        name, wanted = worker.name, job.work.model
        has = wanted in self._models[name]
        offer = self.appraiser.offer(
            job, worker, free_in_s=self._free[name], model=wanted if has else None
        )
        if not has and (self._wanted[worker.model] or worker.model in self._also_wanted):
            offer.back_s = self.appraiser.load_s(worker.model, worker.node)
        if anyone_can and self._needed[name]:
            offer.extra_s += self.appraiser.rules.scarce_weight * (offer.load_s + offer.run_s)
        return offer
