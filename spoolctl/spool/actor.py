"""Who acts: the ports, the spool's settings and a token of one's own, handed to every step.

An ``Actor`` is one life of a worker, a controller, or one call of the command line. Its ``session`` is drawn anew for each
life and never used twice, because an old life's late publish would otherwise carry "my" token.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from spoolctl.spool.ports import Clock, Entropy, Files, Host
from spoolctl.spool.records import Settings

Log = Callable[..., None]
"""``log(event, **facts)``: one line a decision, stable event names."""


def silent(event: str, **facts: object) -> None:
    """A log that keeps nothing."""
    del event, facts


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

    def utc_now(self) -> datetime:
        """This machine's wall clock, for people only."""
        return datetime.fromtimestamp(self.clock.utc_s(), tz=UTC).replace(microsecond=0)
