"""A past night of a spool: what ran then as a farm to simulate, and beside it what really happened, as the same kind of runs.

Pure. A job comes when its record was written and what it waited for had come; it takes on the worker that ran it what it took there, and
elsewhere as many times longer or shorter as is expected of that card. The simulation begins with the first job that came. What the
history does not tell is never filled in silently: each such thing is a note for whoever asked.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from spoolctl.scheduling.rank import Appraiser, Timing
from spoolctl.scheduling.seen import JobSeen, WorkerSeen
from spoolctl.scheduling.simulate.crew import Nodes, crew
from spoolctl.scheduling.simulate.ends import End, Known
from spoolctl.scheduling.simulate.farm import Arrival, Farm
from spoolctl.scheduling.simulate.world import Run, Told
from spoolctl.scheduling.turns import Line, line_of
from spoolctl.scheduling.work import work_of
from spoolctl.spool import BadRecord, Choosing, Job, Node, Verdict

_LOAD_SHARE_MAX = 0.9
"""Of an attempt's time at most so much was a load that nobody timed."""
_ROUNDED = timedelta(seconds=1)
"""To what the moments of verdicts are told."""
UNTOLD = (
    "not in the history, and not simulated: when workers were paused, closed or away, what was held, "
    "what a job takes beside its stages"
)


@dataclass(frozen=True)
class Window:
    """What part of the past."""

    since: datetime
    until: datetime

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M} UTC"

    def second(self, moment: datetime) -> float:
        """A moment in seconds since the begin."""
        return (moment - self.since).total_seconds()

    def holds(self, end: End) -> bool:
        """True if the job's last attempt began in it."""
        return self.since <= end.started_at < self.until


@dataclass(frozen=True)
class Recalled:
    """What a spool tells of a night."""

    window: Window
    ends: Sequence[Known]
    """All jobs that ended after the window's begin and began before its end."""
    ended: Mapping[str, Sequence[datetime]]
    """By job: all moments at which it ended, of the whole history."""
    nodes: Nodes
    """Cards and heartbeats, as they are now."""

    @property
    def runs(self) -> list[Known]:
        """The jobs that began in it and succeeded, as they began."""
        found = [one for one in self.ends if self.window.holds(one.end)]
        found = [one for one in found if one.end.is_run and one.job is not None]
        return sorted(found, key=lambda one: (one.end.started_at, one.end.name))


@dataclass(frozen=True)
class Past:
    """A past night."""

    farm: Farm
    was: Told
    """What really happened."""
    notes: tuple[str, ...]
    """What is left out, and what the history does not tell."""


def past(recalled: Recalled, timing: Timing, rules: Choosing) -> Past:
    """The night that is recalled, at least one job of which succeeded.

    Args:
        recalled: What the spool tells of it.
        timing: Who knows how long work takes where; by now.
        rules: Of ``spool.yaml``; as they are now.
    """
    night = _Night(recalled, timing)
    notes = [*_left_out(recalled), *night.crew.notes]
    notes += [f"{count} of the jobs {what}" for what, count in night.untold.items()]
    farm = Farm(
        night.crew.workers,
        tuple(sorted(night.arrivals, key=lambda one: (one.at_s, one.job.name))),
        timing,
        strays=night.strays,
        name=f"this spool, {recalled.window}",
    )
    was = Told(runs=_apart(night.runs), passed=_passed(farm, night.runs, rules))
    return Past(farm, was, (*notes, UNTOLD))


class _Night:
    """The night, put together job by job."""

    def __init__(self, recalled: Recalled, timing: Timing) -> None:
        self.untold: Counter[str] = Counter()
        self.arrivals: list[Arrival] = []
        self.runs: list[Run] = []
        self.strays: dict[str, float] = {}
        self._ended, self._timing = recalled.ended, timing
        came = [(one, self._came(one)) for one in recalled.runs]
        begin = max(
            recalled.window.since, min((at for _, at in came), default=recalled.window.since)
        )
        self._window = replace(recalled.window, since=begin)
        self.crew = crew(recalled.ends, recalled.nodes, begin, recalled.window.until)
        cards = {one.name: one.node for one in self.crew.workers}
        loaded = {one.name: one.model for one in self.crew.workers}
        for one, at in came:
            job, node = _seen(one), cards[one.end.worker or ""]
            if job is None:
                self.untold["ask for what this version cannot read: left out"] += 1
                continue
            self._add(
                one.end, job, node, max(0.0, self._window.second(at)), loaded.get(node.worker)
            )
            loaded[node.worker] = job.work.model or loaded[node.worker]

    def _add(self, end: End, job: JobSeen, node: Node, at_s: float, before: str | None) -> None:
        load_s = self._load_s(end, job, node, before)
        run_s, expected_s = end.card_s - load_s, self._timing.run_s(job.work, node).mid
        self.strays[job.name] = run_s / expected_s if expected_s > 0 and run_s > 0 else 1.0
        self.arrivals.append(Arrival(at_s, job))
        began_s, ended_s = self._window.second(end.started_at), self._window.second(end.ended_at)
        self.runs.append(Run(job, node.worker, at_s, began_s, load_s, max(began_s, ended_s)))

    def _load_s(self, end: End, job: JobSeen, node: Node, before: str | None) -> float:
        """How long the model took to load: as the attempt tells, else as is expected if another was loaded before."""
        loads = end.loaded if end.loaded is not None else job.work.model not in (None, before)
        if not loads or end.last is None:
            return 0.0
        if end.last.load_s is not None:
            return min(end.last.load_s, end.card_s)
        expected_s = self._timing.load_s(job.work.model, node).mid
        if expected_s > 0:
            self.untold["loaded a model in a time that nobody took; taken as what is expected"] += 1
        return min(expected_s, _LOAD_SHARE_MAX * end.card_s)

    def _came(self, one: Known) -> datetime:
        """When the job could have begun for all that the spool knows; never after it did."""
        job, began = _job(one), one.end.started_at
        if job.requires.tokens:
            self.untold["require tokens, which the simulation does not count"] += 1
        told = (one.written, job.created_at)
        written = [min(at, began) for at in told if at is not None and at <= began + _ROUNDED]
        if not written:
            self.untold["came nobody knows when; they come when they began"] += 1
            return began
        ready = max([written[0], *self._waited_for(one)])
        if ready > written[0]:
            self.untold["waited for another's end, a retry or a moment; they come at that"] += 1
        return min(began, ready)

    def _waited_for(self, one: Known) -> Iterator[datetime]:
        job, began = _job(one), one.end.started_at
        needed = [need.job for need in job.after]
        needed += [given.job for given in job.inputs if given.job is not None]
        for name in (*needed, one.end.name):
            # Its own, too: it may have failed for good before, and a person wanted it again.
            before = [
                at for at in self._ended.get(name, ()) if at <= began and at < one.end.ended_at
            ]
            if before:
                yield max(before)
        if job.not_before is not None:
            yield job.not_before


def _job(one: Known) -> Job:
    assert one.job is not None  # noqa: S101 - Recalled.runs left out those without
    return one.job


def _seen(one: Known) -> JobSeen | None:
    job = _job(one)
    try:
        return JobSeen(one.end.name, job, one.end.job_class or "normal", work_of(job))
    except BadRecord:
        return None


def _left_out(recalled: Recalled) -> Iterator[str]:
    there = [one.end for one in recalled.ends if recalled.window.holds(one.end)]
    others = [end for end in there if end.verdict != Verdict.SUCCEEDED.value]
    if others:
        took_s = sum(end.took_s for end in others)
        yield f"{len(others)} that did not succeed are left out; their last attempts took {took_s:.0f} s"
    if (untold := len(there) - len(others) - len(recalled.runs)) > 0:
        yield f"{untold} that succeeded are left out: their records or times are gone"
    again = sum(max(0, len(end.ran) - 1) for end in there if end.is_run)
    if again:
        yield f"{again} attempts that failed or were lost before a job succeeded are left out"


def _apart(runs: Sequence[Run]) -> list[Run]:
    """The same runs, each over when the next one on its worker begins: while that works the last one's images go to the share."""
    found: list[Run] = []
    next_began: dict[str, float] = {}
    for run in sorted(runs, key=lambda one: -one.began_s):
        found.append(replace(run, ended_s=min(run.ended_s, next_began.get(run.worker, math.inf))))
        next_began[run.worker] = run.began_s
    return found[::-1]


def _passed(farm: Farm, runs: Sequence[Run], rules: Choosing) -> Counter[str]:
    """By job: how often a worker that could have run it took a younger one of its class and line."""
    appraiser = Appraiser(rules, farm.timing)
    seen = {one.name: WorkerSeen(one.node) for one in farm.workers}
    lines: dict[Line, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda one: (one.arrived_s, one.job.name)):
        lines[line_of(run.job, rules)].append(run)
    passed: Counter[str] = Counter()
    for line in lines.values():
        for place, taken in enumerate(line):
            passed.update(
                older.job.name
                for older in line[:place]
                if older.began_s > taken.began_s
                and not appraiser.misfits(older.job, seen[taken.worker])
            )
    return passed
