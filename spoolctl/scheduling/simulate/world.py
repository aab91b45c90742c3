"""The simulation: a farm lives through its arrivals under one policy, in virtual time.

Pure and deterministic: the same farm and policy give the same runs. Jobs fail never and workers die never; what it answers is how well
work is spread and in which order it is done.
"""

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from spoolctl.scheduling.choose import Choice
from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import LATER, LATER_EACH, WINDOW, JobSeen, WorkerSeen
from spoolctl.scheduling.simulate.farm import Arrival, Farm, FarmWorker
from spoolctl.scheduling.turns import Account, line_of
from spoolctl.spool import CLASSES, Choosing, JobClass

LOOK_S = 2.0
"""How often an idle worker looks again of itself, where time alone may change what it does; ever more seldom while nothing happens."""
_LOOKS = 20
_PATIENCE_S = 8 * 86_400.0
"""When nothing has happened for so long nothing ever will: what waits then waits for nobody."""


@dataclass(frozen=True)
class Run:
    """One job's way through the farm, in seconds of the simulation."""

    job: JobSeen
    worker: str
    arrived_s: float
    began_s: float
    load_s: float
    ended_s: float

    @property
    def wait_s(self) -> float:
        """From its arrival to its begin."""
        return self.began_s - self.arrived_s


@dataclass
class Told:
    """What came of a simulation."""

    runs: list[Run] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)
    """By job: how often a worker that could have run it took a younger one of its class and line."""
    never: list[JobSeen] = field(default_factory=list)
    """Jobs that no worker of the farm could run."""


@dataclass
class Busy:
    """A worker of the farm at one moment."""

    farm: FarmWorker
    model: str | None = None
    free_at: float = 0.0
    expected_at: float = 0.0
    served_at: float = 0.0
    account: Account = field(default_factory=Account)
    left: dict[str, float] = field(default_factory=dict)


Chooses = Callable[["World", "Busy"], Choice]


class World:
    """One simulation under way."""

    def __init__(self, farm: Farm, rules: Choosing, chooses: Chooses) -> None:
        self.farm, self.rules, self._chooses = farm, rules, chooses
        self.appraiser = Appraiser(rules, farm.timing)
        self.now = 0.0
        self._happened_at = 0.0
        self._again_at = math.inf
        self.workers = [
            Busy(one, one.model, free_at=one.free_at_s, expected_at=one.free_at_s)
            for one in farm.workers
        ]
        self.waiting: dict[JobClass, dict[str, Arrival]] = {one: {} for one in CLASSES}
        self.seen_passed: Counter[str] = Counter()
        self.told = Told()

    def live(self) -> Told:
        """Live until the last job has ended."""
        order = itertools.count()
        events: list[tuple[float, int, Arrival | None]] = [
            (one.at_s, next(order), one) for one in self.farm.arrivals
        ]
        opens = [end for worker in self.workers for _, end in worker.farm.closed]
        opens += [worker.free_at for worker in self.workers if worker.free_at > 0]
        events += [(at, next(order), None) for at in opens]
        heapq.heapify(events)
        while events or self._again_at < math.inf:
            next_event = events[0][0] if events else math.inf
            if self._again_at - self._happened_at > _PATIENCE_S and self._again_at < next_event:
                self._again_at = math.inf
                continue
            self.now = min(next_event, self._again_at)
            while events and events[0][0] <= self.now:
                self._happened_at = max(self._happened_at, self.now)
                arrival = heapq.heappop(events)[2]
                if isinstance(arrival, Arrival):
                    self._arrive(arrival)
            for at in self._look_all():
                heapq.heappush(events, (at, next(order), None))
        self._give_up()
        return self.told

    def _give_up(self) -> None:
        for jobs in self.waiting.values():
            self.told.never += [arrival.job for arrival in jobs.values()]

    def _arrive(self, arrival: Arrival) -> None:
        job = arrival.job
        if any(not self.appraiser.misfits(job, self._seen(one)) for one in self.workers):
            self.waiting[job.job_class][job.name] = arrival
        else:
            self.told.never.append(job)

    def _look_all(self) -> list[float]:
        """Let every idle worker look; when what was begun will end."""
        ends: list[float] = []
        self._again_at = math.inf
        # Whoever has been idle longest looks first: on a real share any of them may.
        for worker in sorted(self.workers, key=lambda one: one.free_at):
            if worker.free_at > self.now or not any(self.waiting.values()):
                continue
            choice = self._chooses(self, worker)
            if choice.job is not None:
                ends.append(self._begin(worker, choice))
                continue
            for name in choice.left:
                worker.left.setdefault(name, self.now)
            if choice.left or self._may_help(worker):
                pause_s = max(LOOK_S, (self.now - self._happened_at) / _LOOKS)
                self._again_at = min(self._again_at, self.now + pause_s)
        return ends

    def _may_help(self, worker: Busy) -> bool:
        """True if time alone may let the worker take what it does not take now; else something has to happen first."""
        return bool(self.rules.pools) or worker.farm.node.reserved_until_idle_s is not None

    def _begin(self, worker: Busy, choice: Choice) -> float:
        job = choice.job
        assert job is not None  # noqa: S101 - the caller asked
        arrival = self.waiting[job.job_class].pop(job.name)
        line = line_of(job, self.rules)
        for other in itertools.takewhile(
            lambda one: one.at_s < arrival.at_s or one.job.name < job.name,
            self.waiting[job.job_class].values(),
        ):
            if line_of(other.job, self.rules) == line:
                self.seen_passed[other.job.name] += 1
        self.told.passed.update(one.name for one in choice.passed)
        node, wanted = worker.farm.node, job.work.model
        load_s = (
            0.0 if wanted in (None, worker.model) else self.farm.timing.load_s(wanted, node).mid
        )
        expected = self.farm.timing.run_s(job.work, node).mid
        ended = self.now + load_s + expected * self.farm.stray(job)
        self.told.runs.append(Run(job, node.worker, arrival.at_s, self.now, load_s, ended))
        worker.account.serve(line, load_s + expected)
        worker.model = wanted or worker.model
        self._happened_at = ended
        worker.free_at, worker.expected_at = ended, self.now + load_s + expected
        worker.left.clear()
        if not worker.farm.node.reserved_for or job.job_class in worker.farm.node.reserved_for:
            worker.served_at = ended
        return ended

    def heads(self, worker: Busy, job_class: JobClass) -> tuple[list[JobSeen], int]:
        """What *worker* sees of one queue, and how many jobs wait behind that."""
        seen = [self._as_seen(worker, one) for one in self._front(job_class)]
        return seen, len(self.waiting[job_class]) - len(seen)

    def wanted_but(self, job_class: JobClass) -> set[str | None]:
        """The models that jobs in front of the other queues need."""
        others = (self._front(other) for other in self.waiting if other != job_class)
        return {one.job.work.model for one in itertools.chain.from_iterable(others)}

    def _front(self, job_class: JobClass) -> list[Arrival]:
        """As a worker sees it where each line's jobs have names of their own: the first jobs, and the first of those who come later."""
        jobs = iter(self.waiting[job_class].values())
        front = list(itertools.islice(jobs, WINDOW))
        lines = Counter({line_of(one.job, self.rules): LATER_EACH for one in front})
        most = len(lines) + LATER
        for one in jobs:
            line = line_of(one.job, self.rules)
            if lines[line] < LATER_EACH and (line in lines or len(lines) < most):
                lines[line] += 1
                front.append(one)
        return front

    def _as_seen(self, worker: Busy, arrival: Arrival) -> JobSeen:
        since = worker.left.get(arrival.job.name, self.now)
        return replace(
            arrival.job,
            waited_s=self.now - arrival.at_s,
            passed=self.seen_passed[arrival.job.name],
            left_s=self.now - since,
        )

    def _seen(self, worker: Busy) -> WorkerSeen:
        closed = [pair for pair in worker.farm.closed if pair[0] <= self.now < pair[1]]
        closes = [begin - self.now for begin, _ in worker.farm.closed if begin > self.now]
        # A job that takes longer than expected ends any moment now.
        free_in_s = 0.0 if worker.free_at <= self.now else max(1.0, worker.expected_at - self.now)
        return WorkerSeen(
            worker.farm.node,
            model=worker.model,
            free_in_s=free_in_s,
            takes_jobs=not closed,
            idle_s=max(0.0, self.now - worker.free_at),
            without_s=max(0.0, self.now - worker.served_at),
            closes_in_s=min(closes, default=None),
        )

    def all_seen(self) -> dict[str, WorkerSeen]:
        """Every worker as its heartbeat would show it."""
        return {one.farm.name: self._seen(one) for one in self.workers}


def simulate(farm: Farm, rules: Choosing, chooses: Chooses) -> Told:
    """Let *farm* live under *rules* and the policy *chooses*."""
    return World(farm, rules, chooses).live()
