"""Where a job stands, in words: what is true of it, and of what it waits for.

Guarantees: reads only. Of what a job waits for it tells one step: that other job, the holders of that token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from spoolctl.scheduling.estimates import Estimate, Estimates
from spoolctl.spool import Actor, Heartbeat, Node, NoSuchJob, State, slots
from spoolctl.spool.overview import JobView, view
from spoolctl.spool.waiting import Waiting, needed
from spoolctl.views import liveness
from spoolctl.views.expecting import left_by
from spoolctl.views.plain import duration, moment

Workers = Mapping[str, tuple[Node | None, Heartbeat | None]]


@dataclass(frozen=True)
class Stands:
    """Where a job stands."""

    told: str
    is_next: bool = False
    """True if it lies in a queue and waits for nothing but a worker."""
    is_coming: bool = False
    """True if a worker is to run it, now or later; false for a job that runs or has ended."""
    left: Estimate | None = None
    """Of a running job: how long it still takes, as far as that is known."""


@dataclass(frozen=True)
class Teller:
    """Tells where jobs stand."""

    actor: Actor
    workers: Workers
    estimates: Estimates

    def tell(self, seen: JobView, *, briefly: bool = False) -> Stands:
        """Where a job stands.

        Args:
            seen: What is known of it.
            briefly: Without what it waits for.

        Raises:
            OSError: The share did not tell.
        """
        if seen.problem is not None:
            return Stands(f"cannot be read: {seen.problem}")
        ended = _ended(seen)
        if ended is not None:
            return Stands(ended)
        if not seen.locations:
            return Stands("lies in no folder; 'spoolctl fsck' says more")
        place = seen.locations[0].place
        if place.state is State.CLAIMED:
            return self._at_work(seen)
        if place.state is State.HELD:
            return Stands("is held by a person; 'spoolctl release' lets it go", is_coming=True)
        if place.state is State.WAITING:
            told = "waits" if briefly else f"waits: {self._held_back(seen)}"
            return Stands(told, is_coming=True)
        told = f"waits in {place.folder}"
        if seen.lacks is None:
            return Stands(told, is_next=True, is_coming=True)
        return Stands(
            told if briefly else f"{told} for {seen.lacks}{self._holders(seen)}", is_coming=True
        )

    def _at_work(self, seen: JobView) -> Stands:
        beat, last = seen.beat, seen.attempts[-1] if seen.attempts else None
        if last is not None and last.verdict is not None:
            ended = f"attempt {last.number} has ended ({last.verdict.verdict})"
            return Stands(f"was claimed; {ended}, and the next sweep takes it further")
        if beat is None:
            return Stands("was claimed a moment ago")
        state = liveness.shown_state(self.actor, beat)
        if state in (liveness.GONE, liveness.STOPPED):
            return Stands(f"ran on {beat.worker}, which is gone; the next sweep takes it up again")
        if state == liveness.SILENT:
            silent_s = liveness.age_s(beat, self.actor.utc_now())
            lease_s = self.actor.settings.lease_s
            return Stands(
                f"runs on {beat.worker}, which has been silent for about {duration(silent_s)}; "
                f"after a lease of {duration(lease_s)} another takes it up again"
            )
        if beat.state == "delivering":
            return Stands(f"is being delivered by {beat.worker}")
        card, _ = self.workers.get(beat.worker, (None, None))
        left = left_by(self.actor, self.estimates, card, beat) if card is not None else None
        if left is None:
            return Stands(f"runs on {beat.worker}")
        low, mid, high = (duration(s) for s in (left.low, left.mid, left.high))
        return Stands(f"runs on {beat.worker}, done in about {mid} ({low} to {high})", left=left)

    def _held_back(self, seen: JobView) -> str:
        waiting, last = seen.waiting, seen.attempts[-1].verdict if seen.attempts else None
        if waiting is not None and waiting.problem:
            return waiting.problem
        parts = []
        if waiting is not None and waiting.until is not None:
            parts.append(_until(waiting.until, self.actor.utc_now()))
        if waiting is not None and waiting.need:
            parts.append(f"needs {needed(waiting)}{self._other(waiting)}")
        if last is not None and last.code is not None and not last.final:
            where = f" on {last.worker}" if last.worker else ""
            parts.append(f"attempt {last.attempt} ended{where}: {last.code.value}: {last.message}")
        return "; ".join(parts) or "the next sweep takes it up"

    def _other(self, waiting: Waiting) -> str:
        """What the job that one waits for does itself."""
        told = self._of(waiting.need) if waiting.need and waiting.is_there else None
        return f", which {told}" if told else ""

    def _holders(self, seen: JobView) -> str:
        """What the jobs do that hold a token which one lacks."""
        tokens = seen.job.requires.tokens if seen.job else ()
        every = [list(slots(self.actor, token)) for token in dict.fromkeys(tokens)]
        lacked = next((found for found in every if not any(one.is_free for one in found)), [])
        names = [one.last.name for one in lacked if one.last]
        told = [f"'{name}' {what}" for name in names if (what := self._of(name))]
        return f" ({'; '.join(told)})" if told else ""

    def _of(self, name: str) -> str | None:
        try:
            return self.tell(view(self.actor, name), briefly=True).told
        except NoSuchJob:
            return None


def _ended(seen: JobView) -> str | None:
    """What became of a job that has ended; ``None`` if it has not."""
    if seen.pruned is not None:
        return f"has ended ({seen.pruned.verdict}, {seen.pruned.day}), and retention has removed it"
    last = seen.attempts[-1].verdict if seen.attempts else None
    state = seen.locations[0].place.state if seen.locations else None
    if seen.attempts and seen.attempts[-1].is_commit and state is not State.DONE:
        return "has succeeded; a controller is yet to merge it"
    if state in (State.DONE, State.FAILED, State.CANCELLED):
        why = f": {last.code.value}: {last.message}" if last is not None and last.code else ""
        return f"has ended ({state}){why}"
    return None


def _until(at: datetime, now: datetime) -> str:
    in_s = (at - now).total_seconds()
    if in_s <= 0:
        return "its time has come, and the next sweep takes it up"
    return f"not before {moment(at)}, in {duration(in_s)}"
