"""What is there to be told of: groups, workers, room, as one look sees them, and what only several looks can tell.

Pure, no clock: each look brings its moment of a clock that never goes back (``mono``). Nothing here is remembered longer than the
process lives; what was told is in ``Notified``.

Guarantees: a worker is silent only if its heartbeat stood still for a lease under eyes that looked all the time; no two machines' clocks
are compared. A worker that rests (paused, closed, in use) and then falls silent was switched off, and is not in trouble.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from spoolctl.spool import Heartbeat, Trouble

PICTURES_S = 600.0
"""How long a group's contact sheet is waited for, where nothing else is said."""
AWAY_LEASES = 2.0
"""How long a backend may be away, as it is while its server starts or is brought up to date: ten minutes by default."""
GONE_LEASES = 0.2
"""How long a process of this machine may be gone, until a service has started it anew: a minute."""
WELL_BEATS = 3
"""How many heartbeats long a worker must be without trouble to be well again: half a minute."""
_BLIND_S = 60.0
"""No gap between two looks is shorter than this and still a hang."""
_RESTS = frozenset({"paused", "closed", "in_use", "draining", "standing_by"})


@dataclass(frozen=True)
class GroupSeen:
    """A group of which something may be told. Moments are seconds since the epoch, ``None``: not known."""

    group: str
    ended: int
    """Jobs, as are the next three."""
    succeeded: int
    failed: int
    cancelled: int
    seconds: float
    """That the winning attempts ran."""
    wall_s: float | None
    last_end_s: float | None
    last_failed_s: float | None
    said: str | None
    """The sums for which its result was written, if these are they: it has ended. ``None``: it goes on."""
    is_settled: bool
    """True if it has ended, nothing more is on its way, and its pictures are made or were waited for."""
    images: int = 0
    codes: Mapping[str, int] = field(default_factory=dict)
    """Of its failures; by their codes."""
    picture: str | None = None
    """Its contact sheet's path on the share."""
    is_singles: bool = False
    """True of the jobs that came alone."""


@dataclass(frozen=True)
class WorkerSeen:
    """How a worker is."""

    how: Trouble | None
    """``None``: well."""
    why: str = ""


@dataclass(frozen=True)
class Room:
    """What the share has room for, in bytes."""

    free: int
    total: int


@dataclass(frozen=True)
class Seen:
    """One look."""

    now_s: float
    """Seconds since the epoch by the share's clock."""
    is_quiet: bool
    """True in quiet hours."""
    groups: tuple[GroupSeen, ...] = ()
    is_busy: bool = False
    """True if something is queued or in work."""
    has_ended: bool = False
    """True if a job has ended since the look before: there was work, however short it was."""
    idle_s: float = 0.0
    """For how long nothing was queued or in work."""
    waiting: int = 0
    """Jobs that wait for something else than a worker."""
    held: int = 0
    workers: Mapping[str, WorkerSeen] = field(default_factory=dict)
    """Of whom it is known how they are."""
    gone: Collection[str] = ()
    """Workers that said good-bye, or were taken away."""
    room: Room | None = None
    """``None``: not known."""


class Settling:
    """Which groups that have ended may be told.

    Args:
        settle_s: How long a group's sums must stay the same: jobs that ended together are merged one after the other.
        pictures_s: How long its contact sheet is waited for.
    """

    def __init__(self, settle_s: float, pictures_s: float = PICTURES_S) -> None:
        self._settle_s, self._pictures_s = settle_s, pictures_s
        self._since: dict[str, tuple[str, float]] = {}

    def see(self, group: str, said: str, mono: float, *, is_shown: bool) -> bool:
        """True if it may be told. *is_shown*: its pictures were made."""
        known = self._since.get(group)
        if known is None or known[0] != said:
            known = self._since[group] = (said, mono)
        since_s = mono - known[1]
        return since_s >= self._settle_s and (is_shown or since_s >= self._pictures_s)

    def forget(self, group: str) -> None:
        """It was told."""
        self._since.pop(group, None)


@dataclass
class _Watched:
    beat: tuple[str, int]
    since: float
    listed: float
    is_alive: bool = False
    """True once it has moved."""
    trouble: Trouble | None = None
    pilot: str | None = None
    """Of a sick worker: the job by which it tries whether it is well."""
    well_since: float | None = None
    away_since: float | None = None


class Workers:
    """What several looks at the heartbeats tell. *lease_s*, *heartbeat_s*: of the spool."""

    def __init__(self, lease_s: float, heartbeat_s: float) -> None:
        self._lease_s = lease_s
        self._away_s, self._gone_s = AWAY_LEASES * lease_s, GONE_LEASES * lease_s
        self._well_s = WELL_BEATS * heartbeat_s
        self._watched: dict[str, _Watched] = {}
        self._looked: float | None = None

    def see(
        self, beats: Mapping[str, Heartbeat], dead: Collection[str], mono: float
    ) -> tuple[dict[str, WorkerSeen], set[str]]:
        """How workers are, as far as it is known, and which said good-bye.

        Args:
            beats: The last heartbeats of workers, by their names; whoever has none that can be read is left out.
            dead: Those whose process was proven gone, on this very machine.
            mono: Now.
        """
        gap_s = mono - self._looked if self._looked is not None else 0.0
        self._looked = mono
        if gap_s > max(self._lease_s / 2, _BLIND_S):
            for one in self._watched.values():
                one.since = mono  # nobody looked
        found: dict[str, WorkerSeen] = {}
        # Not at once: a listing may be blind.
        gone = {
            name
            for name, one in self._watched.items()
            if name not in beats and mono - one.listed >= self._lease_s
        }
        for name, beat in beats.items():
            if beat.is_stopped:
                gone.add(name)
                continue
            watched = self._watch(name, beat, mono)
            limit_s = self._gone_s if name in dead else self._lease_s
            if mono - watched.since >= limit_s:
                self._fell_silent(found, gone, name, beat, dead)
            elif watched.is_alive:
                self._lives(found, name, beat, mono)
        for name in gone:
            self._watched.pop(name, None)
        return found, gone

    def _watch(self, name: str, beat: Heartbeat, mono: float) -> _Watched:
        now = (beat.session, beat.counter)
        watched = self._watched.get(name)
        if watched is None:
            watched = self._watched[name] = _Watched(now, mono, mono)
        elif watched.beat != now:
            watched.beat, watched.since, watched.is_alive = now, mono, True
        watched.listed = mono
        return watched

    def _fell_silent(
        self,
        found: dict[str, WorkerSeen],
        gone: set[str],
        name: str,
        beat: Heartbeat,
        dead: Collection[str],
    ) -> None:
        if beat.name is None and beat.state in _RESTS:
            gone.add(name)
            return
        what = "its process is gone" if name in dead else f"no heartbeat for {self._lease_s:.0f} s"
        last = f"its last word: {beat.state}" + (f", with '{beat.name}'" if beat.name else "")
        watched = self._watched[name]
        watched.trouble, watched.well_since = "silent", None
        found[name] = WorkerSeen("silent", f"{what}; {last}")

    def _lives(self, found: dict[str, WorkerSeen], name: str, beat: Heartbeat, mono: float) -> None:
        watched = self._watched[name]
        if beat.state == "waiting":
            watched.well_since = None
            watched.away_since = mono if watched.away_since is None else watched.away_since
            if mono - watched.away_since >= self._away_s:
                watched.trouble = "away"
                found[name] = WorkerSeen("away", beat.message or "its backend does not answer")
            return
        watched.away_since = None
        if beat.state == "sick":
            watched.trouble, watched.pilot, watched.well_since = "sick", None, None
            found[name] = WorkerSeen("sick", beat.message or "different jobs failed in a row")
        elif watched.trouble is None:
            found[name] = WorkerSeen(None)
        elif not self._is_pilot(watched, beat):
            watched.well_since = mono if watched.well_since is None else watched.well_since
            if mono - watched.well_since >= self._well_s:
                watched.trouble = None
                found[name] = WorkerSeen(None)

    @staticmethod
    def _is_pilot(watched: _Watched, beat: Heartbeat) -> bool:
        """True while a sick worker tries one job: that it runs says nothing yet."""
        if watched.trouble != "sick" or beat.name is None:
            return False
        if watched.pilot is None:
            watched.pilot = beat.name
        if watched.pilot != beat.name:
            return False
        watched.well_since = None
        return True


class Idleness:
    """For how long nothing was queued and nobody at work."""

    def __init__(self) -> None:
        self._since: float | None = None

    def see(self, mono: float, *, is_busy: bool) -> float:
        """Seconds, 0 if it is busy."""
        if is_busy:
            self._since = None
            return 0.0
        self._since = mono if self._since is None else self._since
        return mono - self._since
