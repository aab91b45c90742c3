"""What whoever chooses sees: the workers as they are now, and the jobs that wait. Plain facts, gathered by the caller.

Pure. Nothing here is decided; a fact may be a heartbeat old.
"""

from dataclasses import dataclass, replace

from spoolctl.scheduling.model_names import plain_name
from spoolctl.scheduling.need import KEPT_GB
from spoolctl.scheduling.work import Work
from spoolctl.spool import Heartbeat, Job, JobClass, Node

WINDOW = 128
"""How many jobs at the head of each class whoever chooses sees."""
LATER, LATER_EACH = 8, 4
"""Of how many others who come later it sees the first jobs, and how many of each: so that they have their turn."""
UNTOLD_S = 60.0
"""How long a worker at work is taken to be busy yet if it cannot tell."""
_ANY_MOMENT_S = 1.0
_TAKES_JOBS = ("idle", "running", "delivering")


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
    others_gb: float = 0.0
    """What other programs than its backend hold of its card's memory, in GB; 0 also if that is not known."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.node.worker

    @property
    def room_gb(self) -> float | None:
        """What its card has for a job, in GB, whatever the backend itself holds now; ``None``: not known."""
        has = self.node.vram_gb
        return None if has is None else has - max(0.0, self.others_gb - KEPT_GB)

    def after(self, seconds: float) -> "WorkerSeen":
        """The same worker so much later, if nothing unforeseen came."""
        # Whoever takes longer than was expected ends any moment now.
        free_in_s = max(_ANY_MOMENT_S, self.free_in_s - seconds) if self.free_in_s else 0.0
        return replace(self, free_in_s=free_in_s)


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


def takes_jobs(beat: Heartbeat) -> bool:
    """True if its writer takes jobs: not one whose backend is away ("waiting"), nor one that will rest once its job is done."""
    return beat.state in _TAKES_JOBS and beat.rests is None


def worker_seen(node: Node, beat: Heartbeat) -> WorkerSeen:
    """A worker as its card and its last heartbeat show it."""
    at_work = beat.state in ("running", "delivering")
    return WorkerSeen(
        node,
        model=plain_name(beat.model) if beat.model else None,
        free_in_s=(UNTOLD_S if beat.eta_s is None else max(_ANY_MOMENT_S, beat.eta_s))
        if at_work
        else 0.0,
        takes_jobs=takes_jobs(beat),
        closes_in_s=beat.closes_in_s,
        others_gb=beat.vram_others_gb or 0.0,
    )
