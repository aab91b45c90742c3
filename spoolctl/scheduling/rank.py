"""How good each worker is for a job: what the job would cost there, in seconds, part by part.

Pure, and the same code for a worker that chooses, for ``spoolctl explain`` and for the simulator. The best worker is the one with the
lowest cost: when it is free, loading the model (not at all if it is loaded), the run itself, and what the rules of ``spool.yaml`` add.
A cost is an estimate and decides nothing about correctness; that a job *can* run somewhere is for ``fit`` to say.
"""

import fnmatch
from dataclasses import dataclass, replace
from typing import Protocol

from spoolctl.scheduling.fit import misfits
from spoolctl.scheduling.model_names import plain_name
from spoolctl.scheduling.need import Need
from spoolctl.scheduling.seen import JobSeen, WorkerSeen
from spoolctl.scheduling.work import Work
from spoolctl.spool import Choosing, Node

_SHORT_GB = 0.5
"""Needs are rounded to so much; a card that lacks less is not short."""


class Range(Protocol):
    """An estimate: of a time in seconds, or of a share."""

    @property
    def mid(self) -> float: ...  # noqa: D102 - a protocol
    @property
    def high(self) -> float: ...  # noqa: D102 - a protocol


class Timing(Protocol):
    """Who knows how long work takes where, and what it needs."""

    def run_s(self, work: Work, node: Node) -> Range:
        """The work itself, without loading its model."""

    def load_s(self, model: str | None, node: Node) -> Range:
        """Loading a model that is not loaded."""

    def failure_rate(self, work: Work, node: Node) -> Range:
        """The share of attempts at such work that failed there, from 0 to 1."""

    def vram_gb(self, work: Work, node: Node) -> Need:
        """What it needs of the card's memory."""


@dataclass
class Offer:
    """What a job would cost on one worker, in seconds. Not frozen: a plan makes hundreds, and adds to them what only it knows."""

    worker: WorkerSeen
    free_in_s: float
    load_s: float
    run_s: float
    extra_s: float
    """What else counts: a scarce card, failures there, too little memory, no preference."""
    back_s: float = 0.0
    """Loading its present model again afterwards, if that is wanted."""
    worth: float = 1.0
    """What a second of this worker is worth for such work, beside one of the fastest: from 0 to 1."""
    is_short: bool = False
    """True if the work is thought to need more memory than the card has for it."""

    @property
    def ends_in_s(self) -> float:
        """When the job would end there."""
        return self.free_in_s + self.load_s + self.run_s

    def cost_s(self, rules: Choosing) -> float:
        """What decides: the lower, the better."""
        lost_s = self.worth * (self.load_s + self.back_s)
        return self.ends_in_s + self.extra_s + rules.load_weight * lost_s


class Appraiser:
    """Appraises jobs on workers under one spool's rules; remembers what it worked out, as records never change; make it anew now and then.

    Args:
        rules: Of ``spool.yaml``.
        timing: Who knows how long work takes where.
    """

    def __init__(self, rules: Choosing, timing: Timing) -> None:
        self.rules = rules
        self.timing = timing
        self._fits: dict[tuple[str, int], tuple[Node, tuple[str, ...]]] = {}
        self._times: dict[tuple[Work, int], tuple[Node, float, float, Need]] = {}
        self._loads: dict[tuple[str, int], tuple[Node, float]] = {}

    def misfits(self, job: JobSeen, worker: WorkerSeen) -> tuple[str, ...]:
        """Why the job cannot run on that worker as its card says; empty if it can."""
        key = (job.name, id(worker.node))
        known = self._fits.get(key)
        if known is None or known[0] is not worker.node:
            known = self._fits[key] = (worker.node, misfits(job.job, worker.node))
        return known[1]

    def offer(
        self, job: JobSeen, worker: WorkerSeen, *, free_in_s: float, model: str | None
    ) -> Offer:
        """What the job costs on *worker* if that is free in so long, with *model* loaded by then."""
        node = worker.node
        _, run_s, failures, need = self._known(job.work, node)
        wanted = job.work.model
        load_s = 0.0 if wanted == model else self.load_s(wanted, node)
        extra_s = self.rules.failure_weight * failures * run_s
        if node.prefers and not prefers(node, wanted):
            extra_s += self.rules.prefer_s
        needs_gb = job.job.requires.vram_gb or need.gb
        is_short = worker.room_gb is not None and needs_gb >= worker.room_gb + _SHORT_GB
        return Offer(worker, free_in_s, load_s, run_s, extra_s, is_short=is_short)

    def run_s(self, work: Work, node: Node) -> float:
        """The expected time of the work itself there."""
        return self._known(work, node)[1]

    def load_s(self, model: str | None, node: Node) -> float:
        """The expected time of loading a model there that is not loaded; none where any name is a model (sketch)."""
        if model is None or node.models is None:
            return 0.0
        key = (model, id(node))
        known = self._loads.get(key)
        if known is None or known[0] is not node:
            known = self._loads[key] = (node, self.timing.load_s(model, node).mid)
        return known[1]

    def need(self, work: Work, node: Node) -> Need:
        """What the work is thought to need of that card's memory."""
        return self._known(work, node)[3]

    def _known(self, work: Work, node: Node) -> tuple[Node, float, float, Need]:
        key = (work, id(node))
        known = self._times.get(key)
        if known is None or known[0] is not node:
            timing = self.timing
            run_s, failures = timing.run_s(work, node).mid, timing.failure_rate(work, node).mid
            known = self._times[key] = (node, run_s, failures, timing.vram_gb(work, node))
        return known


def prefers(node: Node, model: str | None) -> bool:
    """True if *model* is one that the worker is meant for."""
    return model is not None and any(
        fnmatch.fnmatchcase(model, plain_name(pattern)) for pattern in node.prefers
    )


def weighed(offers: list[Offer]) -> list[Offer]:
    """The same offers for one job, each knowing the others.

    It knows what its worker's time is worth beside the others', and, where memory is short, that the job will have to run again elsewhere.
    """
    shortest = min((offer.run_s for offer in offers), default=0.0)
    again_s = min((offer.ends_in_s for offer in offers if not offer.is_short), default=0.0)
    return [
        replace(
            offer,
            worth=shortest / offer.run_s if offer.run_s else 1.0,
            extra_s=offer.extra_s + again_s * offer.is_short,
        )
        for offer in offers
    ]
