"""A lower bound of the makespan: what no policy can do better, not even one that knows everything beforehand.

For any weights u of the workers that sum to 1, the sum over all jobs of the smallest weighted time u(w) * t(job, w) over the workers that
can run it is at most the weighted sum of what the workers can have worked by the makespan: no job can have taken less. (That is the dual of
the linear relaxation of scheduling on unrelated machines.) What a worker can have worked is its open time, and of each stretch in which it
is closed as much as its longest job (``opening``). The weights are improved step by step; each set of them gives a valid bound. The same
holds for the jobs that arrive after any moment, counted from it; and no job ends before a worker that can run it is open after its arrival,
and its time there. Times are the true ones. Loading models counts as nothing, jobs may be cut up, and nobody is reserved for anything: the
bound is lower than what can be reached.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import WorkerSeen
from spoolctl.scheduling.simulate.farm import Farm
from spoolctl.scheduling.simulate.opening import Opening, merged
from spoolctl.spool import Choosing

_STEPS = 300
_MOMENTS = 40

Row = tuple[float, tuple[float, ...], float]
"""A job: when it comes, what it is expected to take on each worker, and the factor by which its true time differs."""


def lower_bound(farm: Farm) -> float:
    """Seconds from the simulation's begin before which the last job cannot have ended under any policy."""
    rows = _rows(farm)
    openings = [
        Opening(
            merged([*one.closed, (0.0, one.free_at_s)]),
            max((_true(row, index) for row in rows), default=0.0),
        )
        for index, one in enumerate(farm.workers)
    ]
    best = max((_alone(row, openings) for row in rows), default=0.0)
    moments = sorted({at for at, _, _ in rows})
    for moment in moments[:: max(1, len(moments) // _MOMENTS)]:
        alike: dict[tuple[float, ...], float] = defaultdict(float)
        for at, times, stray in rows:
            if at >= moment:
                # Jobs of equal expected times differ by a factor only, so that they count as one of the sum of their factors.
                alike[times] += stray
        best = max(best, _spread(alike, openings, moment))
    return best


def _rows(farm: Farm) -> list[Row]:
    """The jobs that any worker can run."""
    appraiser = Appraiser(Choosing(), farm.timing)
    rows: list[Row] = []
    for arrival in farm.arrivals:
        times = tuple(
            math.inf
            if appraiser.misfits(arrival.job, WorkerSeen(one.node))
            else farm.timing.run_s(arrival.job.work, one.node).mid
            for one in farm.workers
        )
        if min(times, default=math.inf) < math.inf:
            rows.append((arrival.at_s, times, farm.stray(arrival.job)))
    return rows


def _true(row: Row, index: int) -> float:
    """What the job takes on one worker; nothing if it cannot run there."""
    _, times, stray = row
    return times[index] * stray if times[index] < math.inf else 0.0


def _alone(row: Row, openings: Sequence[Opening]) -> float:
    """When the job would have ended if there were no other."""
    at, times, stray = row
    ends = (one.begins_at(at) + time * stray for one, time in zip(openings, times, strict=True))
    return min(ends)


def _spread(
    jobs: Mapping[tuple[float, ...], float], openings: Sequence[Opening], since_s: float
) -> float:
    """The bound for jobs that are all there at *since_s*, by their times and how many there are: the best of a fixed number of steps."""
    weights = [1.0 / len(openings)] * len(openings)
    best = 0.0
    for step in range(_STEPS):
        load = [0.0] * len(openings)
        work = 0.0
        for times, many in jobs.items():
            cost, one = min(
                (w * time, index)
                for index, (w, time) in enumerate(zip(weights, times, strict=True))
            )
            work += cost * many
            load[one] += times[one] * many
        ends = _ends(work, weights, openings, since_s)
        best = max(best, ends)
        longest = max(load)
        if longest <= 0:
            break
        pull = 1.0 / (1 + step) ** 0.5
        # Whoever has more to do than he can have done weighs more: the steepest way up.
        weights = [
            w * math.exp(pull * (busy - one.worked_s(since_s, ends)) / longest)
            for w, busy, one in zip(weights, load, openings, strict=True)
        ]
        total = sum(weights)
        weights = [w / total for w in weights]
    return best


def _ends(
    work: float, weights: Sequence[float], openings: Sequence[Opening], since_s: float
) -> float:
    """The first moment by which the workers, weighted, can have worked so much."""
    moment, done = since_s, 0.0
    for turn in sorted({turn for one in openings for turn in one.turns(since_s)}):
        later = _worked(weights, openings, since_s, turn)
        if later >= work:
            return (
                moment + (turn - moment) * (work - done) / (later - done) if work > done else moment
            )
        moment, done = turn, later
    # From the last turn on everybody is open, and the weights sum to 1.
    return moment + work - done


def _worked(
    weights: Sequence[float], openings: Sequence[Opening], since_s: float, until_s: float
) -> float:
    return sum(w * one.worked_s(since_s, until_s) for w, one in zip(weights, openings, strict=True))
