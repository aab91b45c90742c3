"""One job as one look saw it: where its files lie, what is decided, and what each attempt's folder holds.

Pure models. What could not be read is missing here; ``decided`` is then None, and nothing is concluded from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from spoolctl.spool import (
    Actor,
    Attempt,
    Decisions,
    Digest,
    Heartbeat,
    Job,
    Location,
    Manifest,
    Pruned,
    layout,
    sha256_of,
)


class Owner(Enum):
    """What is known of an attempt's owner, or of any writer of a heartbeat."""

    ALIVE = "alive"
    SILENT = "silent for longer than a lease"
    """By two machines' clocks, so only for display."""
    GONE = "gone"
    """Proven: its process is not there any more, or its machine was started anew, or it said that it stopped."""
    UNKNOWN = "unknown"
    """There is no heartbeat that can be read."""


@dataclass(frozen=True)
class Lying:
    """A job's file in a state folder."""

    location: Location
    data: bytes | None
    """None: it is there, and cannot be read."""

    @property
    def path(self) -> str:
        """Where it lies."""
        return self.location.path


@dataclass(frozen=True)
class Tried:
    """One attempt, as its folder shows it."""

    number: int
    entries: frozenset[str]
    verdict: Manifest | None = None
    beat: Heartbeat | None = None

    @property
    def is_open(self) -> bool:
        """True if it has no verdict, readable or not."""
        return layout.MANIFEST not in self.entries

    @property
    def is_readable(self) -> bool:
        """True if its verdict, if there is one, could be read."""
        return self.is_open or self.verdict is not None

    @property
    def is_final(self) -> bool:
        """True if its own verdict, whatever was asked of it later, lets nothing follow unasked."""
        return self.verdict is not None and self.verdict.final and not self.verdict.succeeded


@dataclass(frozen=True)
class JobSeen:
    """Everything that is known of one job."""

    name: str
    lying: tuple[Lying, ...] = ()
    entries: frozenset[str] | None = None
    """Of its results folder; None if there is none."""
    pinned: bytes | None = None
    job: Job | None = None
    tombstone: Pruned | None = None
    attempts: Mapping[int, Tried] = field(default_factory=dict)
    outputs: Mapping[str, Digest | None] = field(default_factory=dict)
    """What lies at each output that a manifest names; the digest's ``sha256`` is '' if nobody asked for it."""

    @property
    def is_pinned(self) -> bool:
        """True if it has a pinned record, readable or not."""
        return self.entries is not None and layout.RECORD in self.entries

    @property
    def is_approved(self) -> bool:
        """True if something lies where an approval does."""
        return self.entries is not None and layout.APPROVED in self.entries

    @property
    def last(self) -> Tried | None:
        """The highest attempt."""
        return self.attempts[max(self.attempts)] if self.attempts else None

    @property
    def pruned(self) -> Pruned | None:
        """The tombstone, unless a higher attempt says that a retry was quicker (``decisions`` reads it so too)."""
        there = self.tombstone
        return None if there and max(self.attempts, default=0) > there.attempt else there

    @property
    def decided(self) -> Decisions | None:
        """What is decided; None if something is that cannot be read."""
        has_tombstone = self.entries is not None and layout.PRUNED in self.entries
        if has_tombstone and self.tombstone is None:
            return None
        last = self.last
        if self.pruned is not None or last is None:
            return Decisions(self.name, self.is_pinned, None, self.pruned, self.is_approved)
        if not last.is_readable:
            return None
        asked, closed = layout.CANCEL in last.entries, layout.CLOSED in last.entries
        return Decisions(
            self.name, self.is_pinned, Attempt(last.number, last.verdict, asked, closed),
            approved=self.is_approved,
        )  # fmt: skip

    @property
    def own(self) -> tuple[Lying, ...]:
        """Its records: the files that bear its name and hold its bytes, as far as these are known."""
        return tuple(one for one in self.lying if self._is_own(one))

    @property
    def foreign(self) -> tuple[Lying, ...]:
        """Files that bear its name and hold other bytes."""
        return tuple(one for one in self.lying if not self._is_own(one))

    def _is_own(self, one: Lying) -> bool:
        if self.pinned is not None:
            return one.data == self.pinned
        sha256 = self.pruned.record_sha256 if self.pruned else None
        return sha256 is None or (one.data is not None and sha256_of(one.data) == sha256)


def owner_of(beat: Heartbeat | None, actor: Actor, now_s: float, *, moved: bool = False) -> Owner:
    """What one look tells of a heartbeat's writer.

    Args:
        beat: The heartbeat.
        actor: Who looks; of a process on its own machine it knows for sure.
        now_s: The share's clock.
        moved: The heartbeat's counter grew since an earlier look.
    """
    if beat is None:
        return Owner.UNKNOWN
    if beat.is_stopped:
        return Owner.GONE
    if beat.host_id == actor.host.host_id:
        here = beat.boot_id == actor.host.boot_id and actor.is_alive(beat.pid, beat.started_s)
        return Owner.ALIVE if here else Owner.GONE
    silent_s = now_s - beat.written_at.timestamp()
    return Owner.ALIVE if moved or silent_s <= actor.settings.lease_s else Owner.SILENT
