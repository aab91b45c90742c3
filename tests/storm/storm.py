"""One storm: jobs, real workers and controllers on a local folder, and a driver that strikes them by a schedule.

Guarantees: everything that was started is ended when ``run`` returns or raises, frozen or not; the clock runs from the first
process's start until the last job's record rests in ``done/``, ``failed/`` or ``cancelled/``. Does not guarantee the same storm
twice in every instant: the schedule is the same, what the processes do meanwhile is theirs.
"""

import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from spoolctl.fsck import check
from spoolctl.spool import (
    SETTINGS_SCHEMA,
    Settings,
    create_spool,
    draft,
    layout,
    new_names,
    open_spool,
    parse_job,
    submit,
)
from tests.storm.crew import Crew, crew_of
from tests.storm.judge import Judgement, judge, rests
from tests.storm.schedule import Kind, Move, moves

LEASE_S = 2.0
QUICK = {
    "heartbeat_s": 0.5,
    "lease_s": LEASE_S,
    "sweep_s": 1.0,
    "poll_s": 0.1,
    "settle_s": 0.2,
    "reject_after_s": 0.5,
    # A kill costs no pause of its own (a crash is tried again at once); these are for what a kill may look like instead.
    "retry": {"backoff_s": 0.1, "avoid_s": 0.2},
}
RECORD = b"""\
schema: spool.job/1
workload:
  kind: image
  stages:
  - {stage: txt2img, prompt: a storm, width: 16, height: 16, count: 1, seed: 7}
...
"""
QUEUE = layout.queue("normal")
LOOK_S = 0.5
TELL_S = 10.0


@dataclass(frozen=True)
class Plan:
    """What is to be done. ``every_s``: a strike each so many seconds; ``None``: calm."""

    jobs: int
    workers: int
    controllers: int
    every_s: float | None
    seed: int
    limit_s: float = 3_600.0
    wave: int | None = None
    """So many are queued at once, the others as these go; ``None``: all at the begin."""


@dataclass
class Ran:
    """What one run came to."""

    seconds: float
    judgement: Judgement
    kills: int
    freezes: int
    cpu_s: float
    """Processor time of all processes, from their fork to their end."""
    fell: list[str]
    """Processes that ended although nobody killed them."""
    fsck: list[str]
    """What the product's own check calls damaged or stuck."""

    @property
    def all_is_well(self) -> bool:
        """True if the judge is content, the product's own check too, and no program fell by itself."""
        return self.judgement.all_is_well and not self.fell and not self.fsck


class Jobs:
    """The storm's jobs: their bytes by their names, and how many of them are submitted by now."""

    def __init__(self, root: Path, count: int) -> None:
        self._actor = open_spool(root, name="person-storm")
        self._names = new_names(self._actor, count, group="storm")
        self._submitted = 0
        self.root = root
        self.data = dict.fromkeys(self._names, RECORD)

    def submit(self, count: int) -> None:
        """Submit the next *count* of them."""
        names = self._names[self._submitted : self._submitted + count]
        job = parse_job(RECORD)
        submit(self._actor, [draft(name, RECORD, job) for name in names], QUEUE)
        self._submitted += len(names)

    def fill_up(self, wave: int) -> None:
        """Submit as many as the queue lacks of *wave*, if it lacks half of it."""
        if self._submitted < len(self._names):
            queued = (files for _, _, files in os.walk(self.root / QUEUE.folder))
            lacks = wave - sum(one.endswith(".yaml") for files in queued for one in files)
            if lacks >= wave / 2:
                self.submit(lacks)


def make_spool(folder: Path, count: int) -> Jobs:
    """Make ``spool`` in *folder*, for *count* jobs; none of them is submitted yet."""
    root = folder / "spool"
    for name in ("logs", "scratch"):
        (folder / name).mkdir(parents=True)
    born = datetime(2026, 1, 1, tzinfo=UTC)
    settings = {"schema": SETTINGS_SCHEMA, "spool_id": "spool-storm", "created_at": born}
    create_spool(root, Settings.model_validate({**settings, **QUICK}))
    return Jobs(root, count)


def run(folder: Path, plan: Plan, tell: Callable[[str], object]) -> Ran:
    """Do what *plan* says in *folder*, which must be empty or not there yet, and judge what it left.

    Args:
        folder: Where the spool, the logs and the scratch folders go.
        plan: What is to be done.
        tell: Gets a line of progress now and then.
    """
    jobs = make_spool(folder, plan.jobs)
    jobs.submit(plan.wave or plan.jobs)
    with crew_of(folder) as crew:
        crew.keep(())  # answered once everything is imported, which is no part of the storm
        weather = _Weather(crew, plan, jobs, tell)
        weather.blow()
        crew.stop()
        crew.scan_once("controller-last")
    judgement = judge(jobs.root, jobs.data, images_each=1)
    checked = fsck(jobs.root)
    return Ran(
        weather.seconds, judgement, weather.kills, weather.freezes, crew.cpu_s, crew.fell, checked
    )


def fsck(root: Path) -> list[str]:
    """What ``spoolctl fsck --deep`` finds, each in one line; a second opinion beside the judge's."""
    report = check(open_spool(root, name="person-fsck"), deep=True, pause_s=0.0)
    found = (*report.damage, *report.stuck)
    return [f"fsck: {one.severity} {one.code} {one.path}: {one.what} {one.value}" for one in found]


class _Weather:
    """The driver's loop: the schedule's moves when they are due, and now and then a look at the tree."""

    def __init__(self, crew: Crew, plan: Plan, jobs: Jobs, tell: Callable[[str], object]) -> None:
        self._crew, self._plan, self._jobs, self._tell = crew, plan, jobs, tell
        self._names = [f"worker-{n}" for n in range(1, plan.workers + 1)]
        self._names += [f"controller-{n}" for n in range(1, plan.controllers + 1)]
        self._down: set[str] = set()
        self.kills = self.freezes = 0
        self.seconds = 0.0

    def blow(self) -> None:
        """Until every job rests, or the plan's time is over."""
        began = time.monotonic()
        self._crew.keep(self._names)
        schedule = self._schedule()
        move = next(schedule)
        look_at, tell_at = LOOK_S, TELL_S
        while True:
            while move.at_s <= time.monotonic() - began:
                self._do(move)
                move = next(schedule)
            self.seconds = now = time.monotonic() - began
            if now >= look_at:
                self._crew.keep(name for name in self._names if name not in self._down)
                rest = rests(self._jobs.root)
                if rest >= self._plan.jobs or now > self._plan.limit_s:
                    return
                if self._plan.wave is not None:
                    self._jobs.fill_up(self._plan.wave)
                if now >= tell_at:
                    self._tell(self._progress(rest))
                    tell_at += TELL_S
                look_at = now + LOOK_S
            time.sleep(max(0.0, min(move.at_s, look_at) - (time.monotonic() - began)))

    def _schedule(self) -> Iterator[Move]:
        if self._plan.every_s is None:
            return itertools.repeat(Move(float("inf"), "", Kind.THAW))
        return moves(self._plan.seed, self._names, self._plan.every_s, LEASE_S)

    def _do(self, move: Move) -> None:
        self._crew.do(move)
        self.kills += move.kind is Kind.KILL
        self.freezes += move.kind is Kind.FREEZE
        if move.kind is Kind.KILL:
            self._down.add(move.victim)
        elif move.kind is Kind.START:
            self._down.discard(move.victim)

    def _progress(self, rest: int) -> str:
        return (
            f"{self.seconds:6.1f} s: {rest} of {self._plan.jobs} at rest, "
            f"{self.kills} kills, {self.freezes} freezes"
        )
