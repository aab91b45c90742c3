"""Who acts: the ports, the spool's settings and a token of one's own, handed to every step.

An ``Actor`` is one life of a worker, a controller, or one call of the command line. Its ``session`` is drawn anew for each
life and never used twice, because an old life's late publish would otherwise carry "my" token.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from spoolctl.spool import layout
from spoolctl.spool.ports import Clock, Entropy, Files, Host, IsAlive
from spoolctl.spool.records import Settings
from spoolctl.spool.steady import Steady

Log = Callable[..., None]
"""``log(event, **facts)``: one line a decision, stable event names."""


def silent(event: str, **facts: object) -> None:
    """A log that keeps nothing."""
    del event, facts


SHARE_CLOCK_FRESH_S = 300.0


class ShareClock:
    """The share's own clock, read by making a folder and looking at its mtime.

    NFS and SMB servers both stamp a new folder themselves, and its maker sees that stamp at once (240 of 240 on Linux 6.1 over SMB, with
    the server's clock 120 s ahead); a *file's* mtime on SMB is the client's clock. The offset to this machine's monotonic clock is kept
    for a few minutes, so that most readings cost nothing.
    """

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._read_mono = 0.0

    def now_s(self, files: Files, clock: Clock, entropy: Entropy) -> float:
        """Seconds since the epoch by the share's clock.

        Raises:
            OSError: The share did not answer.
        """
        mono = clock.mono()
        if self._offset_s is None or mono - self._read_mono > SHARE_CLOCK_FRESH_S:
            folder = f"{layout.LOCKS}/.clock-{entropy.token()}"
            files.mkdir(folder)
            middle = (mono + clock.mono()) / 2
            self._offset_s = files.stat(folder).mtime_s - middle
            self._read_mono = mono
            try:
                files.rmdir(folder)
            except FileNotFoundError:
                pass  # a lost reply: it is gone, as it should be
        return mono + self._offset_s


def _lives(_pid: int, _started_s: float) -> bool:
    return True


def _at_once(_seconds: float) -> None:
    pass


@dataclass(frozen=True)
class Actor:
    """One life of one process that takes part."""

    session: str
    name: str
    """The worker's name; ``controller-...`` or ``person-...`` for others."""
    files: Files
    clock: Clock
    entropy: Entropy
    host: Host
    settings: Settings
    log: Log = field(default=silent)
    is_alive: IsAlive = field(default=_lives)
    share_clock: ShareClock = field(default_factory=ShareClock)
    steady: Steady = field(default_factory=Steady)
    """What this process has seen of files that may still grow, beside those that are to become jobs."""
    pause: Callable[[float], None] = field(default=_at_once)
    """Waits that many seconds; for commands that look again (``patience``). No other step waits."""

    def utc_now(self) -> datetime:
        """This machine's wall clock, for people only."""
        return datetime.fromtimestamp(self.clock.utc_s(), tz=UTC).replace(microsecond=0)

    def share_now_s(self) -> float:
        """The share's clock, seconds since the epoch; judges ``not_before`` and ``retry_at``.

        Raises:
            OSError: The share did not answer.
        """
        return self.share_clock.now_s(self.files, self.clock, self.entropy)

    def share_day(self) -> str:
        """Today by the share's clock, ``YYYY-MM-DD`` (UTC)."""
        return datetime.fromtimestamp(self.share_now_s(), tz=UTC).date().isoformat()
