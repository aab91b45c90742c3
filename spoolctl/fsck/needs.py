"""I5 of jobs that need others: a need that no job bears, and jobs that need each other in a circle, wait for ever.

Works on a census of all jobs, gathered one by one, since what a job waits for may come later in the look.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from spoolctl.fsck.finding import Finding, Severity, on_its_way
from spoolctl.fsck.look import Look
from spoolctl.fsck.seen import JobSeen
from spoolctl.spool import Place, State, Verdict, When, layout

CIRCLE_MAX = 100
"""Sweeps find no longer circle."""
_PENDING = (State.QUEUE, State.WAITING, State.HELD)


@dataclass(frozen=True)
class Standing:
    """What others need to know of a job."""

    name: str
    path: str
    """Where its record lies; '' if nowhere."""
    place: Place | None
    waits_for: tuple[tuple[str, When], ...] = ()
    """Of a job that may still run: the jobs that it needs, and what has to become of each; empty for others."""
    committed: bool = False
    approved: bool = False
    gone: bool = False
    """Retention removed it, so that nothing more becomes of it."""
    ended: bool = False
    """For good, without a commit."""
    due_s: float | None = None
    """Not before this moment of the share's clock."""
    inputs: frozenset[str] = frozenset()
    in_work: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """The jobs that it needs."""
        return tuple(name for name, _ in self.waits_for)


def standing_of(job: JobSeen) -> Standing:
    """What one job is to the others."""
    own = job.own or job.lying
    place, path = (own[0].location.place, own[0].path) if own else (None, "")
    inputs = frozenset(one.path for one in job.job.inputs if one.path) if job.job else frozenset()
    decided = job.decided
    last = decided.highest if decided else None
    if decided is None:
        return Standing(job.name, path, place, inputs=inputs, in_work=True)
    if decided.pruned is not None:
        committed = decided.pruned.verdict is Verdict.SUCCEEDED
        return Standing(
            job.name, path, place, committed=committed, ended=not committed,
            approved=decided.pruned.approved, gone=True,
        )  # fmt: skip
    committed = last is not None and last.is_commit
    retried = last is not None and last.closed and place is not None and place.state in _PENDING
    ended = last is not None and last.is_final and not committed and not retried
    in_work = last is not None and last.is_open
    runs = not committed and not ended and not in_work and place is not None
    moments = [job.job.not_before] if job.job else []
    if last is not None and last.verdict is not None and not last.is_final:
        moments.append(last.verdict.retry_at)
    return Standing(
        job.name, path, place, tuple(job.job.waits_for.items()) if job.job and runs else (),
        committed, decided.approved, ended=ended, inputs=inputs, in_work=in_work,
        due_s=max((at.timestamp() for at in moments if at is not None), default=None),
    )  # fmt: skip


def needs(look: Look, census: dict[str, Standing]) -> Iterator[Finding]:
    """What waits in vain, and what is due."""
    in_circles: set[str] = set()
    for circle in _circles(census):
        in_circles.update(circle)
        if _fails_by_itself(census, circle[0]):
            what = f"{len(circle)} jobs wait for each other; one of them fails"
            yield on_its_way("fail", census[circle[0]].path, what, job=circle[0])
        else:
            yield _circle(census, circle)
    for one in census.values():
        if one.name not in in_circles and one.place is not None and one.place.state in _PENDING:
            yield from _one(look, census, one)


def _one(look: Look, census: dict[str, Standing], one: Standing) -> Iterator[Finding]:
    waits_for = dict(one.waits_for)
    open_needs = _open_needs(census, one)
    unknown = [need for need in open_needs if need not in census]
    if unknown and not look.is_blind and one.place != layout.HELD:
        yield Finding(
            Severity.STUCK, "unknown-need", "I5", one.path,
            f"it waits for '{unknown[0]}', and there is no such job", ", ".join(unknown),
            f"a person must: submit '{unknown[0]}', or 'spoolctl cancel {one.name}'", one.name,
        )  # fmt: skip
    elif one.place == layout.WAITING and not one.in_work and not one.ended and not one.committed:
        failed = [
            need
            for need in open_needs
            if need == one.name or _is_hopeless(census[need], waits_for[need])
        ]
        due = one.due_s is None or one.due_s <= look.now_s
        if failed:
            what = f"'{failed[0]}', which it needs, failed: it fails too"
            yield on_its_way("fail", one.path, what, job=one.name)
        elif due and not open_needs:
            yield on_its_way("promote", one.path, "it may run now", job=one.name)


def _open_needs(census: dict[str, Standing], one: Standing) -> list[str]:
    return [n for n, when in one.waits_for if n not in census or not _is_met(census[n], when)]


def _is_met(need: Standing, when: When) -> bool:
    if when == "any":
        return need.committed or need.ended
    return need.committed and (need.approved or when == "succeeded")


def _is_hopeless(need: Standing, when: When) -> bool:
    return need.ended or (need.gone and when == "approved")


def _fails_by_itself(census: dict[str, Standing], name: str) -> bool:
    """True if sweeps come to a circle from there: all in ``waiting/``, each for the first job that it lacks (``spool.circles``)."""
    way: list[str] = []
    while name in census and census[name].place == layout.WAITING and name not in way:
        way.append(name)
        lacking = _open_needs(census, census[name])
        name = lacking[0] if lacking else ""
    return name in way and len(way) - way.index(name) <= CIRCLE_MAX


def _circles(census: dict[str, Standing]) -> Iterator[tuple[str, ...]]:
    """Circles of jobs that wait for each other, none twice; a job that needs itself fails by itself and is none."""
    left = {one.name: set(one.needs) - {one.name} for one in census.values()}
    while left := _without_ends(left):
        name, way = min(left), list[str]()
        while name not in way:
            way.append(name)
            name = min(left[name])
        circle = way[way.index(name) :]
        first = circle.index(min(circle))
        yield (*circle[first:], *circle[:first])
        left = {name: needs for name, needs in left.items() if name not in circle}


def _without_ends(left: dict[str, set[str]]) -> dict[str, set[str]]:
    """Those jobs that need one of those jobs: what is left is in a circle, or waits for one."""
    while True:
        fewer = {name: needs & left.keys() for name, needs in left.items() if needs & left.keys()}
        if len(fewer) == len(left):
            return fewer
        left = fewer


def _circle(census: dict[str, Standing], circle: tuple[str, ...]) -> Finding:
    way = " -> ".join((*circle, circle[0]))
    return Finding(
        Severity.STUCK, "circle", "I5", census[circle[0]].path,
        f"{len(circle)} jobs wait for each other for ever: {way}", way,
        f"a person must: cancel one of them ('spoolctl cancel {circle[-1]}'); the others then fail",
        circle[0],
    )  # fmt: skip
