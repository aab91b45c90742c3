"""When the queue will be done, and when one job's turn comes: what waits, dealt out to the workers that take jobs.

Pure. Each sampled job stands for as many as its class has for each one sampled; they are dealt out in small parts, each to the worker
that would be done with it first, that it fits and that takes jobs of its class; a model is loaded once by each worker that gets jobs for
it, as a scheduler with affinity would have it. A worker that rests takes part from when it opens, a reserved one from when it has been
idle for long enough, another pool's once it is out of work. Does not foresee failures, pauses, windows that close or what is yet to be
submitted, and is right only as far as the sample is like the rest.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.formula import Estimate
from spoolctl.scheduling.pools import pool_of, pools_of
from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import JobSeen, WorkerSeen
from spoolctl.scheduling.taking import serves
from spoolctl.spool import JobClass

PARTS_EACH = 8
"""Into so many parts for each worker a sampled job's share of the queue is cut, so that no worker gets too much of it at once."""


@dataclass(frozen=True)
class Sampled:
    """One job that was looked at."""

    job: JobSeen
    stands_for: float
    """How many jobs of the queue, itself included."""


@dataclass(frozen=True)
class Hand:
    """A worker that takes jobs, now or when it opens."""

    seen: WorkerSeen
    busy: Estimate | None = None
    """How long what it does now still takes."""
    opens_in_s: float = 0.0


@dataclass(frozen=True)
class Backlog:
    """How long until the queue, and what runs now, is done; in seconds from now."""

    low_s: float
    mid_s: float
    high_s: float
    learned: float
    """The part of the work, 0 to 1, whose time was learned; the rest is the formula's."""
    unfit: float
    """About how many jobs fit none of the workers; they are left out."""
    unserved: float
    """About how many fit only workers that are reserved for other classes; they are left out, too."""
    dealt: float
    """About how many are in it."""


@dataclass(frozen=True)
class Turn:
    """Where and when a job is expected to run, after what was dealt out before it; in seconds from now."""

    worker: str
    begins_in_s: float
    low_s: float
    mid_s: float
    high_s: float
    """Until it is done, its model's load included."""


@dataclass
class _Load:
    """What a worker has been dealt: how long that takes."""

    seen: WorkerSeen
    low: float
    mid: float
    high: float
    models: set[str | None]

    @classmethod
    def of(cls, hand: Hand) -> "_Load":
        """What it has to do before anything is dealt to it."""
        busy, free_s = hand.busy, hand.seen.free_in_s
        low, mid, high = (busy.low, busy.mid, busy.high) if busy else (free_s, free_s, free_s)
        opens = hand.opens_in_s
        return cls(hand.seen, max(low, opens), max(mid, opens), max(high, opens), {hand.seen.model})


@dataclass(frozen=True)
class _Way:
    """A worker that takes a job, and from when on."""

    load: _Load
    from_s: float = 0.0
    help_s: float = 0.0
    """So long after it is out of work: the job is another pool's."""

    @property
    def begins_s(self) -> tuple[float, float, float]:
        """When the worker could begin with it: low, mid, high."""
        one = self.load
        low, mid, high = (max(s + self.help_s, self.from_s) for s in (one.low, one.mid, one.high))
        return low, mid, high


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
    sample: Sequence[Sampled], hands: Sequence[Hand], appraiser: Appraiser, estimates: Estimates
) -> Backlog | None:
    """When all is done; ``None`` if there is no worker.

    Args:
        sample: Jobs in the order in which they will run.
        hands: The workers that take jobs.
        appraiser: What fits where, and by which rules.
        estimates: How long things take.
    """
    if not hands:
        return None
    dealer = Dealer(hands, appraiser, estimates)
    for one in sample:
        dealer.deal(one)
    return dealer.backlog()


class Dealer:
    """Deals jobs out, in the order in which they will run; arguments as for ``backlog_of``."""

    def __init__(self, hands: Sequence[Hand], appraiser: Appraiser, estimates: Estimates) -> None:
        self._appraiser, self._estimates = appraiser, estimates
        self._live = [hand.seen for hand in hands]
        self._loads = [_Load.of(hand) for hand in hands]
        self._all_s = self._learned_s = self._unfit = self._unserved = self._dealt = 0.0

    def deal(self, one: Sampled) -> None:
        """Deal out a sampled job with all that it stands for."""
        job, ways = one.job, self._ways(one.job)
        if not ways:
            fits = any(not self._appraiser.misfits(job, seen) for seen in self._live)
            self._unserved += one.stands_for * fits
            self._unfit += one.stands_for * (not fits)
            return
        self._dealt += one.stands_for
        runs = {way.load.seen.name: self._run_s(job, way) for way in ways}
        parts = max(1, min(round(one.stands_for), PARTS_EACH * len(ways)))
        each = one.stands_for / parts
        for _ in range(parts):
            way = min(ways, key=lambda way: way.begins_s[1] + runs[way.load.seen.name].mid)
            run = runs[way.load.seen.name]
            load, loading = way.load, self._load_s(job, way)
            load.low, load.mid, load.high = _then(way.begins_s, run.times(each), loading)
            load.models.add(job.work.model)
            self._all_s += run.mid * each
            self._learned_s += run.mid * each * run.is_learned

    def turn(self, job: JobSeen, barred: Container[str] = ()) -> Turn | None:
        """When *job* is run if it comes next, not on the *barred* workers; ``None`` if none of the others takes it."""
        turns = [
            Turn(
                way.load.seen.name,
                way.begins_s[1],
                *_then(way.begins_s, self._run_s(job, way), self._load_s(job, way)),
            )
            for way in self._ways(job)
            if way.load.seen.name not in barred
        ]
        return min(turns, key=lambda turn: (turn.mid_s, turn.worker), default=None)

    def backlog(self) -> Backlog:
        """What was dealt out, all in all."""
        return Backlog(
            max(load.low for load in self._loads),
            max(load.mid for load in self._loads),
            max(load.high for load in self._loads),
            self._learned_s / self._all_s if self._all_s else 0.0,
            self._unfit,
            self._unserved,
            self._dealt,
        )

    def _ways(self, job: JobSeen) -> list[_Way]:
        rules = self._appraiser.rules
        pool = pool_of(job, self._live, self._appraiser) if rules.pools else None
        mine, others = [], []
        for load in self._loads:
            from_s = _serves_in_s(load.seen, job.job_class)
            if from_s is None or self._appraiser.misfits(job, load.seen):
                continue
            pools = pools_of(load.seen.node, rules)
            if not pools or pool is None or pool in pools:
                mine.append(_Way(load, from_s))
            else:
                others.append(_Way(load, from_s, rules.help_after_s))
        # A pool in which nobody is keeps nothing.
        return [*mine, *others] if mine else [_Way(way.load, way.from_s) for way in others]

    def _run_s(self, job: JobSeen, way: _Way) -> Estimate:
        return self._estimates.run_s(job.work, way.load.seen.node)

    def _load_s(self, job: JobSeen, way: _Way) -> Estimate | None:
        """Loading the job's model, if the worker has not had it."""
        if job.work.model in way.load.models:
            return None
        return self._estimates.load_s(job.work.model, way.load.seen.node)


def _serves_in_s(seen: WorkerSeen, job_class: JobClass) -> float | None:
    """In how long the worker takes jobs of that class at the earliest; ``None``: never."""
    if serves(seen, job_class):
        return 0.0
    until = seen.node.reserved_until_idle_s
    return None if until is None else max(0.0, until - seen.without_s)


def _then(
    begins_s: tuple[float, float, float], run: Estimate, loading: Estimate | None
) -> tuple[float, float, float]:
    low, mid, high = begins_s[0] + run.low, begins_s[1] + run.mid, begins_s[2] + run.high
    if loading is None:
        return low, mid, high
    return low + loading.low, mid + loading.mid, high + loading.high
