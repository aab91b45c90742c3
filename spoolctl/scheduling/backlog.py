"""When the queue will be done: a few of its jobs, taken for all of them, dealt out to the workers that live.

Pure. Each sampled job stands for as many as its class has for each one sampled; they are dealt out in small parts, each to the worker
that would be done with it first and that it fits; a model is loaded once by each worker that gets jobs for it, as a scheduler with
affinity would have it. Does not foresee failures, pauses, closed windows or what is yet to be submitted, and is right only as far as
the sample is like the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.fit import misfits
from spoolctl.scheduling.formula import Estimate
from spoolctl.scheduling.work import Work
from spoolctl.spool import Job, Node

PARTS_EACH = 8
"""Into so many parts for each worker a sampled job's share of the queue is cut, so that no worker gets too much of it at once."""


@dataclass(frozen=True)
class Sampled:
    """One job that was looked at."""

    job: Job
    work: Work
    stands_for: float
    """How many jobs of the queue, itself included."""


@dataclass(frozen=True)
class Backlog:
    """How long until the queue, and what runs now, is done; in seconds from now."""

    low_s: float
    mid_s: float
    high_s: float
    learned: float
    """The part of the work, 0 to 1, whose time was learned; the rest is the formula's."""
    unfit: float
    """About how many jobs fit no living worker; they are left out."""


@dataclass
class _Load:
    """What a worker has been dealt."""

    low: float = 0.0
    mid: float = 0.0
    high: float = 0.0
    models: set[str | None] = field(default_factory=set)

    def add(self, one: Estimate, times: float = 1.0) -> None:
        self.low += one.low * times
        self.mid += one.mid * times
        self.high += one.high * times


def left_of(run: Estimate, load: Estimate, progress: float | None, eta_s: float | None) -> Estimate:
    """How long a running job still takes.

    Args:
        run: Its whole time, as it was expected.
        load: Its model's loading time.
        progress: How far it is, 0 to 1.
        eta_s: What its worker makes of that. It says the more, the further the job is: the range is at most three times either way.
    """
    done = progress or 0.0
    if eta_s is None or done <= 0:
        one = Estimate(run.low, run.mid + load.mid, run.high + load.high, run.samples, run.source)
        return one.times(1.0 - done)
    margin = 1.0 + 2.0 * (1.0 - done)
    return Estimate(eta_s / margin, eta_s, eta_s * margin, run.samples, "its own progress")


def backlog_of(
    sample: Sequence[Sampled],
    workers: Mapping[str, Node],
    busy: Mapping[str, Estimate],
    estimates: Estimates,
) -> Backlog | None:
    """When all is done; ``None`` if no worker lives.

    Args:
        sample: Jobs in the order in which they will run.
        workers: Cards of those that live, by name.
        busy: What some of them are busy with now.
        estimates: How long things take.
    """
    if not workers:
        return None
    loads = {name: _Load() for name in workers}
    for name, left in busy.items():
        if name in loads:
            loads[name].add(left)
    all_s = learned_s = unfit = 0.0
    for one in sample:
        times = {
            name: estimates.run_s(one.work, node)
            for name, node in workers.items()
            if not misfits(one.job, node)
        }
        if not times:
            unfit += one.stands_for
            continue
        parts = max(1, min(round(one.stands_for), PARTS_EACH * len(times)))
        for _ in range(parts):
            name = min(times, key=lambda name: loads[name].mid + times[name].mid)
            loads[name].add(times[name], one.stands_for / parts)
            if one.work.model not in loads[name].models:
                loads[name].models.add(one.work.model)
                loads[name].add(estimates.load_s(one.work.model, workers[name]))
            all_s += times[name].mid * one.stands_for / parts
            learned_s += times[name].mid * one.stands_for / parts * times[name].is_learned
    return Backlog(
        max(load.low for load in loads.values()),
        max(load.mid for load in loads.values()),
        max(load.high for load in loads.values()),
        learned_s / all_s if all_s else 0.0,
        unfit,
    )
