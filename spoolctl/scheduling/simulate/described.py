"""A farm as a person describes it in a file: workers, models and jobs.

Pure: takes the parsed mapping. Guarantees: every value is checked, and an error names the place.
"""

from collections import Counter
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spoolctl.scheduling.seen import JobSeen
from spoolctl.scheduling.simulate.farm import Arrival, Card, Farm, FarmWorker, Model, Speeds
from spoolctl.scheduling.simulate.recorded import card, image_job
from spoolctl.scheduling.work import work_of
from spoolctl.spool import Job, JobClass, Node, UsageError, told

JOBS_MAX = 100_000
_R = TypeVar("_R", bound=BaseModel)
_Minutes = Annotated[float, Field(ge=0, le=366 * 24 * 60)]
"""From the simulation's begin; a year is more than any farm is planned for."""
_Factor = Annotated[float, Field(ge=1e-3, le=1e6)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SaidModel(_Said):
    """A model that workers load."""

    name: str
    gb: _Factor
    cost: _Factor = 1.0
    """How much longer a step takes than with a model of cost 1."""


class SaidWorker(_Said):
    """A worker."""

    name: str
    gpu: str | None = None
    vram_gb: Annotated[float, Field(gt=0)]
    speed: _Factor
    """Steps times megapixels times images a second, with a model of cost 1."""
    load_gb_s: _Factor = 0.5
    models: tuple[str, ...] | None = None
    """Which models it has; left out: all."""
    tags: tuple[str, ...] = ()
    prefers: tuple[str, ...] = ()
    reserved_for: tuple[JobClass, ...] = ()
    reserved_until_idle_s: Annotated[float, Field(ge=0)] | None = None
    closed: tuple[tuple[_Minutes, _Minutes], ...] = ()
    """When it takes no jobs: from, to, in minutes."""


class SaidJobs(_Said):
    """Jobs that are alike."""

    at_min: _Minutes = 0.0
    """When the first comes, in minutes."""
    every_min: _Minutes = 0.0
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
    said = _valid(SaidFarm, mapping, name)
    known = {one.name for one in said.models}
    _refuse_twice(name, "model", [one.name for one in said.models])
    _refuse_twice(name, "worker", [one.name for one in said.workers])
    for worker in said.workers:
        _check(name, f"worker '{worker.name}'", worker.models or (), known)
    for jobs in said.jobs:
        _check(name, "a job", (jobs.model,), known)
    speeds = Speeds(
        {one.name: Card(one.speed, one.load_gb_s) for one in said.workers},
        {one.name: Model(one.name, one.gb, one.cost) for one in said.models},
    )
    return Farm(
        tuple(FarmWorker(_node(one, said.models, name), _seconds(one)) for one in said.workers),
        tuple(_arrivals(said.jobs, name)),
        speeds,
        name=name,
    )


def _valid(kind: type[_R], mapping: dict[str, Any], name: str, who: str = "") -> _R:
    try:
        return kind.model_validate(mapping)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        hint = "docs/SCHEDULING.md shows a whole one"
        raise _no_farm(name, f"{who}{place}: {first['msg']}", hint) from None


def _no_farm(name: str, why: str, hint: str) -> UsageError:
    return UsageError(told(f"'{name}' describes no farm: {why}", 500), hint=told(hint, 300))


def _refuse_twice(name: str, what: str, names: list[str]) -> None:
    for one, count in Counter(names).items():
        if count > 1:
            hint = "give one of them another name"
            raise _no_farm(name, f"{count} {what}s are called '{one}'", hint)


def _check(name: str, who: str, models: tuple[str, ...], known: set[str]) -> None:
    for model in models:
        if model not in known:
            hint = f"there are: {', '.join(sorted(known))}"
            raise _no_farm(name, f"{who} has model '{model}', which is not under 'models'", hint)


def _seconds(worker: SaidWorker) -> tuple[tuple[float, float], ...]:
    return tuple((60 * begin, 60 * end) for begin, end in worker.closed)


def _node(said: SaidWorker, models: tuple[SaidModel, ...], name: str) -> Node:
    here = [one for one in models if said.models is None or one.name in said.models]
    models_here = [Model(one.name, one.gb, one.cost) for one in here]
    fields = card(
        said.name, models_here, gpu=said.gpu, vram_gb=said.vram_gb, tags=said.tags, prefers=said.prefers,
        reserved_for=said.reserved_for, reserved_until_idle_s=said.reserved_until_idle_s,
    )  # fmt: skip
    return _valid(Node, fields, name, f"worker '{said.name}': ")


def _arrivals(said: tuple[SaidJobs, ...], name: str) -> list[Arrival]:
    moments = [
        (60 * (jobs.at_min + number * jobs.every_min), index, number)
        for index, jobs in enumerate(said)
        for number in range(jobs.jobs)
    ]
    alike = [_job(jobs, name, f"jobs.{index}: ") for index, jobs in enumerate(said)]
    return [
        Arrival(
            at_s,
            JobSeen(f"{order:06d}", alike[index], said[index].job_class, work_of(alike[index])),
        )
        for order, (at_s, index, _) in enumerate(sorted(moments), start=1)
    ]


def _job(said: SaidJobs, name: str, who: str) -> Job:
    fields = image_job(
        said.job_class, said.model, (said.width, said.height, said.steps), said.images, said.vram_gb,
        submitted_by=said.submitted_by, group=said.group,
    )  # fmt: skip
    return _valid(Job, fields, name, who)
