"""A farm to simulate: its workers, the jobs that arrive, and who knows how long work takes there.

Pure. The workers' cards and the jobs are the very records that real ones have, so that what chooses cannot tell the difference.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from spoolctl.scheduling.need import Need
from spoolctl.scheduling.rank import Range, Timing
from spoolctl.scheduling.seen import JobSeen
from spoolctl.scheduling.work import Work
from spoolctl.spool import JobClass, Node, UsageError

LOAD_FIXED_S = 3.0
"""What loading takes beside reading the file: our guess at a common server's."""


@dataclass(frozen=True)
class Exactly:
    """A number that is known."""

    mid: float

    @property
    def high(self) -> float:
        """The same."""
        return self.mid


@dataclass(frozen=True)
class Model:
    """A model as the farm's workers load and run it."""

    name: str
    gb: float
    """Its file's size in units of 2**30 bytes."""
    cost: float = 1.0
    """How much longer a step takes than with the smallest, at the same size of image."""


@dataclass(frozen=True)
class Card:
    """How fast a worker's machine is."""

    speed: float
    """Work per second: steps times megapixels times images of a model of cost 1."""
    load_gb_s: float
    """How fast it loads a model, in units of 2**30 bytes a second."""


@dataclass(frozen=True)
class Speeds:
    """Knows how long work takes by the speed of cards and the cost of models (a ``rank.Timing``).

    Exactly, but for the noise: as on a farm that has run for a while.
    """

    cards: Mapping[str, Card]
    """By worker."""
    models: Mapping[str, Model]
    """By name."""

    def run_s(self, work: Work, node: Node) -> Exactly:
        """The expected time of the work itself."""
        model = self.models.get(work.model or "")
        return Exactly(work.units * (model.cost if model else 1.0) / self.cards[node.worker].speed)

    def load_s(self, model: str | None, node: Node) -> Exactly:
        """The expected time to load a model."""
        known = self.models.get(model or "")
        if known is None:
            return Exactly(0.0)
        return Exactly(LOAD_FIXED_S + known.gb / self.cards[node.worker].load_gb_s)

    def failure_rate(self, work: Work, node: Node) -> Exactly:  # noqa: ARG002 - as the protocol has it
        """Nothing fails in a simulation."""
        return Exactly(0.0)

    def vram_gb(self, work: Work, node: Node) -> Need:  # noqa: ARG002 - as the protocol has it
        """The jobs say themselves what they need."""
        return Need(0.0, "the jobs say it")


@dataclass(frozen=True)
class Alike:
    """A timing for which some workers are as fast as others (a ``rank.Timing``)."""

    timing: Timing
    like: Mapping[str, Node]
    """By worker: the card of the one that it is like."""

    def run_s(self, work: Work, node: Node) -> Range:
        """As on the one that it is like; so the others."""
        return self.timing.run_s(work, self.like.get(node.worker, node))

    def load_s(self, model: str | None, node: Node) -> Range:  # noqa: D102 - as above
        return self.timing.load_s(model, self.like.get(node.worker, node))

    def failure_rate(self, work: Work, node: Node) -> Range:  # noqa: D102 - as above
        return self.timing.failure_rate(work, self.like.get(node.worker, node))

    def vram_gb(self, work: Work, node: Node) -> Need:  # noqa: D102 - as above
        return self.timing.vram_gb(work, self.like.get(node.worker, node))


@dataclass(frozen=True)
class FarmWorker:
    """One worker of the farm."""

    node: Node
    closed: tuple[tuple[float, float], ...] = ()
    """When it takes no jobs: from, to, in seconds of the simulation."""
    model: str | None = None
    """What it has loaded when the simulation begins, by its plain name."""
    free_at_s: float = 0.0
    """Until then it is at work with something that is not simulated."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.node.worker


@dataclass(frozen=True)
class Arrival:
    """A job and when it comes, in seconds of the simulation."""

    at_s: float
    job: JobSeen


@dataclass(frozen=True)
class Farm:
    """Everything that a simulation is given."""

    workers: tuple[FarmWorker, ...]
    arrivals: tuple[Arrival, ...]
    """In the order in which they come; those of one moment in the order of their names."""
    timing: Timing
    noise: float = 0.1
    """How far a job's true time strays from the expected one: the standard deviation of its logarithm."""
    seed: int = 1
    name: str = "farm"
    strays: Mapping[str, float] = field(default_factory=dict)
    """By job: by which factor its true time strays, where that is known."""

    def stray(self, job: JobSeen) -> float:
        """By which factor the job's true time strays, the same for every policy and worker."""
        if job.name in self.strays:
            return self.strays[job.name]
        drawn = random.Random(f"{self.seed}/{job.name}")  # noqa: S311 - a simulation
        return drawn.lognormvariate(0.0, self.noise) if self.noise else 1.0

    def worker(self, name: str) -> FarmWorker:
        """The worker of that name.

        Raises:
            UsageError: There is none.
        """
        found = next((one for one in self.workers if one.name == name), None)
        if found is None:
            known = ", ".join(sorted(one.name for one in self.workers))
            raise UsageError(f"no worker '{name}' in this simulation", hint=f"it has: {known}")
        return found

    def without(self, name: str) -> "Farm":
        """The farm without one of its workers. Raises UsageError if there is none of that name."""
        gone = self.worker(name)
        return replace(self, workers=tuple(one for one in self.workers if one is not gone))

    def reserving(self, name: str, *classes: JobClass) -> "Farm":
        """The farm with a worker that takes only jobs of *classes*; errors as for ``without``."""
        kept = self.worker(name)
        node = kept.node.model_copy(update={"reserved_for": classes, "reserved_until_idle_s": None})
        changed = replace(kept, node=node)
        return replace(self, workers=tuple(changed if one is kept else one for one in self.workers))

    def with_another(self, name: str) -> "Farm":
        """The farm with one more worker like that one, called ``<name>-more``; errors as for ``without``."""
        old, taken = self.worker(name).node, {one.name for one in self.workers}
        more = f"{name}-more"
        while more in taken:
            more += "-more"
        node = old.model_copy(update={"worker": more, "session": f"{more}-s"})
        timing = Alike(self.timing, {more: old})
        return replace(self, workers=(*self.workers, FarmWorker(node)), timing=timing)
