"""From files and options to jobs that can be submitted: everything that can be wrong is found here, before anything is written.

Guarantees: all files are looked at, and all that is wrong with any of them is told at once; a record whose options change nothing in
it keeps its bytes. Does not guarantee that the names are still free when they are used; submitting decides that.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, TypeVar

from spoolctl.cli.errors import InFile, Several
from spoolctl.spool import (
    RECORD_BYTES_MAX,
    Actor,
    BadRecord,
    Draft,
    Job,
    JobClass,
    NameTaken,
    Place,
    SpoolError,
    StableNewWorkload,
    UsageError,
    draft,
    encode,
    fold,
    from_mapping,
    is_legal,
    layout,
    needs_inputs,
    new_names,
    parse_job,
    slug,
    stages_of,
)
from spoolctl.spool.attach import input_of
from spoolctl.spool.overview import is_known, resolve

T = TypeVar("T")

STDIN = "-"


@dataclass(frozen=True)
class Wishes:
    """What the options of ``submit`` say; they go before what a record says."""

    job_class: JobClass | None = None
    group: str | None = None
    name: str | None = None
    priority: int | None = None
    hold: bool = False
    after: tuple[str, ...] = ()
    attach: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Planned:
    """A job that is ready to be submitted, but for its attached files."""

    source: str
    """The file as the person named it."""
    job: Job
    data: bytes
    attached: tuple[Path, ...] = ()
    """Local files that its inputs are to be stored from."""
    name: str = ""

    def edited(self, edits: dict[str, Any]) -> "Planned":
        """The same with fields of its record changed, its bytes written anew; raises BadRecord."""
        if not edits:
            return self
        mapping = self.job.model_dump(mode="json", by_alias=True, exclude_none=True)
        job = from_mapping(Job, mapping | edits)
        return replace(self, job=job, data=encode(job))

    def place(self, actor: Actor, wishes: Wishes) -> Place:
        """The folder that it goes to."""
        if wishes.hold:
            return layout.HELD
        if self.job.needs or self.job.not_before:
            return layout.WAITING
        chosen = wishes.job_class or self.job.class_ or actor.settings.default_class
        return layout.queue(chosen)

    def draft(self) -> Draft:
        """The record's bytes and file name."""
        return draft(self.name, self.data, self.job)


def plan(
    actor: Actor,
    files: list[str],
    wishes: Wishes,
    *,
    preview: bool,
    advance: Callable[[], None],
) -> list[Planned]:
    """Read and check all files, and give the jobs names.

    Args:
        actor: Who submits.
        files: Paths of records and StableNew snapshots; ``-`` is standard input.
        wishes: What the options say.
        preview: Nothing will be submitted: do not draw names, which takes a look at the share's clock.
        advance: Called after each file.

    Raises:
        Several: What is wrong, with all files.
        UsageError, NoSuchJob: The options make no sense.
        NameTaken: ``--name`` is a name that this spool knows.
    """
    if files.count(STDIN) > 1:
        raise UsageError("standard input can be submitted once", hint="give '-' only once")
    after = tuple(resolve(actor, one) for one in wishes.after)
    wishes = replace(wishes, after=after)

    def read(source: str) -> Planned:
        planned = _read(actor, source, wishes)
        advance()
        return planned

    planned = _all(files, read, lambda source: source)
    planned = _named(actor, planned, wishes, preview=preview)
    planned = _linked(actor, planned)
    return _all(planned, _refuse_too_long, lambda one: one.source)


def _all(
    ones: Iterable[T], step: Callable[[T], Planned], source: Callable[[T], str]
) -> list[Planned]:
    """Do *step* to each; raises all that went wrong at once."""
    done: list[Planned] = []
    problems: list[SpoolError] = []
    count = 0
    for one in ones:
        count += 1
        try:
            done.append(step(one))
        except SpoolError as error:
            problems.append(InFile(source(one), error))
    if problems:
        raise Several(
            f"nothing was submitted: {len(problems)} of {count} files cannot be", problems, hint=""
        )
    return done


def _read(actor: Actor, source: str, wishes: Wishes) -> Planned:
    data = _bytes(source)
    job = parse_job(data)
    stages = stages_of(job)
    attached = wishes.attach or _left_behind(job)
    inputs = [one.model_dump(mode="json", exclude_none=True) for one in job.inputs]
    inputs += [input_of(one).model_dump(mode="json", exclude_none=True) for one in attached]
    planned = Planned(source, job, data, attached).edited(_edits(job, wishes, inputs))
    if needs_inputs(job) and not inputs:
        raise BadRecord(
            f"the job begins with '{stages[0].stage}', which changes images, and it has none",
            hint="attach them (--attach FILE), or list them under 'inputs'",
            field="inputs",
        )
    for one in job.inputs:
        if one.path is not None:
            _refuse_missing(actor, one.path)
    return planned


def _edits(job: Job, wishes: Wishes, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    """The fields that the options change."""
    edits: dict[str, Any] = {}
    if wishes.group is not None and wishes.group != job.group:
        edits["group"] = wishes.group
    if wishes.priority is not None and wishes.priority != job.priority:
        edits["priority"] = wishes.priority
    after = list(dict.fromkeys((*job.after, *wishes.after)))
    if after != list(job.after):
        edits["after"] = after
    if len(inputs) != len(job.inputs):
        edits["inputs"] = inputs
    # The class is told by the queue. A job that does not go to one yet would forget it.
    later = wishes.hold or after or job.needs or job.not_before
    if later and wishes.job_class is not None and wishes.job_class != job.class_:
        edits["class"] = wishes.job_class
    return edits


def _left_behind(job: Job) -> tuple[Path, ...]:
    """The images that a StableNew job reads from the machine which made it."""
    if not isinstance(job.workload, StableNewWorkload) or job.inputs or not needs_inputs(job):
        return ()
    paths = tuple(Path(path) for path in job.workload.dropped.input_image_paths)
    for path in paths:
        if not path.is_file():
            raise BadRecord(
                f"the StableNew job reads '{path}', which is not a file here",
                hint="submit it on the machine that has the image, or attach the image (--attach)",
                field="workload.dropped.input_image_paths",
            )
    return paths


def _bytes(source: str) -> bytes:
    """At most one byte more than a record may have, so that no mistaken file fills the memory."""
    try:
        if source == STDIN:
            return sys.stdin.buffer.read(RECORD_BYTES_MAX + 1)
        with Path(source).open("rb") as stream:
            return stream.read(RECORD_BYTES_MAX + 1)
    except OSError as error:
        is_folder = Path(source).is_dir()
        raise UsageError(
            "it is a folder" if is_folder else f"cannot read it: {error.strerror or error}",
            hint="give the files in it" if is_folder else "check the path",
        ) from None


def _refuse_missing(actor: Actor, path: str) -> None:
    try:
        there = not actor.files.stat(path).is_folder
    except FileNotFoundError:
        there = False
    if not there:
        raise BadRecord(
            f"input '{path}' is not in this spool",
            hint="attach the file (--attach FILE); its path is then written for you",
            field="inputs",
        )


def _refuse_too_long(planned: Planned) -> Planned:
    length = len(planned.draft().data)
    if length > RECORD_BYTES_MAX:
        raise BadRecord(
            f"the record has {length} bytes; it may have {RECORD_BYTES_MAX}",
            hint="attach large data as a file (--attach) instead of writing it into the record",
        )
    return planned


def _named(actor: Actor, planned: list[Planned], wishes: Wishes, *, preview: bool) -> list[Planned]:
    count = len(planned)
    groups = {one.job.group for one in planned}
    group = groups.pop() if len(groups) == 1 else None
    if wishes.name is not None:
        names = _given_names(actor, wishes.name, count)
    elif preview:
        label = slug(group or "") or "job"
        names = tuple(f"<time>-{label}-<token>.{n:04d}" for n in range(1, count + 1))
    else:
        names = new_names(actor, count, group=group)
    return [replace(one, name=name) for one, name in zip(planned, names, strict=True)]


def _given_names(actor: Actor, given: str, count: int) -> tuple[str, ...]:
    name = given.lower()
    names = (name,) if count == 1 else tuple(f"{name}.{n:04d}" for n in range(1, count + 1))
    for one in names:
        if not is_legal(one):
            raise UsageError(
                f"'{given}' cannot be a job's name",
                hint="use a-z, 0-9, '_', '-' and single dots, at most 120 characters"
                f", and no device's name; like '{fold(given)}'",
            )
        if is_known(actor, one):
            raise NameTaken(
                f"cannot submit as '{one}': this spool has seen that name",
                hint="choose another with --name, or leave it out to get a fresh one",
            )
    return names


def _linked(actor: Actor, planned: list[Planned]) -> list[Planned]:
    """Write the full names of the jobs that each needs, also of those that are submitted with it."""
    beside = _by_stem(planned)
    asked: dict[str, str] = {}

    def full(need: str, by: Planned) -> str:
        if need in beside:
            name = beside[need]
            if name is None:
                raise BadRecord(f"'{need}' is the stem of more than one file", field="after")
            if name == by.name:
                raise BadRecord("the job needs itself", field="after", hint="leave it out")
            return name
        if need not in asked:
            asked[need] = resolve(actor, need)
        return asked[need]

    def link(one: Planned) -> Planned:
        edits: dict[str, Any] = {}
        after = [full(need, one) for need in one.job.after]
        if after != list(one.job.after):
            edits["after"] = after
        inputs = [i.model_dump(mode="json", exclude_none=True) for i in one.job.inputs]
        for entry in inputs:
            if "job" in entry and full(entry["job"], one) != entry["job"]:
                entry["job"] = full(entry["job"], one)
                edits["inputs"] = inputs
        return one.edited(edits)

    linked = _all(planned, link, lambda one: one.source)
    try:
        TopologicalSorter({one.name: one.job.needs for one in linked}).prepare()
    except CycleError as error:
        round_trip = ", ".join(f"'{_source_of(linked, name)}'" for name in error.args[1][:-1])
        raise BadRecord(
            f"these jobs wait for each other, so none could ever run: {round_trip}",
            hint="take one out of an 'after' or 'inputs'",
            field="after",
        ) from None
    return linked


def _by_stem(planned: list[Planned]) -> dict[str, str | None]:
    """The names of jobs by the stems of their files; ``None`` where two files share one."""
    found: dict[str, str | None] = {}
    for one in planned:
        stem = fold(Path(one.source).stem)  # as records give the names of jobs
        found[stem] = None if stem in found else one.name
    return found


def _source_of(planned: list[Planned], name: str) -> str:
    return next((one.source for one in planned if one.name == name), name)
