"""The other workers, as one worker knows them by their cards and heartbeats: who lives, and what each does now.

Guarantees: a worker counts as company only while its heartbeat grows, by this worker's own clock. Does not guarantee that what a heartbeat
says still holds: it may be a heartbeat old.
"""

from spoolctl.scheduling.seen import WorkerSeen, takes_jobs, worker_seen
from spoolctl.spool import Actor, nodes

COMPANY_BEATS = 3.5
"""For how many heartbeats after its last one another worker counts as company."""


class Company:
    """Who else works here."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._counters: dict[str, int] = {}
        self._takes: frozenset[str] = frozenset()
        self._grew_mono: dict[str, float] = {}
        self._seen: dict[str, tuple[WorkerSeen, float]] = {}

    def meet(self) -> None:
        """Look who is there. Raises OSError if the share did not answer."""
        now = self._actor.clock.mono()
        counters: dict[str, int] = {}
        takes: set[str] = set()
        seen: dict[str, tuple[WorkerSeen, float]] = {}
        for name, (card, beat) in nodes(self._actor).items():
            if name == self._actor.name or beat is None or beat.role != "worker":
                continue
            counters[name] = beat.counter
            if takes_jobs(beat):
                takes.add(name)
            if card is not None and not beat.is_stopped:
                before = self._seen.get(name)
                # The card's own object is kept while it is the same, for what was worked out by it is kept by it, too.
                node = before[0].node if before and before[0].node == card else card
                seen[name] = (worker_seen(node, beat), now)
        # Looks come more often than heartbeats, so that most of them see none grow.
        grew = {n: now for n, c in counters.items() if self._counters.get(n, c) != c}
        self._grew_mono = {n: t for n, t in (self._grew_mono | grew).items() if n in counters}
        for name in seen.keys() & self._seen.keys() - grew.keys():
            seen[name] = (seen[name][0], self._seen[name][1])  # what it says is as old as it was
        self._counters, self._seen, self._takes = counters, seen, frozenset(takes)

    def _lives(self, name: str) -> bool:
        lately = self._actor.clock.mono() - COMPANY_BEATS * self._actor.settings.heartbeat_s
        return self._grew_mono.get(name, float("-inf")) >= lately

    @property
    def others(self) -> list[WorkerSeen]:
        """The workers whose heartbeat has grown lately, as they are expected to be now."""
        now = self._actor.clock.mono()
        return [
            seen.after(now - at) for name, (seen, at) in self._seen.items() if self._lives(name)
        ]

    @property
    def is_there(self) -> bool:
        """True if another worker that takes jobs lives, whether its card can be read or not."""
        return any(self._lives(name) for name in self._takes)
