"""The demo's course: what is started, submitted, killed and started again, in which order, and what must have been seen by the end.

Guarantees: ends within ``limit_s`` and a few seconds for the processes to stop, whatever happens; leaves no process behind. What did
not happen in time is told in ``Course.missing``.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from spoolctl.demo import batch
from spoolctl.demo.batch import Ask
from spoolctl.demo.cast import Cast
from spoolctl.demo.news import Item, News, short
from spoolctl.demo.watching import Display, Picture
from spoolctl.spool import (
    Actor,
    Heartbeat,
    Retry,
    Settings,
    State,
    Verdict,
    all_records,
    attempt_numbers,
    create_spool,
    default_settings,
    heartbeat,
    layout,
    nodes,
    open_spool,
)
from spoolctl.spool import attempt as read_attempt
from spoolctl.spool.overview import rejections

LIMIT_S = 50.0
STEADY, VICTIM = "ada", "bob"
_SECONDS_PER_IMAGE = 0.8
_STEADY_OPTIONS: dict[str, str | float] = {
    "seconds_per_image": _SECONDS_PER_IMAGE,
    "fail": "backend_rejected",
    "fail_times": 1,
    "fail_when_prompt": batch.FRAGILE_WORD,
}
_VICTIM_OPTIONS: dict[str, str | float] = {"seconds_per_image": _SECONDS_PER_IMAGE}
_KILLS_MAX = 4
_STROKES_MIN = 4
"""A job of fewer images would be over before the kill that it is to suffer."""
_TICK_S = 0.15


class NotInTime(Exception):
    """Something did not happen before the limit; says what."""


@dataclass
class Course:
    """What happened."""

    asks: list[Ask]
    killed_while: str | None = None
    """The job whose worker was killed so that its attempt was lost."""
    missing: list[str] = field(default_factory=list)
    """What should have happened and did not."""
    seconds: float = 0.0


def quick_settings() -> Settings:
    """Settings for one machine and an impatient audience; docs/FORMAT.md has what they mean."""
    fresh = default_settings(time.time(), f"demo-{time.time_ns() % 10**6:06d}")
    return fresh.model_copy(
        update={
            "heartbeat_s": 1.0,
            "lease_s": 15.0,
            "sweep_s": 1.0,
            "poll_s": 0.3,
            "settle_s": 0.5,
            "reject_after_s": 2.0,
            "retry": Retry(backoff_s=1.0, avoid_s=10.0),
        }
    )


class Play:
    """One run of the demo.

    Args:
        home: The demo's folder, empty.
        display: Where it is shown.
        limit_s: For how long the processes may run.
    """

    def __init__(self, home: Path, display: Display, *, limit_s: float) -> None:
        self._cast = Cast(home)
        self._display = display
        self._news = News(self._cast.logs)
        self._began = time.monotonic()
        self._until_mono = self._began + limit_s
        self._course = Course(batch.compose())
        self._by_name = {ask.name: ask for ask in self._course.asks}
        create_spool(self._cast.root, quick_settings())
        self._actor: Actor = open_spool(self._cast.root, name="person-demo")
        self._killed = False

    def run(self) -> Course:
        """Play it; raises ``SpoolError`` and ``OSError`` only if the disk does not do what it should."""
        with self._cast:
            try:
                self._open()
                self._kill_at_work()
                self._wait(self._is_over, "all jobs were done, merged and in the corpus")
            except NotInTime as late:
                self._course.missing.append(str(late))
            for name, code in self._cast.ended().items():
                self._course.missing.append(f"{name} ended by itself with exit code {code}")
            stubborn = self._cast.stop()
            self._course.missing += [f"{name} did not stop when asked" for name in stubborn]
            self._look()
        self._course.seconds = round(time.monotonic() - self._began, 1)
        return self._course

    def _open(self) -> None:
        asks = self._course.asks
        batch.submit_all(self._actor, asks)
        self._say(f"{len(asks)} jobs are submitted", "cyan")
        batch.drop_broken(self._cast.root)
        self._say(f"somebody drops {batch.BROKEN_FILE}, which has a typing error", "cyan")
        self._cast.start_controller()
        # The fragile job comes first, and only this worker fails on it: so it fails exactly once.
        self._cast.start_worker(STEADY, _STEADY_OPTIONS)
        self._wait(
            lambda: bool(attempt_numbers(self._actor, batch.FRAGILE)), f"{STEADY} took a job"
        )
        self._cast.start_worker(VICTIM, _VICTIM_OPTIONS)

    def _kill_at_work(self) -> None:
        """Kill a worker in the middle of a job, wait until another has it, and start the worker again."""
        for _ in range(_KILLS_MAX):
            self._wait(lambda: self._victims_job() is not None, f"{VICTIM} was seen at work")
            job = self._victims_job()
            if job is None:
                continue
            name, number = job
            self._cast.kill(VICTIM)
            self._killed = True
            self._say(f"kill -9: {VICTIM} dies in the middle of {short(name)}", "bold red")
            self._wait(
                lambda name=name, number=number: self._verdict(name, number) is not None,  # type: ignore[misc]
                f"somebody noticed that {VICTIM} was dead",
            )
            lost = self._verdict(name, number) is Verdict.LOST
            if lost:
                self._course.killed_while = name
                self._wait(
                    lambda name=name, number=number: (
                        number + 1  # type: ignore[misc]
                        in attempt_numbers(self._actor, name)
                    ),
                    f"another worker took {short(name)}",
                )
            self._cast.start_worker(VICTIM, _VICTIM_OPTIONS)
            self._killed = False
            self._say(f"{VICTIM} is started again", "cyan")
            if lost:
                return
        self._course.missing.append(f"{VICTIM} was killed, but each time its job had just ended")

    def _victims_job(self) -> tuple[str, int] | None:
        """The job that the victim is in the middle of, and its attempt."""
        _, beat = nodes(self._actor).get(VICTIM, (None, None))
        if beat is None or beat.state != "running" or beat.name is None or beat.attempt is None:
            return None
        ask = self._by_name.get(beat.name)
        if ask is None or ask.strokes < _STROKES_MIN or beat.name == batch.FRAGILE:
            return None
        own = heartbeat(self._actor, beat.name, beat.attempt)
        told = own is not None and own.session == beat.session and (own.progress or 0.0)
        open_ = self._verdict(beat.name, beat.attempt) is None
        # 0.2: visibly begun; 0.7: still long enough for the kill to come before the end.
        return (beat.name, beat.attempt) if told and 0.2 <= told <= 0.7 and open_ else None  # noqa: PLR2004

    def _verdict(self, name: str, number: int) -> Verdict | None:
        found = read_attempt(self._actor, name, number).verdict
        return found.verdict if found else None

    def _is_over(self) -> bool:
        counts = self._counts()
        ended = counts["done"] + counts["failed"] + counts["cancelled"]
        images = sum(ask.images for ask in self._course.asks)
        compiled = self._cast.root / layout.LEARNING_RECORDS
        lines = compiled.read_bytes().count(b"\n") if compiled.exists() else 0
        return ended == len(self._course.asks) and counts["rejected"] == 1 and lines >= images

    def _wait(self, happened: Callable[[], bool], what: str) -> None:
        """Show what goes on until *happened*; raises NotInTime."""
        while not happened():
            if time.monotonic() > self._until_mono:
                raise NotInTime(f"not in time: that {what}")
            self._look()
            time.sleep(_TICK_S)

    def _look(self) -> None:
        for item in self._news.read():
            self._display.tell(item)
        beats: dict[str, Heartbeat | None] = {}
        known = nodes(self._actor)
        for name in (STEADY, VICTIM):
            if name in known:
                beats[name] = known[name][1]
        if self._killed:
            beats[VICTIM] = None
        picture = Picture(str(self._cast.root), len(self._course.asks), self._counts(), beats)
        self._display.show(picture, datetime.now(UTC))

    def _counts(self) -> dict[str, int]:
        counts = dict.fromkeys(map(str, State), 0)
        for location in all_records(self._actor):
            counts[str(location.place.state)] += 1
        rejected, _ = rejections(self._actor, 0)
        return {**counts, "rejected": rejected}

    def _say(self, text: str, style: str) -> None:
        self._look()
        self._display.tell(Item(datetime.now(UTC), text, style))
