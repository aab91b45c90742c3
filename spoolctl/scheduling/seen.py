"""What whoever chooses sees: the workers as they are now, and the jobs that wait. Plain facts, gathered by the caller.

Pure. Nothing here is decided; a fact may be a heartbeat old.
"""

from dataclasses import dataclass

from spoolctl.scheduling.work import Work
from spoolctl.spool import Job, JobClass, Node


@dataclass(frozen=True)
class WorkerSeen:
    """A live worker."""

    node: Node
    model: str | None = None
    """The heavy model that it has loaded, by its plain name; ``None``: none, or not known."""
    free_in_s: float = 0.0
    """When it is expected to take its next job, in seconds from now; 0: it is idle."""
    takes_jobs: bool = True
    """False while it is paused, closed, sick, draining or without its backend."""
    idle_s: float = 0.0
    """For how long it has had no job."""
    without_s: float = 0.0
    """For how long it has had no job of a class for which it is reserved."""
    closes_in_s: float | None = None
    """When it stops taking jobs, in seconds from now; ``None``: not foreseen."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.node.worker


@dataclass(frozen=True)
class JobSeen:
    """A job that waits in a queue."""

    name: str
    job: Job
    job_class: JobClass
    work: Work
    waited_s: float = 0.0
    """For how long whoever chooses has seen it wait, by its own clock."""
    passed: int = 0
    """How many younger jobs of its turn were taken before it."""
    left_s: float = 0.0
    """For how long it has been left to a better worker by now."""
