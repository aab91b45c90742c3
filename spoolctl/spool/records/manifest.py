"""The manifest (``spool.manifest/1``): the immutable verdict on one attempt, beside its outputs."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from spoolctl.spool.records.base import (
    Day,
    JsonObject,
    Label,
    LogTail,
    Moment,
    OwnName,
    Record,
    RelativePath,
    Sha256,
    Told,
)
from spoolctl.spool.records.job import JobClass

MANIFEST_SCHEMA: Final = "spool.manifest/1"
OUTPUT_TEXT_CHARS_MAX: Final = 8_000


class Verdict(StrEnum):
    """How an attempt ended. No other words."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    RETURNED = "returned"


class Code(StrEnum):
    """Why an attempt did not succeed: a closed list, set where the error is raised, never guessed.

    What each one means for the next attempt stands in one table, ``policy.POLICY``.
    """

    BAD_JOB = "bad_job"
    MODEL_MISSING = "model_missing"
    MODEL_SWITCHED_WRONGLY = "model_switched_wrongly"
    INPUT_MISSING = "input_missing"
    DEPENDENCY_FAILED = "dependency_failed"
    OUT_OF_MEMORY = "out_of_memory"
    OUT_OF_HOST_MEMORY = "out_of_host_memory"
    STALLED = "stalled"
    TIMEOUT = "timeout"
    OUTPUT_INCOMPLETE = "output_incomplete"
    OUTPUT_CORRUPT = "output_corrupt"
    BACKEND_REJECTED = "backend_rejected"
    BACKEND_UNREACHABLE = "backend_unreachable"
    BACKEND_DIED = "backend_died"
    BACKEND_UNAUTHORISED = "backend_unauthorised"
    SHARE_FULL = "share_full"
    SCRATCH_FULL = "scratch_full"
    SHARE_AWAY = "share_away"
    RECORD_CHANGED = "record_changed"
    INTERNAL = "internal"
    # verdict lost:
    NO_HEARTBEAT = "no_heartbeat"
    PROCESS_GONE = "process_gone"
    MACHINE_RESTARTED = "machine_restarted"
    WORKER_RESTARTED = "worker_restarted"
    # verdict cancelled:
    REQUESTED = "requested"
    RECORD_REMOVED = "record_removed"
    # verdict returned:
    HANDED_BACK = "handed_back"


class Counts(Record):
    """Attempts so far, this one included, by whose fault they ended (three budgets, not one)."""

    failures: Annotated[int, Field(ge=0)] = 0
    crashes: Annotated[int, Field(ge=0)] = 0
    deferrals: Annotated[int, Field(ge=0)] = 0


class Output(Record):
    """One file that an attempt left."""

    path: RelativePath
    """Relative to the job's results folder, like ``a2/0001-1-txt2img.png``."""
    bytes: Annotated[int, Field(ge=0)]
    sha256: Sha256
    stage: Label
    image_index: Annotated[int, Field(ge=0)]
    """0-based, the same through all stages of one image."""
    final: bool = True
    """Of the chain's last stage: these are the images that the job asked for."""
    width: Annotated[int, Field(ge=1)] | None = None
    height: Annotated[int, Field(ge=1)] | None = None
    seed_requested: int | None = None
    seed_actual: int | None = None
    text: Annotated[str, Field(max_length=OUTPUT_TEXT_CHARS_MAX)] | None = None
    """Of a text: what it says, if it is short. The file has it whole in any case."""

    @property
    def is_text(self) -> bool:
        """True if it is a text, and not an image."""
        return self.path.endswith(".txt")


class StageTiming(Record):
    """How long one stage took, in seconds of the worker's clock."""

    stage: Label
    seconds: Annotated[float, Field(ge=0)]
    images: Annotated[int, Field(ge=0)]


class BackendUsed(Record):
    """What did the work, as it reports itself (not as it was asked for)."""

    name: Label
    version: Label | None = None
    model: Label | None = None
    vae: Label | None = None


class VramSeen(Record):
    """A card's memory, in units of 2**30 bytes, as its machine's driver told last before the attempt ended; ``None``: it does not tell."""

    gpu: Label
    """The card's name."""
    total_gb: Annotated[float, Field(ge=0)] | None = None
    free_gb: Annotated[float, Field(ge=0)] | None = None
    """Free of every process on the machine, the backend's own included."""
    others_gb: Annotated[float, Field(ge=0)] | None = None
    """Held by other programs than the backend, where the backend tells what it holds itself."""


class Ran(Record):
    """What an attempt ran on and what its card showed, for the figures. ``None``: its worker cannot tell."""

    backend: Label
    gpu: Label | None = None
    """The card's name, as the worker's card on the share has it."""
    vram_gb: Annotated[float, Field(ge=0)] | None = None
    """The card's memory, as the worker's card on the share has it."""
    peak_gb: Annotated[float, Field(ge=0)] | None = None
    """The most that was in use at any reading during the attempt, in units of 2**30 bytes."""
    peak_of: Literal["backend", "card"] | None = None
    """Whose that is: ``backend``: what other programs held when it began is taken off; ``card``: of every program."""
    others_gb: Annotated[float, Field(ge=0)] | None = None
    """Held by other programs when the attempt began, where the backend tells what it holds itself."""
    load_s: Annotated[float, Field(ge=0)] | None = None
    """In which the backend loaded models; part of the first stage's seconds, too."""
    was_loaded: bool | None = None
    """True if the model was in memory when the attempt began."""


class Manifest(Record):
    """The verdict on one attempt. Published once; nothing ever changes or replaces it."""

    schema_: Literal["spool.manifest/1"] = Field(alias="schema")
    name: OwnName
    job_id: Annotated[str, Field(max_length=500)] | None = None
    group: Label | None = None
    attempt: Annotated[int, Field(ge=1)]
    verdict: Verdict
    code: Code | None = None
    message: Told | None = None
    by: Label
    """Token of who published it: the worker's own session, or a sweeper's, canceller's, adopter's."""
    worker: Label | None = None
    session: Label | None = None
    record_sha256: Sha256 | None = None
    class_: JobClass | None = Field(default=None, alias="class")
    """The queue it was claimed from; where it goes back to."""
    day: Day
    """By the share's clock. ``done/``, ``failed/`` and ``cancelled/`` sort by this, never by "now"."""
    final: bool
    """True if no further attempt follows unless a person asks for one."""
    retry_at: Moment | None = None
    """Not before this moment of the share's clock, if another attempt follows."""
    counts: Counts = Counts.model_construct()
    avoid: tuple[Label, ...] = ()
    """Workers on which this job failed; others are preferred."""
    vram_gb_above: float | None = None
    """After out_of_memory: the next worker's card must have more than this."""
    started_at: Moment | None = None
    ended_at: Moment | None = None
    duration_s: Annotated[float, Field(ge=0)] | None = None
    outputs: tuple[Output, ...] = ()
    stages: tuple[StageTiming, ...] = ()
    backend: BackendUsed | None = None
    request: Told | None = None
    """What was asked of the backend, on one line, for people; never a prompt."""
    vram: VramSeen | None = None
    ran: Ran | None = None
    warnings: tuple[Told, ...] = ()
    log_tail: LogTail | None = None
    adopted_from: Annotated[int, Field(ge=1)] | None = None
    resumed_from: Annotated[int, Field(ge=1)] | None = None
    """The attempt whose first stages this one took over rather than make them again; their images lie there."""
    facts: JsonObject = {}

    @property
    def succeeded(self) -> bool:
        """True if this attempt is the job's commit."""
        return self.verdict is Verdict.SUCCEEDED

    @property
    def images(self) -> tuple[Output, ...]:
        """The images that the job asked for, in their order; each becomes one record of the corpus, which texts do not."""
        finals = (output for output in self.outputs if output.final and not output.is_text)
        return tuple(sorted(finals, key=lambda output: output.image_index))
