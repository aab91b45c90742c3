"""The job record (``spool.job/1``): what a person or a GUI submits, immutable from then on."""

from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from spoolctl.spool.records.base import (
    JobName,
    JsonObject,
    Label,
    Moment,
    RelativePath,
    Sha256,
    Submitted,
    Text,
    TokenName,
)
from spoolctl.spool.records.comfyui import ComfyUIWorkload
from spoolctl.spool.records.command import CommandWorkload
from spoolctl.spool.records.image import ImageStage, ImageWorkload
from spoolctl.spool.records.text import TextWorkload

JOB_SCHEMA: Final = "spool.job/1"
JobClass = Literal["interactive", "normal", "batch"]
CLASSES: tuple[JobClass, ...] = get_args(JobClass)
PRIORITY_DEFAULT = 50
AFTER_MAX = 100
INPUTS_MAX = 1_000
TOKENS_MAX = 8
When = Literal["any", "succeeded", "approved"]
"""What has to become of a job that another one needs, the weakest first: any final end; its commit; its commit, and a person's approval."""
_STRENGTH: tuple[When, ...] = get_args(When)


def _named_model(value: Any) -> Any:  # noqa: ANN401 - raw input of a validator
    return {"name": value} if isinstance(value, str) else value


class ModelNeed(Submitted):
    """A model that the job needs. A plain text stands for its name."""

    name: Label
    sha256: Sha256 | None = None


ModelNamed = Annotated[
    ModelNeed, BeforeValidator(_named_model, json_schema_input_type=ModelNeed | Label)
]


class Need(Submitted):
    """A job that must have come so far first. A plain text stands for one that must have succeeded."""

    job: JobName
    when: When = "succeeded"


def _named_job(value: Any) -> Any:  # noqa: ANN401 - raw input of a validator
    return {"job": value} if isinstance(value, str) else value


def _as_written(need: Need) -> Any:  # noqa: ANN401 - as a person would write it
    plain = need.when == "succeeded"
    return need.job if plain else {"job": need.job, "when": need.when}


Needed = Annotated[
    Need,
    BeforeValidator(_named_job, json_schema_input_type=Need | Label),
    PlainSerializer(_as_written),
]


class Requires(Submitted):
    """What a worker must have; each requirement that fails is told with its numbers."""

    vram_gb: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    models: tuple[ModelNamed, ...] = ()
    stages: tuple[Label, ...] = ()
    backends: tuple[Label, ...] = ()
    """Any one of these backends will do; none named: any."""
    tags: tuple[Label, ...] = ()
    tokens: Annotated[tuple[TokenName, ...], Field(max_length=TOKENS_MAX)] = ()
    """Of each of these it holds one while it runs; ``spool.yaml`` says how many there are."""


class Limits(Submitted):
    """Limits of one job; ``None`` takes what ``spool.yaml`` says."""

    timeout_s: Annotated[float, Field(gt=0, le=30 * 86_400)] | None = None
    """Longest time one attempt may run, in seconds of its worker's clock."""
    stall_s: Annotated[float, Field(gt=0, le=86_400)] | None = None
    """Longest time without any progress, in seconds of its worker's clock."""
    attempts_max: Annotated[int, Field(ge=1, le=100)] | None = None
    """How many failures (the job's own fault) end it."""


class Input(Submitted):
    """A file that the job needs: one stored in the spool, or an output of another job."""

    path: RelativePath | None = None
    """Relative to the spool's root, usually ``inputs/<aa>/<sha256>.png``."""
    sha256: Sha256 | None = None
    job: JobName | None = None
    """Name of another job, whose committed images are taken, only the approved ones if ``after`` says so; implies ``after``."""
    image_index: Annotated[int, Field(ge=0)] | None = None
    """Only this image of that job; all of them if left out."""

    @model_validator(mode="after")
    def _one_source(self) -> "Input":
        if (self.path is None) == (self.job is None):
            msg = "needs either 'path' (a file in the spool) or 'job' (another job's images)"
            raise ValueError(msg)
        return self


class Dropped(Submitted):
    """What a StableNew snapshot loses on its way through StableNew's own writer."""

    start_stage: Label | None = None
    input_image_paths: tuple[Text, ...] = ()
    """As StableNew had them, for the record; what the job reads are its ``inputs``."""
    learning_context: JsonObject | None = None
    config_variant_label: Text | None = None
    config_variant_index: int | None = None
    config_variant_overrides: JsonObject | None = None
    txt2img_prompt_info: JsonObject | None = None
    img2img_prompt_info: JsonObject | None = None
    pack_usage: tuple[JsonObject, ...] = ()
    sequence_intent: JsonObject | None = None
    continuity_link: JsonObject | None = None


class StableNewWorkload(Submitted):
    """A StableNew job snapshot exactly as its GUI writes it, and what such a snapshot drops."""

    kind: Literal["stablenew"]
    snapshot: JsonObject
    dropped: Dropped = Dropped.model_construct()


OwnChain = ComfyUIWorkload | TextWorkload | CommandWorkload
"""A workload that is a chain of one stage, and that only one kind of backend understands."""
Stage = ImageStage | OwnChain
"""What a backend may be asked for as one step of a chain."""
Workload = Annotated[ImageWorkload | StableNewWorkload | OwnChain, Field(discriminator="kind")]


class Job(Submitted):
    """One unit of work, as submitted. Never rewritten; its bytes are pinned before it first runs."""

    schema_: Literal["spool.job/1"] = Field(alias="schema")
    job_id: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """The submitter's own id, any text. Carried everywhere, never used as a path."""
    class_: JobClass | None = Field(default=None, alias="class")
    """Where it goes back to after waiting. Where it lies now is said by its folder."""
    priority: Annotated[int, Field(ge=0, le=99)] = PRIORITY_DEFAULT
    """0 last, 99 first, within its class. ``spoolctl submit`` turns it into the file's rank."""
    group: Label | None = None
    submitted_by: Label | None = None
    created_at: Moment | None = None
    requires: Requires = Requires.model_construct()
    after: Annotated[tuple[Needed, ...], Field(max_length=AFTER_MAX)] = ()
    """Jobs that must have come so far first."""
    not_before: Moment | None = None
    """Judged by the share's clock."""
    limits: Limits = Limits.model_construct()
    inputs: Annotated[tuple[Input, ...], Field(max_length=INPUTS_MAX)] = ()
    learning: JsonObject | None = None
    """Carried into the corpus: experiment_name, variable_under_test, variant_value, ..."""
    randomizer: JsonObject | None = None
    metadata: JsonObject = {}
    workload: Workload

    @property
    def needs(self) -> tuple[str, ...]:
        """Folded names of all jobs that this one waits for: ``after`` and job inputs."""
        return tuple(self.waits_for)

    @property
    def waits_for(self) -> dict[str, When]:
        """What has to become of each job in ``needs``; of a job that is named twice the most. An input must be committed."""
        found: dict[str, When] = {}
        inputs = (Need(job=one.job) for one in self.inputs if one.job)
        for need in (*self.after, *inputs):
            known = found.get(need.job, need.when)
            found[need.job] = max(known, need.when, key=_STRENGTH.index)
        return found
