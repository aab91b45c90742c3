"""Asking the share again until it lets a worker do what must be done: deliver what is complete, publish a verdict.

Guarantees: ever longer pauses, no end but the one that the caller names or an attempt that a person removed; why it waits is in the
heartbeat.
Does not decide whether the attempt is still the worker's: *give_up* does.
"""

import itertools
from collections.abc import Callable
from typing import TypeVar

from spoolctl.spool import Actor, Claim, Life, layout
from spoolworker.stopping import Stopping

T = TypeVar("T")
_TICK_S = 0.05
_GONE_TIMES = 3
_WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Insisting:
    """One attempt's patience with the share."""

    def __init__(self, actor: Actor, claim: Claim, life: Life, stopping: Stopping) -> None:
        self._actor = actor
        self._claim = claim
        self._life = life
        self._stopping = stopping

    def until_it_works(
        self, what: str, attempt: Callable[[], T], give_up: Callable[[], bool]
    ) -> T | None:
        """Call *attempt* until the share lets it; None if *give_up* says so after a failure."""
        times_gone = 0
        for wait_s in itertools.chain(_WAITS_S, itertools.repeat(_WAITS_S[-1])):
            try:
                return attempt()
            except OSError as error:
                self._actor.log(f"{what}.waits", job=self._claim.name, error=str(error))
                self._life.tell(message=f"cannot {what}: {error}")
            times_gone = times_gone + 1 if self._is_removed() else 0
            if times_gone == _GONE_TIMES or self._wait_or(give_up, wait_s):
                return None
        raise AssertionError("an endless chain ended")

    def _is_removed(self) -> bool:
        """True if a look that sees finds no folder of this attempt: a person removed it, and nothing can be published."""
        try:
            self._actor.files.names(layout.attempt(self._claim.name, self._claim.number))
        except FileNotFoundError:
            return self._life.proves_sight()
        except OSError:
            return False
        return False

    def _wait_or(self, give_up: Callable[[], bool], wait_s: float) -> bool:
        until = self._actor.clock.mono() + wait_s
        while self._actor.clock.mono() < until:
            if give_up():
                return True
            self._stopping.hand_back.wait(_TICK_S)
        return give_up()
