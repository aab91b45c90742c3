"""The pulse: the thread that shows life and watches what others want, however busy or hung the work is.

Every ``heartbeat_s`` it writes the worker's heartbeat and that of its attempt; every ``LOOK_S`` it asks whether the attempt is still
its own and whether somebody wants it cancelled. The work itself runs in other threads and only reads what the pulse found.

Guarantees: ``silent_s`` grows while no heartbeat reaches the share, also while a call on a hung mount does not return; the agent fences
itself by it. Does not stop anything by itself.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from spoolctl.spool import Actor, Claim, Life, Ownership, Standing

T = TypeVar("T")
LOOK_S = 1.0


@dataclass(frozen=True)
class _Watched:
    claim: Claim
    ownership: Ownership


class Pulse:
    """One worker's heartbeats and its eyes on its own attempt."""

    def __init__(self, actor: Actor, life: Life, heed: Callable[[], None] = lambda: None) -> None:
        """``heed`` is called with every heartbeat: what people ask of the worker is heard while a job runs, too."""
        self._actor = actor
        self._life = life
        self._heed = heed
        self._look_s = min(LOOK_S, actor.settings.heartbeat_s)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._watched: _Watched | None = None
        self._standing = Standing.MINE
        self._written_mono = actor.clock.mono()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        # A daemon: a call on a hung mount never returns, and must not keep the process from ending.

    def start(self) -> None:
        """Begin to beat."""
        self._life.is_pulsing = True
        self._written_mono = (
            self._actor.clock.mono()
        )  # waiting for the worker's name may have taken a lease
        self._thread.start()

    def stop(self) -> None:
        """End the pulse, and wait for it as long as one beat may take."""
        self._stop.set()
        self._thread.join(timeout=self._actor.settings.heartbeat_s)

    def watch(self, claim: Claim) -> None:
        """Beat for this attempt too, from now on."""
        with self._lock:
            self._watched = _Watched(claim, Ownership(self._actor, claim, self._life))
            self._standing = Standing.MINE
            self._written_mono = self._actor.clock.mono()

    def unwatch(self) -> None:
        """Beat for the worker alone."""
        with self._lock:
            self._watched = None

    @property
    def standing(self) -> Standing:
        """What the last look at the attempt found; the first answer that is not ``MINE`` stays."""
        return self._standing

    @property
    def silent_s(self) -> float:
        """For how long no heartbeat has reached the share."""
        return self._actor.clock.mono() - self._written_mono

    @property
    def is_fenced(self) -> bool:
        """True once others may have taken this worker for dead."""
        return self.silent_s > self._actor.settings.lease_s

    def _run(self) -> None:
        next_beat = self._actor.clock.mono()
        while not self._stop.is_set():
            now = self._actor.clock.mono()
            with self._lock:
                watched = self._watched
            # Apart: a folder that cannot be read must not keep the heartbeat from being written.
            if watched is not None:
                self._try(self._look, watched)
            if now >= next_beat and self._try(self._beat, watched):
                self._try(lambda _: self._heed(), watched)
                next_beat = self._actor.clock.mono() + self._actor.settings.heartbeat_s
            self._stop.wait(self._look_s)

    def _try(self, what: Callable[[T], None], watched: T) -> bool:
        try:
            what(watched)
        except Exception as error:  # noqa: BLE001 - a pulse that dies of a fault looks like a dead worker
            self._actor.log("pulse.missed", error=repr(error), silent_s=round(self.silent_s, 1))
            return False
        return True

    def _look(self, watched: _Watched) -> None:
        found = watched.ownership.look()
        with self._lock:
            if watched is self._watched and self._standing is Standing.MINE:
                self._standing = found
        if found is not Standing.MINE:
            self._actor.log("pulse.standing", job=watched.claim.name, standing=found.value)

    def _beat(self, watched: _Watched | None) -> None:
        self._life.beat()
        if watched is not None and self._standing is not Standing.SUPERSEDED:
            self._life.beat_attempt(watched.claim.name, watched.claim.number)
        self._written_mono = self._actor.clock.mono()
