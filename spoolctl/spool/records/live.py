"""Records that show life: a heartbeat (of an attempt, a worker or a controller) and a node's card."""

from typing import Annotated, Final, Literal

from pydantic import Field

from spoolctl.spool.records.base import JsonObject, Label, Moment, Record, Told
from spoolctl.spool.records.image import Fraction
from spoolctl.spool.records.job import JobClass

HEARTBEAT_SCHEMA: Final = "spool.heartbeat/1"
NODE_SCHEMA: Final = "spool.node/1"
PROTOCOL_VERSION = 1

Role = Literal["worker", "controller", "person"]
Doing = Literal[
    "idle",
    "running",
    "delivering",
    "draining",
    "paused",
    "closed",
    "in_use",
    "waiting",
    "sick",
    "standing_by",
    "stopped",
]
"""What a process does now; only *stopped* decides anything."""


class Heartbeat(Record):
    """A counter that grows while its writer lives, and what it is doing. Replaced, by its owner only.

    Observers time "the counter did not change" on their own monotonic clock; nothing else here decides.
    """

    schema_: Literal["spool.heartbeat/1"] = Field(alias="schema")
    role: Role
    session: Label
    worker: Label
    counter: Annotated[int, Field(ge=0)]
    machine: Label
    host_id: Label
    boot_id: Label
    pid: int
    started_s: float
    """When the process started, as its own machine tells; with ``pid`` it names one process."""
    state: Label
    """One of ``Doing``. A newer writer may have another word, which must not make its heartbeat unreadable."""
    written_at: Moment
    name: Label | None = None
    """The job in work."""
    attempt: int | None = None
    class_: JobClass | None = Field(default=None, alias="class")
    stage: Label | None = None
    progress: Fraction | None = None
    eta_s: Annotated[float, Field(ge=0)] | None = None
    model: Label | None = None
    vram_free_gb: float | None = None
    vram_others_gb: float | None = None
    """Held by other programs than the backend: a game, a browser."""
    temperature_c: float | None = None
    utilisation: Fraction | None = None
    message: Told | None = None
    rests: Told | None = None
    """Why it claims nothing for now, also while it finishes a job: paused, outside its hours, its machine in use."""
    closes_in_s: Annotated[float, Field(ge=0)] | None = None
    """Until its hours end, 0 outside them, as it was up to a heartbeat ago; ``None``: they do not, or it has none."""
    opens_in_s: Annotated[float, Field(ge=0)] | None = None
    """Until what it rests for ends by itself; ``None``: not known."""

    @property
    def is_stopped(self) -> bool:
        """True if its writer has said that it ended."""
        return self.state == "stopped"


class ModelHere(Record):
    """A model that a node has."""

    name: Label
    sha256: str | None = None
    bytes: Annotated[int, Field(ge=0)] | None = None


class Node(Record):
    """A worker's card: what it is and what it can do. Written at its start, replaced when it changes."""

    schema_: Literal["spool.node/1"] = Field(alias="schema")
    worker: Label
    session: Label
    machine: Label
    protocol: int
    version: Label
    backend: Label
    backend_version: Label | None = None
    stages: tuple[Label, ...] = ()
    models: tuple[ModelHere, ...] | None = None
    """``None``: the backend takes any model name (sketch does)."""
    vaes: tuple[Label, ...] | None = None
    """This and the next: by the names that a job may say; ``None``: its backend does not tell."""
    loras: tuple[Label, ...] | None = None
    embeddings: tuple[Label, ...] | None = None
    upscalers: tuple[Label, ...] | None = None
    digests: dict[Label, dict[Label, str]] | None = None
    """SHA-256 of what the worker found in its configured folders: by kind (``loras``, ``vaes``, ``embeddings``, ``upscalers``), then by the
    name in that list. Some may be left out where there are thousands."""
    samplers: tuple[Label, ...] | None = None
    extensions: tuple[Label, ...] | None = None
    """Scripts of WebUI, custom nodes of ComfyUI."""
    gpu: Label | None = None
    vram_gb: Annotated[float, Field(ge=0)] | None = None
    """``None``: not known; a job that requires memory does not run here."""
    tags: tuple[Label, ...] = ()
    prefers: tuple[Label, ...] = ()
    """Models for which this worker is meant above all; ``*`` stands for anything, as in file names."""
    reserved_for: tuple[JobClass, ...] = ()
    """Classes for which it is kept free; it takes others only as the next says. Empty: any class."""
    reserved_until_idle_s: Annotated[float, Field(ge=0)] | None = None
    """After so long without a job of those classes it takes others, too; ``None``: never."""
    hours: tuple[Label, ...] | None = None
    """When it works, as its configuration says, in its machine's own time; ``None``: always."""
    hands_back: bool = False
    """True if it hands back what is in work when its hours end, rather than finish it."""
    started_at: Moment
    facts: JsonObject = {}
