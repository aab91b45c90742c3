"""From an image in the spool to jobs in a queue: reads what its job was and left, and submits what is derived of it.

Guarantees: preparing writes nothing; what was prepared is what is submitted, all of it or nothing. Does not guarantee that the image is
still there when a job that enlarges it runs: retention may take it in between, and that job then says so.
"""

import json
from dataclasses import dataclass, replace

from spoolctl.deriving.jobs import derived, image_in
from spoolctl.deriving.telling import summary_of
from spoolctl.deriving.wanted import UpscaleOnly, Variations, Wanted
from spoolctl.scheduling.fit import impossible
from spoolctl.spool import (
    CLASSES,
    RECORD_BYTES_MAX,
    Actor,
    BadRecord,
    Input,
    Job,
    JobClass,
    Manifest,
    NoSuchJob,
    Output,
    SpoolError,
    StateForbids,
    UsageError,
    approval,
    decisions,
    define_group,
    draft,
    find,
    from_mapping,
    group_folder,
    group_of,
    is_legal,
    layout,
    new_names,
    nodes,
    pinned_job,
    told,
)
from spoolctl.spool import submit as submit_drafts

_WORKERS_TOLD = 3


@dataclass(frozen=True)
class Prepared:
    """Jobs that are ready to be submitted, but for their names."""

    source: str
    """The job whose image it is."""
    image_index: int
    jobs: tuple[Job, ...]
    records: tuple[bytes, ...]
    """Their bytes, in the same order."""
    job_class: JobClass
    group: str
    folder: str
    """Where they go: a queue, or ``waiting`` where they take the image itself; a sweep lets those go within seconds."""
    summary: str
    """One line of English, like ``4 txt2img jobs, 832x1216, seeds 42 to 45``."""


def prepare(  # noqa: PLR0913 - what may be said of a submission
    actor: Actor,
    name: str,
    image_index: int | None,
    wanted: Wanted,
    *,
    job_class: str = "interactive",
    group: str | None = None,
    anyway: bool = False,
) -> Prepared:
    """Make ready what is wanted of an image; nothing is written.

    Args:
        actor: Who asks.
        name: The job that left the image, in full.
        image_index: Which image, from 0; ``None`` for a job's only one.
        wanted: What is to be made of it.
        job_class: The queue.
        group: Left out, that of the image's job, so that what came of an image is found beside it; of a job that came alone and names
            none, the job's own name.
        anyway: Also if no known worker can run it.

    Raises:
        NoSuchJob: There is none of that name.
        StateForbids: It has no such image, retention took it, or its kind of job allows no such thing; the hint says what does.
        UsageError: A value makes no sense, or no known worker could run it.
        BadRecord: A record cannot be read.
        OSError: The share did not tell.
    """
    if job_class not in CLASSES:
        raise UsageError(
            f"no class '{told(job_class, 40)}'", hint=f"the classes are {', '.join(CLASSES)}"
        )
    job, manifest = _committed(actor, name)
    job = _with_each_input(actor, job)
    image = image_in(manifest, image_index)
    shelf = group_of(name, job.group)
    group = group or (shelf if shelf != group_of("", None) else name)
    if isinstance(wanted, Variations):
        wanted = replace(wanted, turn=wanted.turn + _submissions(actor, group))
    if isinstance(wanted, UpscaleOnly):
        _refuse_gone(actor, name, image)
    head = {"class": job_class, "group": group}
    made = [one | head for one in derived(job, manifest, image.image_index, wanted)]
    jobs = tuple(from_mapping(Job, one) for one in made)
    records = tuple(map(_written, made))
    if not anyway:
        _refuse_impossible(actor, jobs[0])
    place = layout.WAITING if jobs[0].needs else layout.queue(job_class)
    return Prepared(
        source=name,
        image_index=image.image_index,
        jobs=jobs,
        records=records,
        job_class=job_class,
        group=group,
        folder=place.folder,
        summary=summary_of(jobs, image),
    )


def submit(actor: Actor, prepared: Prepared) -> tuple[str, ...]:
    """Submit what was prepared, all of it or nothing; the names of the jobs.

    That the group's definition could not be written is only logged: the jobs are in, and known by the group that they name.

    Raises:
        ShareUnusable: The share failed on the way; the message tells how many are in.
        OSError: The share failed before anything was submitted.
    """
    names = new_names(actor, len(prepared.jobs), group=prepared.group)
    drafts = [
        draft(name, data, job)
        for name, data, job in zip(names, prepared.records, prepared.jobs, strict=True)
    ]
    waits = any(job.needs for job in prepared.jobs)
    place = layout.WAITING if waits else layout.queue(prepared.job_class)
    submit_drafts(actor, drafts, place)
    try:
        define_group(actor, prepared.group, list(names))
    except (SpoolError, OSError) as error:
        actor.log("derived.group_not_defined", group=prepared.group, error=str(error))
    return names


def _committed(actor: Actor, name: str) -> tuple[Job, Manifest]:
    """The record and the commit of a job that succeeded."""
    decided = decisions(actor, name) if is_legal(name) else None
    if decided is None or not (decided.pinned or decided.highest or decided.pruned):
        if decided is not None and find(actor, name):
            raise _not_committed(name)
        raise NoSuchJob(f"no job '{told(name, 80)}' in this spool")
    if decided.pruned is not None:
        raise StateForbids(
            f"retention removed '{name}' with its record and images",
            hint="what it was made with may still be told by 'spoolctl results'; submit it as a new job",
        )
    last = decided.highest
    if last is None or last.verdict is None or not last.is_commit:
        raise _not_committed(name)
    job, _ = pinned_job(actor, name)
    if job is None:
        raise BadRecord(
            f"the record of '{name}' cannot be read", hint=f"'spoolctl show {name}' tells why"
        )
    return job, last.verdict


def _with_each_input(actor: Actor, job: Job) -> Job:
    """The job with an input for each image that it took, in their order; what is not known any more stays as the record has it."""
    found: list[Input] = []
    for one in job.inputs:
        is_whole_job = one.job is not None and one.image_index is None
        taken = _images_taken(actor, job, one.job or "") if is_whole_job else []
        found += taken or [one]
    return job.model_copy(update={"inputs": tuple(found)})


def _images_taken(actor: Actor, job: Job, name: str) -> list[Input]:
    """The images of another job that this one took."""
    decided = decisions(actor, name)
    last = decided.highest
    if last is None or last.verdict is None or not last.is_commit:
        return []
    indices = sorted(one.image_index for one in last.verdict.outputs if one.final)
    approved = approval(actor, decided) if job.waits_for[name] == "approved" else None
    if approved is not None and approved.images:
        indices = [index for index in indices if index in approved.images]
    return [Input(job=name, image_index=index) for index in indices]


def _not_committed(name: str) -> StateForbids:
    return StateForbids(
        f"'{name}' has not succeeded", hint=f"'spoolctl show {name}' tells how it stands"
    )


def _refuse_gone(actor: Actor, name: str, image: Output) -> None:
    """An image that is to be enlarged must be there; its record, which retention leaves longer, will do for everything else."""
    path = f"{layout.results(name)}/{image.path}"
    try:
        there = image.path.rpartition("/")[2] in actor.files.names(layout.parent(path))
    except FileNotFoundError:
        there = False
    if not there:
        raise StateForbids(
            f"image {image.image_index} of '{name}' is not there any more: '{path}'",
            hint="retention removed it, or a person did; make it anew from its seed (--larger FACTOR)",
        )


def _submissions(actor: Actor, group: str) -> int:
    """How often jobs were submitted to a group; one listing."""
    try:
        entries = actor.files.names(f"{layout.GROUPS}/{group_folder(group)}")
    except (FileNotFoundError, NotADirectoryError):
        return 0
    return sum(map(layout.is_group_definition, entries))


def _written(record: dict[str, object]) -> bytes:
    head = {key: record[key] for key in ("schema", "class", "group")}
    data = (json.dumps(head | record, indent=1, allow_nan=False) + "\n").encode("ascii")
    if len(data) > RECORD_BYTES_MAX:
        raise BadRecord(
            f"the record would have {len(data)} bytes; it may have {RECORD_BYTES_MAX}",
            hint="the workflow is too large; take out what it does not need, and submit it as a new job",
        )
    return data


def _refuse_impossible(actor: Actor, job: Job) -> None:
    cards = [card for card, _ in nodes(actor).values() if card is not None]
    reasons = impossible(job, cards)
    if reasons is not None:
        said = [f"{name}: {', '.join(why)}" for name, why in sorted(reasons.items())]
        more = f" and {len(said) - _WORKERS_TOLD} more" if len(said) > _WORKERS_TOLD else ""
        raise UsageError(
            f"no known worker can run it ({'; '.join(said[:_WORKERS_TOLD])}{more})",
            hint="--anyway submits it all the same, for a worker that comes later",
        )
