"""A farm to simulate: its workers, its models, the jobs that arrive, and how long work takes there.

Pure. The workers' cards and the jobs are the very records that real ones have, so that what chooses cannot tell the difference.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from spoolctl.scheduling.seen import JobSeen
from spoolctl.scheduling.work import Work
from spoolctl.spool import Node

LOAD_FIXED_S = 3.0
"""What loading takes beside reading the file: our guess at a common server's."""


@dataclass(frozen=True)
class Exactly:
    """A time in seconds that is known."""

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
class FarmWorker:
    """One worker of the farm."""

    node: Node
    speed: float
    """Work per second: steps times megapixels times images of a model of cost 1."""
    load_gb_s: float
    """How fast it loads a model, in units of 2**30 bytes a second."""
    closed: tuple[tuple[float, float], ...] = ()
    """When it takes no jobs: from, to, in seconds of the simulation."""


@dataclass(frozen=True)
class Arrival:
    """A job and when it comes, in seconds of the simulation."""

    at_s: float
    job: JobSeen


@dataclass(frozen=True)
class Farm:
    """Everything that a simulation is given."""

    workers: tuple[FarmWorker, ...]
    models: Mapping[str, Model]
    arrivals: tuple[Arrival, ...]
    noise: float = 0.1
    """How far a job's true time strays from the expected one: the standard deviation of its logarithm."""
    seed: int = 1
    name: str = "farm"
    _by_node: dict[str, FarmWorker] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._by_node.update({one.node.worker: one for one in self.workers})

    # What is expected (``rank.Outlook``): known exactly, as on a farm that has run for a while.

    def run_s(self, work: Work, node: Node) -> Exactly:
        """The expected time of the work itself."""
        model = self.models.get(work.model or "")
        return Exactly(
            work.units * (model.cost if model else 1.0) / self._by_node[node.worker].speed
        )

    def load_s(self, model: str | None, node: Node) -> Exactly:
        """The expected time to load a model."""
        known = self.models.get(model or "")
        if known is None:
            return Exactly(0.0)
        return Exactly(LOAD_FIXED_S + known.gb / self._by_node[node.worker].load_gb_s)

    def failure_rate(self, work: Work, node: Node) -> float:  # noqa: ARG002 - as the protocol has it
        """Nothing fails in a simulation."""
        return 0.0

    def stray(self, job: JobSeen) -> float:
        """By which factor the job's true time strays, the same for every policy and worker."""
        drawn = random.Random(f"{self.seed}/{job.name}")  # noqa: S311 - a simulation
        return drawn.lognormvariate(0.0, self.noise) if self.noise else 1.0
