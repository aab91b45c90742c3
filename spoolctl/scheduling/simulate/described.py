"""A farm as a person describes it in a file: workers, models and jobs.

Pure: takes the parsed mapping. Guarantees: every value is checked, and an error names the place.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spoolctl.scheduling.seen import JobSeen
from spoolctl.scheduling.simulate.farm import Arrival, Card, Farm, FarmWorker, Model, Speeds
from spoolctl.scheduling.work import work_of
from spoolctl.spool import NODE_SCHEMA, Job, JobClass, ModelHere, Node, UsageError

GB = 1 << 30
JOBS_MAX = 100_000
_BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SaidModel(_Said):
    """A model that workers load."""

    name: str
    gb: Annotated[float, Field(gt=0)]
    cost: Annotated[float, Field(gt=0)] = 1.0
    """How much longer a step takes than with a model of cost 1."""


class SaidWorker(_Said):
    """A worker."""

    name: str
    gpu: str | None = None
    vram_gb: Annotated[float, Field(gt=0)]
    speed: Annotated[float, Field(gt=0)]
    """Steps times megapixels times images a second, with a model of cost 1."""
    load_gb_s: Annotated[float, Field(gt=0)] = 0.5
    models: tuple[str, ...] | None = None
    """Which models it has; left out: all."""
    tags: tuple[str, ...] = ()
    prefers: tuple[str, ...] = ()
    reserved_for: tuple[JobClass, ...] = ()
    reserved_until_idle_s: Annotated[float, Field(ge=0)] | None = None
    closed: tuple[tuple[float, float], ...] = ()
    """When it takes no jobs: from, to, in minutes."""


class SaidJobs(_Said):
    """Jobs that are alike."""

    at_min: Annotated[float, Field(ge=0)] = 0.0
    """When the first comes, in minutes."""
    every_min: Annotated[float, Field(ge=0)] = 0.0
    """How long after it the next comes."""
    jobs: Annotated[int, Field(ge=1, le=JOBS_MAX)] = 1
    job_class: Annotated[JobClass, Field(alias="class")] = "normal"
    model: str
    width: int = 1024
    height: int = 1024
    steps: int = 30
    images: int = 1
    vram_gb: float = 0.0
    submitted_by: str | None = None
    group: str | None = None


class SaidFarm(_Said):
    """The file."""

    models: Annotated[tuple[SaidModel, ...], Field(min_length=1)]
    workers: Annotated[tuple[SaidWorker, ...], Field(min_length=1)]
    jobs: Annotated[tuple[SaidJobs, ...], Field(min_length=1)]


def described(mapping: dict[str, Any], name: str) -> Farm:
    """The farm that *mapping* describes.

    Raises:
        UsageError: Something is missing or makes no sense; the message says where.
    """
    try:
        said = SaidFarm.model_validate(mapping)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"'{name}' describes no farm: {place}: {first['msg']}",
            hint="docs/SCHEDULING.md shows a whole one",
        ) from None
    known = {one.name for one in said.models}
    for worker in said.workers:
        _check(name, f"worker '{worker.name}'", worker.models or (), known)
    for jobs in said.jobs:
        _check(name, "a job", (jobs.model,), known)
    speeds = Speeds(
        {one.name: Card(one.speed, one.load_gb_s) for one in said.workers},
        {one.name: Model(one.name, one.gb, one.cost) for one in said.models},
    )
    return Farm(
        tuple(FarmWorker(_node(one, said.models), _seconds(one)) for one in said.workers),
        tuple(_arrivals(said.jobs)),
        speeds,
        name=name,
    )


def _check(name: str, who: str, models: tuple[str, ...], known: set[str]) -> None:
    for model in models:
        if model not in known:
            raise UsageError(
                f"'{name}' describes no farm: {who} has model '{model}', which is not under 'models'",
                hint=f"there are: {', '.join(sorted(known))}",
            )


def _seconds(worker: SaidWorker) -> tuple[tuple[float, float], ...]:
    return tuple((60 * begin, 60 * end) for begin, end in worker.closed)


def _node(said: SaidWorker, models: tuple[SaidModel, ...]) -> Node:
    here = [one for one in models if said.models is None or one.name in said.models]
    return Node(
        schema_=NODE_SCHEMA,
        worker=said.name,
        session=f"{said.name}-s1",
        machine=said.name,
        protocol=1,
        version="1",
        backend="webui",
        stages=("txt2img",),
        models=tuple(ModelHere(name=one.name, bytes=int(one.gb * GB)) for one in here),
        gpu=said.gpu,
        vram_gb=said.vram_gb,
        tags=said.tags,
        prefers=said.prefers,
        reserved_for=said.reserved_for,
        reserved_until_idle_s=said.reserved_until_idle_s,
        started_at=_BEGUN,
    )


def _arrivals(said: tuple[SaidJobs, ...]) -> list[Arrival]:
    moments = [
        (60 * (jobs.at_min + number * jobs.every_min), index, number)
        for index, jobs in enumerate(said)
        for number in range(jobs.jobs)
    ]
    return [
        Arrival(at_s, _job(said[index], f"{order:06d}"))
        for order, (at_s, index, _) in enumerate(sorted(moments), start=1)
    ]


def _job(said: SaidJobs, name: str) -> JobSeen:
    stage = {
        "stage": "txt2img", "prompt": "a lighthouse", "model": said.model, "width": said.width, "height": said.height,
        "steps": said.steps, "count": said.images,
    }  # fmt: skip
    job = Job.model_validate(
        {
            "schema": "spool.job/1", "class": said.job_class, "submitted_by": said.submitted_by, "group": said.group,
            "requires": {"vram_gb": said.vram_gb}, "workload": {"kind": "image", "stages": (stage,)},
        }
    )  # fmt: skip
    return JobSeen(name, job, said.job_class, work_of(job))
