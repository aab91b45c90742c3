"""Is somebody using this machine? By the card's memory that others hold, and by input, with some patience so that it does not flap.

Guarantees: memory counts as use only if two answers in a row say so (a program that starts and ends at once is none), input at once; it is
over only after ``resume_after_s`` without either. What cannot be measured is neither use nor idleness, and is told once. Until
each has answered for the first time ``is_unsure`` is true. Safe to call from several threads.
"""

import math
import threading
from collections.abc import Callable

from spoolworker.availability.config import AvailabilityConfig
from spoolworker.availability.idle import InputSeen

_SURE_TIMES = 2


class InUse:
    """What the answers so far amount to.

    Args:
        config: What counts as use.
        mono: Seconds of a clock that never goes back.
        on_problem: Told once for each kind of thing that cannot be measured.
    """

    def __init__(
        self,
        config: AvailabilityConfig,
        mono: Callable[[], float],
        on_problem: Callable[[str, str], None],
    ) -> None:
        self._config = config
        self._mono = mono
        self._on_problem = on_problem
        self._lock = threading.Lock()
        self._awaited = {
            key
            for key, limit in (("vram", config.others_vram_gb), ("input", config.input_idle_s))
            if limit is not None
        }
        self._told: set[str] = set()
        self._over_times = 0
        self._others_gb = 0.0
        self._idle_s = math.inf
        self._last_mono: float | None = None
        """When it was in use last; ``None``: never, or long enough ago."""

    def tell_vram(self, others_gb: float | None, problem: str = "the card") -> None:
        """What other programs than the backend hold of the card; ``None``: not known now."""
        limit = self._config.others_vram_gb
        if limit is None:
            return
        with self._lock:
            self._awaited.discard("vram")
            is_over = others_gb is not None and others_gb >= limit
            self._over_times = self._over_times + 1 if is_over else 0
            self._others_gb = others_gb or 0.0
            if self._uses_card:
                self._last_mono = self._mono()
        if others_gb is None:
            self._report("others_vram_gb", problem)

    def tell_input(self, seen: InputSeen | None) -> None:
        """What is known of the last input; ``None``: the system has not answered yet."""
        limit = self._config.input_idle_s
        if limit is None or seen is None:
            return
        with self._lock:
            self._awaited.discard("input")
            self._idle_s = math.inf if seen.idle_s is None else seen.idle_s
            if self._idle_s < limit:
                last = self._mono() - self._idle_s
                self._last_mono = last if self._last_mono is None else max(last, self._last_mono)
        if seen.problem is not None:
            self._report("input_idle_s", seen.problem)

    @property
    def is_unsure(self) -> bool:
        """True until everything that counts as use was asked about once."""
        with self._lock:
            return bool(self._awaited)

    @property
    def why(self) -> str | None:
        """How it is in use, for people; ``None`` if it is not."""
        with self._lock:
            if self._uses_card:
                return f"{self._others_gb:.1f} GB of the card held by other programs"
            if self._idle_s < (self._config.input_idle_s or 0.0):
                return f"input {self._idle_s:.0f} s ago"
            if self._last_mono is None:
                return None
            since_s, after_s = self._mono() - self._last_mono, self._config.resume_after_s
            if since_s >= after_s:
                self._last_mono = None
                return None
            return f"was used {since_s:.0f} s ago, free after {after_s:g} s"

    @property
    def _uses_card(self) -> bool:
        return self._over_times >= _SURE_TIMES or (
            self._over_times > 0 and self._last_mono is not None
        )

    def _report(self, what: str, problem: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._on_problem(what, problem)
