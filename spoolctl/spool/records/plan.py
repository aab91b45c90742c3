"""The plan (``spool.plan/1``): what a person writes to have many jobs made of one, and what it may ask for.

It is read where jobs are made, never by a worker, and lies in no spool. ``spoolctl.expansion`` says what becomes of it.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from spoolctl.spool.records.base import JsonObject, Label, Submitted, Text
from spoolctl.spool.records.image import SEED_MAX

PLAN_SCHEMA: Final = "spool.plan/1"
PlanSeed = Annotated[int, Field(ge=0, le=SEED_MAX)]
FilePath = Annotated[str, Field(min_length=1, max_length=400)]
"""A file of this machine, relative to the plan's own folder, with forward slashes on every system."""

RowOrRows = Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^[0-9]{1,6}-[0-9]{1,6}$")]


def _named_file(value: Any) -> Any:  # noqa: ANN401 - raw input of a validator
    return {"file": value} if isinstance(value, str) else value


class PackUse(Submitted):
    """A prompt pack of StableNew's, and what is taken of it. A plain text stands for its file."""

    file: FilePath
    """``.txt``, ``.tsv`` or ``.json``. What lies beside it under the same stem belongs to the pack."""
    rows: Annotated[tuple[RowOrRows, ...], Field(strict=False)] | None = None
    """Which rows, from 0, as StableNew counts them: ``[0, 2, 4-7]``; all if left out."""
    loops: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """How often each, instead of what its settings say (``loop_count``). The plan's ``seeds`` go before it."""
    settings: Literal["base", "pack"] | None = None
    """``pack``: its own preset is laid over the base, which is then a StableNew preset or left out. Left out: ``base`` if there is one."""


PackNamed = Annotated[
    PackUse, BeforeValidator(_named_file, json_schema_input_type=PackUse | FilePath)
]


class SlotMatrix(Submitted):
    """What stands in the ``[[slots]]`` of prompts, instead of what the packs say."""

    values: Annotated[
        dict[Label, Annotated[tuple[Text, ...], Field(min_length=1)]], Field(min_length=1)
    ]
    mode: Literal["fanout", "random", "sequential", "rotate"] = "fanout"
    """Every combination for each row; some drawn for each row; one for each row, in turn; one for each job, in turn."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """At most so many combinations: of ``fanout`` the first, of ``random`` so many drawn (8 if left out), else those that take turns."""
    prompt: Text | None = None
    """A prompt of its own, put to each row's as ``prompt_mode`` says."""
    prompt_mode: Literal["replace", "append", "prepend"] = "replace"


class SeedRange(Submitted):
    """Seeds that count up, or that are drawn by the plan's own seed."""

    from_: PlanSeed | None = Field(default=None, alias="from")
    """The first one; left out: each is drawn."""
    count: Annotated[int, Field(ge=1)]
    step: Annotated[int, Field(ge=1)] | None = None
    """Between two; left out: as many as a job makes images, for image i of a job has seed + i."""


class LearningPlan(Submitted):
    """StableNew's LearningPlan, with its own words."""

    mode: Literal["single_variable_sweep", "multi_variable_experiment"]
    stage: Label = "txt2img"
    target_variable: Label | None = None
    """What is tried: a field of that stage in StableNew's words or ours, or a path as in ``matrix``."""
    sweep_values: tuple[Any, ...] = ()
    variables: dict[Label, Annotated[tuple[Any, ...], Field(min_length=1)]] = {}
    """Of ``multi_variable_experiment``: what is tried, each with each."""
    images_per_step: Annotated[int, Field(ge=1, le=1_000)] = 1
    metadata: JsonObject = {}
    """``experiment_name``, ``experiment_id`` and ``experiment_description`` are read here."""


class Plan(Submitted):
    """Many jobs made of one: a base, and what varies."""

    schema_: Literal["spool.plan/1"] = Field(alias="schema")
    name: Label | None = None
    """The group; left out: what the plan's file is called."""
    seed: PlanSeed | None = None
    """The master seed, by which all that is random is picked; left out: derived from the plan's own contents."""
    base: FilePath | JsonObject | None = None
    """A job record without its ``schema``, or the file of a job, a StableNew snapshot or preset. Left out: the packs' presets."""
    packs: tuple[PackNamed, ...] = ()
    """Prompts: each row of each."""
    slots: SlotMatrix | Literal[False] | None = None
    """``off`` leaves slots as they stand."""
    wildcards: FilePath | Literal[False] | None = None
    """The folder of the files that ``__name__`` in a prompt picks a line of; ``off`` leaves such words as they stand."""
    matrix: dict[Label, Annotated[tuple[Any, ...], Field(min_length=1)]] = {}
    """Fields of the base with the values that each takes, each with each."""
    learning: LearningPlan | FilePath | None = None
    """A learning plan, or StableNew's file of one; instead of ``matrix``."""
    seeds: SeedRange | Annotated[tuple[PlanSeed, ...], Field(min_length=1)] | None = None
    """Every variant with each of these seeds."""
    sample: Annotated[int, Field(ge=1)] | None = None
    """Only so many of all these jobs, drawn by the master seed."""
    order: Literal["spread", "plain"] = "spread"
    """``spread``: stopped anywhere, what has run stands for the whole. ``plain``: as it is written, the seeds changing first."""
