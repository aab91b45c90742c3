"""The pulse: the thread that shows life and watches what others want, however busy or hung the work is.

Every ``heartbeat_s`` it writes the worker's heartbeat and that of each of its attempts: the one in work, and one that may be on its
way to the share. Every ``LOOK_S`` it asks whether each is still its own and whether somebody wants it cancelled. The work itself runs
in other threads and only reads what the pulse found.

Guarantees: ``silent_s`` grows while no heartbeat reaches the share, also while a call on a hung mount does not return; the agent fences
itself by it. Does not stop anything by itself.
"""

import threading
from collections.abc import Callable
from functools import partial

from spoolctl.spool import Actor, Claim, Life, Ownership, Standing

LOOK_S = 1.0


class Watched:
    """An attempt for which the pulse beats, and what it found of it."""

    def __init__(self, claim: Claim, ownership: Ownership) -> None:
        self.claim = claim
        self.ownership = ownership
        self.standing = Standing.MINE
        """What the last look at the attempt found; the first answer that is not ``MINE`` stays."""


class Pulse:
    """One worker's heartbeats and its eyes on its own attempts."""

    def __init__(self, actor: Actor, life: Life, heed: Callable[[], None] = lambda: None) -> None:
        """``heed`` is called with every heartbeat: what people ask of the worker is heard while a job runs, too."""
        self._actor = actor
        self._life = life
        self._heed = heed
        self._look_s = min(LOOK_S, actor.settings.heartbeat_s)
        self._stop = threading.Event()
        self._is_due = False
        self._lock = threading.Lock()
        self._watched: tuple[Watched, ...] = ()
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

    def watch(self, claim: Claim) -> Watched:
        """Beat for this attempt too, from now on."""
        watched = Watched(claim, Ownership(self._actor, claim, self._life))
        with self._lock:
            if not self._watched:  # for another attempt the silence goes on
                self._written_mono = self._actor.clock.mono()
            self._watched = (*self._watched, watched)
        return watched

    def unwatch(self, watched: Watched) -> None:
        """Beat for this attempt no more."""
        with self._lock:
            self._watched = tuple(one for one in self._watched if one is not watched)

    def beat_soon(self) -> None:
        """Write the next heartbeat at the next look: what it tells has changed, and others choose by it."""
        self._is_due = True

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
            for one in watched:
                self._try(partial(self._look, one))
            if self._is_due:
                self._is_due, next_beat = False, now
            if now >= next_beat and self._try(partial(self._beat, watched)):
                self._try(self._heed)
                next_beat = self._actor.clock.mono() + self._actor.settings.heartbeat_s
            self._stop.wait(self._look_s)

    def _try(self, what: Callable[[], None]) -> bool:
        try:
            what()
        except Exception as error:  # noqa: BLE001 - a pulse that dies of a fault looks like a dead worker
            self._actor.log("pulse.missed", error=repr(error), silent_s=round(self.silent_s, 1))
            return False
        return True

    def _look(self, watched: Watched) -> None:
        found = watched.ownership.look()
        if watched.standing is Standing.MINE:
            watched.standing = found
        if found is not Standing.MINE:
            self._actor.log("pulse.standing", job=watched.claim.name, standing=found.value)

    def _beat(self, watched: tuple[Watched, ...]) -> None:
        self._life.beat()
        for one in watched:
            if one.standing is not Standing.SUPERSEDED:
                claim = one.claim
                self._life.beat_attempt(claim.name, claim.number, claim.job_class)
        self._written_mono = self._actor.clock.mono()
