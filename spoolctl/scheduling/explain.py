"""Explaining: each known worker against one job: what it would cost there, or every reason why not, with numbers.

Pure, and by the very code with which workers choose. What is said of a worker is as old as its last heartbeat.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from spoolctl.scheduling.closing import never_ends
from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.fit import lacking_gb, misfits
from spoolctl.scheduling.rank import Appraiser, Offer, weighed
from spoolctl.scheduling.seen import JobSeen, WorkerSeen
from spoolctl.scheduling.taking import not_now
from spoolctl.spool import Manifest, Node


@dataclass(frozen=True)
class Known:
    """A worker as somebody who looks once knows it."""

    seen: WorkerSeen
    state: str
    """What it does, in words."""
    is_live: bool
    why: str | None = None
    """Why it does not take jobs, or what else it tells of itself."""
    opens_in_s: float | None = None
    """In how long what it rests for is over by itself; ``None``: not known."""

    @property
    def takes_jobs(self) -> bool:
        """True if it is there and takes jobs."""
        return self.is_live and self.seen.takes_jobs


@dataclass(frozen=True)
class Answer:
    """One worker's answer to one job."""

    worker: str
    state: str
    cannot: tuple[str, ...]
    """Why the job cannot run there whatever happens, as its card is now."""
    not_now: tuple[str, ...]
    """Why it would not be taken there now though it could run."""
    lacks_gb: float | None
    """If memory is all that is missing: how much more it would need."""
    offer: Offer | None
    """What it would cost there; ``None`` where it cannot run."""
    takes_jobs: bool = True
    """False while it takes none at all."""
    opens_in_s: float | None = None
    """Of one that takes none: in how long it does again, if that is foreseen."""


def explain(
    job: JobSeen, known: Iterable[Known], appraiser: Appraiser, previous: Manifest | None = None
) -> list[Answer]:
    """Every worker's answer: those that would take the job first, the best of them first; then those that could; then the rest by name."""
    every = list(known)
    live = [one.seen for one in every if one.is_live]
    answers = [_answer(job, one, live, appraiser, previous) for one in every]
    takers = [one for one in answers if not one.cannot and not one.not_now]
    offers = weighed([one.offer for one in takers if one.offer])
    weighty = {offer.worker.name: offer for offer in offers}
    answers = [replace(one, offer=weighty.get(one.worker, one.offer)) for one in answers]

    def order(answer: Answer) -> tuple[bool, bool, float, str]:
        cost = answer.offer.cost_s(appraiser.rules) if answer.offer else 0.0
        return (bool(answer.cannot), bool(answer.not_now), cost, answer.worker)

    return sorted(answers, key=order)


def _answer(
    job: JobSeen,
    known: Known,
    live: list[WorkerSeen],
    appraiser: Appraiser,
    previous: Manifest | None,
) -> Answer:
    seen = known.seen
    cannot = misfits(job.job, seen.node, previous)
    offer = None
    reasons: list[str] = []
    if not cannot:
        offer = appraiser.offer(job, seen, free_in_s=seen.free_in_s, model=seen.model)
        reasons = [*_reasons(job, known, live, appraiser, previous)]
    return Answer(
        seen.name,
        known.state,
        cannot,
        tuple(reasons),
        lacking_gb(job.job, seen.node, previous) if len(cannot) == 1 else None,
        offer,
        known.takes_jobs,
        known.opens_in_s if known.is_live and not known.takes_jobs else None,
    )


def _reasons(
    job: JobSeen,
    known: Known,
    live: list[WorkerSeen],
    appraiser: Appraiser,
    previous: Manifest | None,
) -> Iterable[str]:
    seen = known.seen
    if not known.takes_jobs:
        yield f"takes no jobs now ({_resting(known)})"
        never = never_ends(job, seen, appraiser)
        if never is not None:
            yield never
    yield from not_now(job, seen, live, appraiser)
    if previous is not None and not previous.final and seen.name in previous.avoid:
        yield "it failed there; others are preferred for a while"


def _resting(known: Known) -> str:
    """The state, and why; "closed until 03:00" says both."""
    if not known.why:
        return known.state
    return known.why if known.why.startswith(known.state) else f"{known.state}: {known.why}"


def advice(job: JobSeen, node: Node, estimates: Estimates) -> str | None:
    """What is thought of the job's need of memory on that card, where the job itself says none: advice, which forbids nothing."""
    need = estimates.vram_gb(job.work, node)
    if job.job.requires.vram_gb or node.vram_gb is None or need.gb <= node.vram_gb:
        return None
    return f"may not have enough memory: about {need.gb:g} of {node.vram_gb:g} GB ({need.source})"
