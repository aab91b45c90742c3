"""The pace of a worker's sweeps: slower while they find nothing, at once when a process of this machine is seen to be gone.

Guarantees: two sweeps are never further apart than ``SLOWEST`` times ``sweep_s`` (and jitter), so that whatever only a sweep notices
waits no longer; while an attempt is open anywhere, a job waits or anything was moved, they come every ``sweep_s`` as ever. Does not
guarantee that a neighbour's death is seen which claimed since the last sweep; the next one sees it.
"""

from spoolctl.spool import Actor, Sweeper, spread

SLOWEST = 8.0


class Pace:
    """When one worker sweeps next."""

    def __init__(self, actor: Actor, sweeper: Sweeper) -> None:
        self._actor = actor
        self._sweeper = sweeper
        self._rest_s = actor.settings.sweep_s
        self._due_mono = 0.0
        self._meeting_mono = 0.0

    def is_due(self) -> bool:
        """True if it is time. Asks no share."""
        return self._actor.clock.mono() >= self._due_mono or self._sweeper.sees_a_death()

    def may_meet(self) -> bool:
        """True if it is time to see who else works here: seldomer than they beat, and no heartbeat would be seen to grow."""
        return self._actor.clock.mono() >= self._meeting_mono

    def met(self) -> None:
        """The others were looked at."""
        self._meeting_mono = self._actor.clock.mono() + self._actor.settings.heartbeat_s

    def swept(self) -> None:
        """A sweep has ended."""
        often_s = self._actor.settings.sweep_s
        is_quiet = self._sweeper.is_quiet
        self._rest_s = min(2 * self._rest_s, SLOWEST * often_s) if is_quiet else often_s
        rest_s = spread(self._rest_s, self._actor.entropy.fraction())
        self._due_mono = self._actor.clock.mono() + rest_s

    def hurry(self) -> None:
        """Something happens here: sweep as often as ever again, from now on."""
        self._rest_s = self._actor.settings.sweep_s
        self._due_mono = min(self._due_mono, self._actor.clock.mono() + self._rest_s)
