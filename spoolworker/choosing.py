"""Choosing the next job: class by class, in name order, the first that this worker may and can run.

Only the heads of the queues are opened; a record that was passed over is not opened again for a while, so that a wall of jobs which
this worker cannot run hides no other, however long it is. Whether a record may be claimed is the protocol's to say (``spool.claim``).

Guarantees: the order is the file names' order, which people see; a bounded number of files is opened in one look.
"""

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from spoolctl.scheduling.fit import misfits
from spoolctl.spool import (
    Actor,
    Admission,
    Admitted,
    BadRecord,
    Claim,
    Fronts,
    Heartbeat,
    Job,
    Life,
    Location,
    Manifest,
    Node,
    NotAdmitted,
    NotClaimed,
    Place,
    SpoolError,
    Stage,
    claim,
    layout,
    nodes,
)
from spoolworker.backends.base import BackendError
from spoolworker.models import stages_here

OPENED_MAX = 32
AGAIN_MAX = 8
"""Of these, how many in each queue may be records that were passed over before; the rest is for what was never opened."""
COMPANY_BEATS = 3.5
"""For how many heartbeats after its last one another worker counts as company."""
_PASSED_MAX = 20_000
_AGAIN_S = {
    NotAdmitted.GONE: 0.0,
    NotAdmitted.REJECTED: 0.0,
    NotAdmitted.GROWING: 0.0,
    NotAdmitted.NEWER: 60.0,
    NotClaimed.TAKEN: 2.0,
    NotClaimed.OPEN: 2.0,
    NotClaimed.SETTLED: 1.0,
    NotClaimed.HELD_BACK: 1.0,
    NotClaimed.REJECTED: 0.0,
    NotClaimed.UNSUITED: 5.0,
    NotClaimed.NO_TOKEN: 5.0,
}
"""For how long a record is passed over after each answer, in seconds."""
_MISFIT_AGAIN_S = 60.0


@dataclass
class Look:
    """What one look at the queues found."""

    claimed: Claim | None = None
    growing: int = 0
    """Files that may become jobs in a moment; a worker that drains waits for them."""


class Chooser:
    """One worker's view of the queues."""

    def __init__(
        self,
        actor: Actor,
        life: Life,
        admission: Admission,
        node: Node,
        lacks: Callable[[Sequence[Stage]], tuple[str, ...]] = lambda _stages: (),
    ) -> None:
        self._actor = actor
        self._life = life
        self._admission = admission
        self.node = node
        self._lacks = lacks
        self._fronts = Fronts(actor)
        self._passed: dict[str, float] = {}
        self._avoided_since: dict[str, float] = {}
        self._counters: dict[str, int] = {}
        self._grew_mono: dict[str, float] = {}
        self.has_company = False
        """True if another worker's heartbeat has grown lately, by this worker's own clock."""

    def look(self) -> Look:
        """Go through the queues' heads until something is claimed.

        Raises:
            OSError: A queue could not be listed.
        """
        look = Look()
        opened = 0
        for location in self._heads():
            if opened >= OPENED_MAX:
                break
            opened += 1
            try:
                got = self._try(location)
            except (OSError, SpoolError) as error:
                self._actor.log("choose.trouble", file=location.path, error=str(error))
                self._pass_over(location, 5.0)
                continue
            if isinstance(got, Claim):
                look.claimed = got
                return look
            look.growing += got is NotAdmitted.GROWING
        return look

    def meet(self) -> None:
        """See who else works here. Raises OSError if the share did not answer."""
        seen: dict[str, int] = {}
        for name, (_, beat) in nodes(self._actor).items():
            if name != self._actor.name and _works(beat):
                seen[name] = beat.counter if beat else 0
        now = self._actor.clock.mono()
        # Looks come more often than heartbeats, so that most of them see none grow.
        grew = {n: now for n, c in seen.items() if self._counters.get(n, c) != c}
        self._grew_mono = {n: t for n, t in (self._grew_mono | grew).items() if n in seen}
        lately = now - COMPANY_BEATS * self._actor.settings.heartbeat_s
        self.has_company = any(t >= lately for t in self._grew_mono.values())
        self._counters = seen

    def _heads(self) -> Iterator[Location]:
        for place in layout.QUEUES:
            paths = self._fronts.paths(place, self._passed)
            if len(self._passed) > _PASSED_MAX:
                self._forget_gone(place, set(paths))
            now = self._actor.clock.mono()
            due = [path for path in paths if self._passed.get(path, math.inf) <= now]
            # Those that waited longest first. If all of them were, the same ones would fill every look, and a wall of
            # a few thousand hid what lies behind it for ever.
            again = set(heapq.nsmallest(AGAIN_MAX, due, key=self._passed.__getitem__))
            for path in paths:
                if path in self._passed and path not in again:
                    continue
                location = layout.location_of(path)
                if location is not None:
                    yield location

    def _forget_gone(self, place: Place, there: set[str]) -> None:
        inside = f"{place.folder}/"
        self._passed = {
            path: t
            for path, t in self._passed.items()
            if not path.startswith(inside) or path in there
        }

    def _try(self, location: Location) -> Claim | NotAdmitted | NotClaimed:
        admitted = self._admission.admit(self._actor, location)
        if not isinstance(admitted, Admitted):
            if admitted is NotAdmitted.GONE:
                self._fronts.gone(location.path)
            self._pass_over(location, _AGAIN_S[admitted])
            return admitted
        reasons = self._misfits(admitted.job)
        if reasons:
            self._actor.log("misfit", job=location.name, reasons=list(reasons))
            self._pass_over(location, _MISFIT_AGAIN_S)
            return NotClaimed.UNSUITED
        got = claim(self._actor, admitted, self._life, self._suits)
        if isinstance(got, Claim):
            self._fronts.gone(location.path)
        else:
            self._pass_over(location, _AGAIN_S[got])
        return got

    def _misfits(self, job: Job, previous: Manifest | None = None) -> tuple[str, ...]:
        try:
            return misfits(job, self.node, previous) or self._lacks(stages_here(job, self.node))
        except BackendError as error:
            return (str(error),)
        except BadRecord:
            return ()  # nobody can run it: whoever claims it says so in its verdict (bad_job)

    def _pass_over(self, location: Location, for_s: float) -> None:
        if for_s > 0:
            self._passed[location.path] = self._actor.clock.mono() + for_s

    def _suits(self, job: Job, previous: Manifest | None) -> bool:
        """The last question before an attempt is made, now that the verdict before it is known."""
        if previous is None:
            return True
        reasons = self._misfits(job, previous)
        if reasons:
            self._actor.log("misfit", job=previous.name, reasons=list(reasons))
            return False
        if self._actor.name not in previous.avoid or previous.final:
            return True
        now = self._actor.clock.mono()
        since = self._avoided_since.setdefault(f"{previous.name}/{previous.attempt}", now)
        return not self.has_company or now - since >= self._actor.settings.retry.avoid_s


def _works(beat: Heartbeat | None) -> bool:
    """True if it could take a job: not one whose backend is away ("waiting"), nor one that will rest once its job is done."""
    if beat is None or beat.role != "worker" or beat.rests is not None:
        return False
    return beat.state not in ("stopped", "paused", "waiting", "sick")
