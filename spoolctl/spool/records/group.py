"""A group's definition (``spool.group/1``) and its result (``spool.result/1``)."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, model_validator

from spoolctl.spool.names import is_legal
from spoolctl.spool.records.base import JsonObject, Label, Moment, OwnName, Record, Told
from spoolctl.spool.records.manifest import Code

GROUP_SCHEMA: Final = "spool.group/1"
GROUP_RESULT_SCHEMA: Final = "spool.result/1"
MEMBERS_MAX = 1_000_000
RESULT_BYTES_MAX = 1 << 30

MemberState = Literal[
    "queued", "waiting", "held", "running", "succeeded", "failed", "cancelled", "gone"
]
"""How a job of a group stands, by the folder of its record; ``gone``: a person took it away before it ended."""
OPEN: tuple[MemberState, ...] = ("queued", "waiting", "held", "running")
"""The states of jobs that have not ended."""


class Series(Record):
    """Names that count up: ``<shelf>.<number>``, from *first* on."""

    shelf: OwnName
    first: Annotated[int, Field(ge=0)] = 1
    count: Annotated[int, Field(ge=1, le=MEMBERS_MAX)]
    digits: Annotated[int, Field(ge=1, le=9)] = 4

    @model_validator(mode="after")
    def _are_names(self) -> "Series":
        if not is_legal(f"{self.shelf}.{self.first + self.count - 1:0{self.digits}d}"):
            msg = "its last name would be too long"
            raise ValueError(msg)
        return self

    def names(self) -> Iterator[str]:
        """The jobs' names, in their order."""
        for number in range(self.first, self.first + self.count):
            yield f"{self.shelf}.{number:0{self.digits}d}"


class GroupDefinition(Record):
    """Jobs that were submitted together, in the order of their plan. Published once, behind the last of them."""

    schema_: Literal["spool.group/1"] = Field(alias="schema")
    group: Label
    jobs: tuple[Series | OwnName, ...]
    by: Label
    at: Moment
    plan: JsonObject = {}
    """Of jobs that a plan was expanded to: its digest, master seed, what varies, the learning run."""

    @model_validator(mode="after")
    def _not_too_many(self) -> "GroupDefinition":
        if sum(1 if isinstance(one, str) else one.count for one in self.jobs) > MEMBERS_MAX:
            msg = f"names more than {MEMBERS_MAX} jobs"
            raise ValueError(msg)
        return self

    @property
    def members(self) -> Iterator[str]:
        """The jobs' names, in the order of the plan."""
        for one in self.jobs:
            if isinstance(one, str):
                yield one
            else:
                yield from one.names()


class GroupImage(Record):
    """One image of a job's winning attempt."""

    path: Told
    """Relative to the spool's root."""
    image_index: Annotated[int, Field(ge=0)]
    seed: Told | None = None
    """Decimal digits: seeds reach 2**64 - 1."""
    sha256: Told | None = None
    experiment: Told | None = None
    variable: Told | None = None
    value: Told | float | None = None


class GroupJob(Record):
    """What became of one job of a group."""

    name: OwnName
    state: MemberState
    attempt: Annotated[int, Field(ge=1)] | None = None
    """The winning attempt, or the last one of a job that did not succeed."""
    worker: Told | None = None
    model: Told | None = None
    code: Code | None = None
    message: Told | None = None
    """Why it failed, of the first two hundred that did."""
    started: Told | None = None
    ended: Told | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None
    """That the attempt ran, by its worker's clock."""
    images: tuple[GroupImage, ...] = ()


class GroupResult(Record):
    """What became of a group, once all of its jobs have ended. Derived: replaced as a whole if a job is retried, or another joins."""

    bytes_max: ClassVar[int] = RESULT_BYTES_MAX
    schema_: Literal["spool.result/1"] = Field(alias="schema")
    group: Label
    jobs: tuple[GroupJob, ...]
    """All of them, in the order of their plan."""
    counts: dict[MemberState, Annotated[int, Field(ge=1)]]
    """By state."""
    images: Annotated[int, Field(ge=0)]
    started: Told | None = None
    ended: Told | None = None
    wall_s: Annotated[float, Field(ge=0)] | None = None
    """From the first start to the last end, by two machines' clocks."""
    gpu_s: Annotated[float, Field(ge=0)]
    """That the winning and the last attempts ran, all together."""
    plan: JsonObject = {}
    """As the definition has it."""
    learning_run: JsonObject | None = None
    """Of a learning run: StableNew's ``LearningRunResult``: plan, steps, artifacts, summary."""
