"""What holds this worker back now: a pause from the share or from the machine itself, its hours, somebody who uses the machine.

Guarantees: one look at a time; the first of them that holds is told, and if any wants the job in work back, it is handed back. Asks
nothing of the share. Does not stop anything by itself: the agent claims nothing while ``rest`` is there, and the execution asks ``stop``.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from spoolctl.spool import Request
from spoolworker.availability.config import AvailabilityConfig
from spoolworker.availability.in_use import InUse
from spoolworker.availability.local_time import machine_time, shown
from spoolworker.availability.pausing import Pause, PauseFile


@dataclass(frozen=True)
class Rest:
    """Why a worker claims nothing now."""

    state: Literal["paused", "closed", "in_use"]
    why: str
    stop: bool
    """The job in work is handed back, and not finished first."""
    for_s: float | None = None
    """Until it ends by itself, in seconds; ``None``: not known."""


class Availability:
    """One worker's hours, pauses and use by others.

    Args:
        config: What its machine says.
        pause_file: By which it is paused on the machine itself.
        wall_s: This machine's wall clock, in seconds since the epoch.
        in_use: Whether somebody uses the machine.
        log: The worker's event log.
    """

    def __init__(
        self,
        config: AvailabilityConfig,
        *,
        pause_file: PauseFile,
        wall_s: Callable[[], float],
        in_use: InUse,
        log: Callable[..., None],
    ) -> None:
        self._config = config
        self._pause_file = pause_file
        self._wall_s = wall_s
        self._in_use = in_use
        self._log = log
        self._lock = threading.Lock()
        self._asked: Request | None = None
        self.rest: Rest | None = None
        """What the last look found; ``None``: nothing holds it back."""

    def look(self, asked: Request | None = None, *, heard: bool = False) -> Rest | None:
        """Look again.

        Args:
            asked: The pause that the share asks for.
            heard: True if *asked* is news from the share; else what was heard last still holds.
        """
        with self._lock:
            if heard:
                self._asked = asked
            found = list(self._rests())
            before = self.rest
            self.rest = found[0] if found else None
            if self.rest is not None and any(one.stop for one in found):
                self.rest = replace(self.rest, stop=True)
            self._tell(before, self.rest)
            return self.rest

    @property
    def stop(self) -> str | None:
        """Why the job in work must be handed back now; ``None`` if it need not."""
        rest = self.rest
        return rest.why if rest is not None and rest.stop else None

    @property
    def is_unsure(self) -> bool:
        """True until it was found out whether the machine is in use; nothing is claimed before."""
        return self._config.while_in_use != "run" and self._in_use.is_unsure

    def closes_in_s(self) -> float | None:
        """Seconds until its hours end: 0 outside them, ``None`` if they never do."""
        week = self._config.week
        return None if week is None else week.closes_in_s(machine_time(self._wall_s()))

    def _rests(self) -> Iterator[Rest]:
        if self._asked is not None:
            one = self._asked
            yield self._paused("", Pause(one.by, one.message, one.until, now=bool(one.now)))
        here = self._pause_file.read(self._wall_s())
        if here is not None:
            yield self._paused(" on this machine", here)
        yield from self._closed()
        why = self._in_use.why if self._config.while_in_use != "run" else None
        if why is not None:
            yield Rest("in_use", f"in use: {why}", self._config.while_in_use == "stop")

    def _paused(self, where: str, pause: Pause) -> Rest:
        by = f" by {pause.by}" if pause.by else ""
        until, for_s = "", None
        if pause.until is not None:
            now_s = self._wall_s()
            for_s = max(0.0, pause.until.timestamp() - now_s)
            until = f" until {shown(pause.until, machine_time(now_s))}"
        why = f": {pause.why}" if pause.why else ""
        return Rest("paused", f"paused{where}{by}{until}{why}", pause.now, for_s)

    def _closed(self) -> Iterator[Rest]:
        week = self._config.week
        if week is None:
            return
        now_s = self._wall_s()
        now = machine_time(now_s)
        if week.is_open(now):
            return
        for_s = week.opens_in_s(now)
        until = "" if for_s is None else f" until {shown(machine_time(now_s + for_s), now)}"
        yield Rest("closed", f"closed{until}", self._config.when_closing == "stop", for_s)

    def _tell(self, before: Rest | None, after: Rest | None) -> None:
        if after is None:
            if before is not None:
                self._log("worker.resumed", after=before.state)
        elif before is None or (before.state, before.stop) != (after.state, after.stop):
            self._log("worker.rests", state=after.state, why=after.why, now=after.stop)
