"""What a simulation showed, in the figures by which policies are compared.

Pure.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from spoolctl.scheduling.simulate.farm import Farm
from spoolctl.scheduling.simulate.world import Told
from spoolctl.spool import CLASSES, JobClass


@dataclass(frozen=True)
class Wait:
    """How long the jobs of one class waited, in seconds."""

    jobs: int
    median_s: float
    p95_s: float


@dataclass(frozen=True)
class Summary:
    """What one policy made of a farm."""

    policy: str
    jobs: int
    makespan_s: float
    """From the simulation's begin to the last job's end."""
    waits: dict[JobClass, Wait]
    """Of the classes that have jobs."""
    busy: float
    """The share of all workers' time until the makespan in which they worked, loading not counted; from 0 to 1."""
    switches: int
    """How often a worker loaded another model."""
    passed_max: int
    """How often the job that was passed over most was."""
    never: int
    """Jobs that no worker can run."""


def summarise(policy: str, farm: Farm, told: Told) -> Summary:
    """Put a simulation into figures."""
    makespan_s = max((run.ended_s for run in told.runs), default=0.0)
    worked_s = sum(run.ended_s - run.began_s - run.load_s for run in told.runs)
    waits = {
        job_class: [run.wait_s for run in told.runs if run.job.job_class == job_class]
        for job_class in CLASSES
    }
    return Summary(
        policy=policy,
        jobs=len(told.runs),
        makespan_s=makespan_s,
        waits={one: _wait(seconds) for one, seconds in waits.items() if seconds},
        busy=worked_s / (len(farm.workers) * makespan_s) if makespan_s else 0.0,
        switches=sum(run.load_s > 0 for run in told.runs),
        passed_max=max(told.passed.values(), default=0),
        never=len(told.never),
    )


def _wait(seconds: Sequence[float]) -> Wait:
    ordered = sorted(seconds)
    return Wait(
        len(ordered), statistics.median(ordered), ordered[math.ceil(0.95 * len(ordered)) - 1]
    )
