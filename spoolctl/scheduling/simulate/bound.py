"""A lower bound of the makespan: what no policy can do better, not even one that knows everything beforehand.

For any weights u of the workers that sum to 1, the makespan is at least the sum over all jobs of the smallest weighted time
u(w) * t(job, w) over the workers that can run it: no job can have taken less, and a weighted mean of the workers' busy times is at most
the longest. (That is the dual of the linear relaxation of scheduling on unrelated machines.) The weights are improved step by step; each
set of them gives a valid bound. The same holds for the jobs that arrive after any moment, counted from it; and no job ends before its
arrival and its shortest time. Times are the true ones. Loading models counts as nothing, jobs may be cut up, and workers count as open
all the time: the bound is lower than what can be reached.
"""

import math
from collections import defaultdict
from collections.abc import Mapping

from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import WorkerSeen
from spoolctl.scheduling.simulate.farm import Farm
from spoolctl.spool import Choosing

_STEPS = 300
_MOMENTS = 40


def lower_bound(farm: Farm) -> float:
    """Seconds from the simulation's begin before which the last job cannot have ended under any policy."""
    appraiser = Appraiser(Choosing(), farm.timing)
    rows: list[tuple[float, tuple[float, ...], float]] = []
    for arrival in farm.arrivals:
        times = tuple(
            math.inf
            if appraiser.misfits(arrival.job, WorkerSeen(one.node))
            else farm.timing.run_s(arrival.job.work, one.node).mid
            for one in farm.workers
        )
        if min(times, default=math.inf) < math.inf:
            rows.append((arrival.at_s, times, farm.stray(arrival.job)))
    best = max((at + min(times) * stray for at, times, stray in rows), default=0.0)
    moments = sorted({at for at, _, _ in rows})
    for moment in moments[:: max(1, len(moments) // _MOMENTS)]:
        alike: dict[tuple[float, ...], float] = defaultdict(float)
        for at, times, stray in rows:
            if at >= moment:
                # Jobs of equal expected times differ by a factor only, so that they count as one of the sum of their factors.
                alike[times] += stray
        best = max(best, moment + _spread(alike))
    return best


def _spread(jobs: Mapping[tuple[float, ...], float]) -> float:
    """The bound for jobs that are all there, by their times and how many there are: the best that a fixed number of steps finds."""
    workers = len(next(iter(jobs)))
    weights = [1.0 / workers] * workers
    best = 0.0
    for step in range(_STEPS):
        load = [0.0] * workers
        bound = 0.0
        for times, many in jobs.items():
            cost, one = min(
                (w * time, index)
                for index, (w, time) in enumerate(zip(weights, times, strict=True))
            )
            bound += cost * many
            load[one] += times[one] * many
        best = max(best, bound)
        longest = max(load)
        pull = 1.0 / (1 + step) ** 0.5
        weights = [
            w * math.exp(pull * (busy / longest - 0.5))
            for w, busy in zip(weights, load, strict=True)
        ]
        total = sum(weights)
        weights = [w / total for w in weights]
    return best
