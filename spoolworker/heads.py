"""The heads of the queues as one worker knows them: which jobs wait there, since when, and how often each was passed over.

Guarantees: a record is opened once for as long as it stays in front (and once more by whoever claims it), a bounded number of them in one
look; what does not fit is not opened again for a while, so that a wall of jobs that this worker cannot run hides no other. Does not
guarantee that a record is still as it was when it was opened: ``admit`` reads it again.
"""

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

from spoolctl.scheduling.seen import LATER, LATER_EACH, WINDOW, JobSeen
from spoolctl.scheduling.turns import Line, line_of
from spoolctl.scheduling.work import Work, work_of
from spoolctl.spool import (
    Actor,
    Admission,
    Admitted,
    BadRecord,
    Fronts,
    Job,
    JobClass,
    Location,
    NotAdmitted,
    SpoolError,
    layout,
)

OPENED_MAX = 32
"""How many records one look opens."""
FIRST_MAX = 8
"""How many that suit are enough for the very first look at a queue: a worker that has just come should begin soon."""
AGAIN_MAX = 8
"""Of these, how many in each queue may be records that were passed over before; the rest is for what was never opened."""
TROUBLE_AGAIN_S = 5.0
PARKED_MAX = 500
"""How many records that only have to wait are remembered as they are; beyond that they are opened again."""
_PASSED_MAX = 20_000
_WORKS_MAX = 1_000
_AGAIN_S = {
    NotAdmitted.GONE: 0.0,
    NotAdmitted.REJECTED: 0.0,
    NotAdmitted.GROWING: 0.0,
    NotAdmitted.NEWER: 60.0,
}
"""For how long a record is passed over after each answer, in seconds."""


@dataclass
class Head:
    """A job that waits in front of a queue."""

    admitted: Admitted
    job: JobSeen | None
    """``None``: its stages cannot be read; whoever claims it says so in its verdict."""
    line: Line
    since_mono: float
    is_fresh: bool = True
    """True while what was read was read in this very look."""
    passed: int = 0
    left_mono: float | None = None
    """Since when it is left to a better worker."""


class Heads:
    """One worker's memory of the heads of the queues."""

    def __init__(self, actor: Actor, admission: Admission) -> None:
        self._actor = actor
        self._admission = admission
        self._fronts = Fronts(actor, enough=WINDOW, shelves=LATER, each=LATER_EACH)
        self._heads: dict[JobClass, dict[str, Head]] = {}
        self._shown: dict[JobClass, dict[str, Head]] = {}
        self._passed: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._parked: dict[str, Head] = {}
        # What is equal is made one: what is known of work is looked up by it, and to compare takes long.
        self._works: dict[Work, Work] = {}
        self.budget = OPENED_MAX
        """How many records may be opened yet in this look."""
        self.growing = 0
        """Files that may become jobs in a moment, in this look."""
        self.behind = 0
        """About how many jobs lie behind the heads of the queue that was looked at last."""

    def wanted_but(self, job_class: JobClass) -> set[str | None]:
        """The models that jobs in front of the other queues need, as they were seen last."""
        return {
            head.job.work.model
            for other, heads in self._heads.items()
            if other != job_class
            for head in heads.values()
            if head.job is not None
        }

    def begin(self) -> None:
        """Begin a look."""
        self.budget, self.growing = OPENED_MAX, 0

    def look(self, job_class: JobClass, suits: Callable[[Location, Job], bool]) -> dict[str, Head]:
        """The heads of one queue that suit this worker, by path, in the order of their names; of each line those without a gap.

        Raises:
            OSError: The queue could not be listed.
        """
        queue = layout.queue(job_class)
        front = self._fronts.front(queue, self._passed)
        paths = [*front.paths, *itertools.chain.from_iterable(front.later)]
        now = self._actor.clock.mono()
        if max(len(self._passed), len(self._since)) > _PASSED_MAX:
            self._forget_gone(queue.folder, set(paths))
        known = self._heads.get(job_class, {}) | self._unparked(queue.folder, set(paths))
        due = [path for path in paths if self._passed.get(path, math.inf) <= now]
        # Those that waited longest first. If all of them were, the same ones would fill every look, and a wall of
        # a few thousand hid what lies behind it for ever.
        again = set(heapq.nsmallest(AGAIN_MAX, due, key=self._passed.__getitem__))
        heads: dict[str, Head] = {}
        self.behind = front.behind
        enough = math.inf if job_class in self._heads else FIRST_MAX
        for path in paths:
            if path in known and path not in self._passed:
                heads[path] = known[path]
                heads[path].is_fresh = False
            elif len(heads) >= enough or self.budget == 0:
                self.behind += path not in self._passed
                continue  # a known one may lie behind it
            elif path not in self._passed or path in again:
                self.budget -= 1
                head = self._open(path, job_class, suits)
                if head is not None:
                    heads[path] = head
        self._count_passed(self._shown.get(job_class, {}), heads, set(paths))
        self._heads[job_class] = heads
        self._shown[job_class] = _without_gaps(heads, front.paths, front.later)
        return self._shown[job_class]

    def waited_s(self, path: str) -> float:
        """For how long this worker has seen a record wait, whatever it made of it in between."""
        now = self._actor.clock.mono()
        return now - self._since.get(path, now)

    def seen(self, head: Head) -> JobSeen | None:
        """The job as it waits now."""
        job = head.job
        if job is None:
            return None
        now = self._actor.clock.mono()
        left_s = 0.0 if head.left_mono is None else now - head.left_mono
        # Made anew for every head in every look; ``replace`` takes thrice as long.
        return JobSeen(
            job.name, job.job, job.job_class, job.work, now - head.since_mono, head.passed, left_s
        )

    def admit(self, head: Head) -> Admitted | None:
        """The record as it is now; ``None`` if it is no job any more or another than it was: the next look sees it anew.

        Raises:
            OSError: The share did not answer.
        """
        location = head.admitted.location
        if head.is_fresh:
            return head.admitted
        found = self._admission.admit_again(self._actor, head.admitted)
        if isinstance(found, Admitted) and found.data == head.admitted.data:
            return found
        if found is NotAdmitted.GONE:
            self._fronts.gone(location.path)
        self.drop(location.path)
        return None

    def drop(self, path: str) -> None:
        """Forget a record: it is claimed, gone, or another than it was."""
        for heads in (*self._heads.values(), *self._shown.values()):
            heads.pop(path, None)

    def claimed(self, path: str) -> None:
        """It was claimed and lies there no more; those before it count as passed over."""
        self._fronts.gone(path)
        self._since.pop(path, None)

    def pass_over(self, path: str, for_s: float) -> None:
        """Do not open it again for so long."""
        self.drop(path)
        if for_s > 0:
            self._passed[path] = self._actor.clock.mono() + for_s

    def park(self, path: str, head: Head, for_s: float) -> None:
        """Do not show it for so long; it need not be opened again then."""
        self.pass_over(path, for_s)
        if len(self._parked) < PARKED_MAX:
            self._parked[path] = head

    def _unparked(self, folder: str, there: set[str]) -> dict[str, Head]:
        """Those of one queue whose time has come; what is not there any more, or not in sight, is forgotten."""
        inside, now = f"{folder}/", self._actor.clock.mono()
        due = [
            path
            for path in self._parked
            if path.startswith(inside) and self._passed.get(path, 0.0) <= now
        ]
        heads = {path: self._parked.pop(path) for path in due}
        for path in heads.keys() & there:
            self._passed.pop(path, None)
        return {path: head for path, head in heads.items() if path in there}

    def _open(
        self, path: str, job_class: JobClass, suits: Callable[[Location, Job], bool]
    ) -> Head | None:
        location = layout.location_of(path)
        if location is None:
            return None
        self._passed.pop(path, None)
        try:
            admitted = self._admission.admit(self._actor, location)
        except (OSError, SpoolError) as error:
            self._actor.log("choose.trouble", file=path, error=str(error))
            self.pass_over(path, TROUBLE_AGAIN_S)
            return None
        if not isinstance(admitted, Admitted):
            if admitted is NotAdmitted.GONE:
                self._fronts.gone(path)
            self.growing += admitted is NotAdmitted.GROWING
            self.pass_over(path, _AGAIN_S[admitted])
            return None
        self._since.setdefault(path, self._actor.clock.mono())
        if not suits(location, admitted.job):
            return None
        return self._head(admitted, job_class)

    def _head(self, admitted: Admitted, job_class: JobClass) -> Head:
        since = self._since.get(admitted.location.path, self._actor.clock.mono())
        try:
            work = work_of(admitted.job)
            if len(self._works) > _WORKS_MAX:
                self._works.clear()
            work = self._works.setdefault(work, work)
        except BadRecord:
            return Head(admitted, None, (job_class,), since)
        job = JobSeen(admitted.location.name, admitted.job, job_class, work)
        return Head(admitted, job, line_of(job, self._actor.settings.choosing), since)

    def _count_passed(self, before: dict[str, Head], now: dict[str, Head], there: set[str]) -> None:
        """Whoever is gone was taken before all older ones of its line that are still there, by whichever worker."""
        gone: dict[Line, int] = {}
        for path in reversed(before):
            head = before[path]
            if path in now:
                now[path].passed += gone.get(head.line, 0)
            elif path not in there:
                gone[head.line] = gone.get(head.line, 0) + 1

    def _forget_gone(self, folder: str, there: set[str]) -> None:
        inside = f"{folder}/"
        for remembered in (self._passed, self._since):
            for path in [one for one in remembered if one.startswith(inside) and one not in there]:
                del remembered[path]


def _without_gaps(
    heads: dict[str, Head], first: list[str], later: list[list[str]]
) -> dict[str, Head]:
    """Of what comes later only lines that begin there: between two shelves of one line lie jobs that nobody sees, to be passed over."""
    shown = {path: heads[path] for path in first if path in heads}
    for paths in later:
        lines = {head.line for head in shown.values()}
        shown |= {
            path: heads[path] for path in paths if path in heads and heads[path].line not in lines
        }
    return shown
