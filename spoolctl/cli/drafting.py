"""From files and options to jobs that can be submitted: everything that can be wrong is found here, before anything is written.

Guarantees: all files are looked at, and all that is wrong with any of them is told at once; a record whose options change nothing in
it keeps its bytes. Does not guarantee that the names are still free when they are used; submitting decides that.
"""

import functools
import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from spoolctl.cli.linking import link, need_asked
from spoolctl.cli.planned import Planned, Wishes, each_of
from spoolctl.cli.reading import STDIN, read_bytes
from spoolctl.spool import (
    RECORD_BYTES_MAX,
    Actor,
    BadRecord,
    Job,
    NameTaken,
    StableNewWorkload,
    UsageError,
    fold,
    is_legal,
    needs_inputs,
    new_names,
    parse_job,
    slug,
    stages_of,
    told_tokens,
)
from spoolctl.spool.attach import input_of
from spoolctl.spool.glance import is_known

_MAY_BE_PLAN = b"spool.plan/"


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
        files: Paths of records, StableNew snapshots and plans; ``-`` is standard input.
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
    needs = tuple(need_asked(actor, one, anyway=wishes.anyway) for one in wishes.after)
    wishes = replace(wishes, needs=needs)

    look = _Look(actor)

    def read(source: str) -> list[Planned]:
        found = list(_read(look, source, wishes))
        advance()
        return found

    planned = [one for found in each_of(files, read, lambda source: source) for one in found]
    planned = _named(actor, planned, wishes, preview=preview)
    planned = link(actor, planned, wishes)
    return each_of(planned, _refuse_too_long, lambda one: one.source)


class _Look:
    """What is looked up for every job, once: thousands may name the same files."""

    def __init__(self, actor: Actor) -> None:
        self.input_of = functools.cache(input_of)
        self.refuse_missing = functools.cache(functools.partial(_refuse_missing, actor))
        self.refuse_unknown_token = functools.cache(functools.partial(_refuse_unknown_token, actor))


def _read(look: _Look, source: str, wishes: Wishes) -> Iterator[Planned]:
    """The job of a file, or the jobs of a plan in their order; of a plan, the first that is wrong is told."""
    data = read_bytes(source)
    expansion = _expansion_of(source, data)
    if expansion is None:
        yield _checked(look, Planned(source, parse_job(data), data), wishes)
        return
    for one in expansion.jobs():
        label = f"{source} (job {one.number + 1})"
        yield _checked(look, Planned(label, one.job, one.data, made_by=expansion), wishes)


def _expansion_of(source: str, data: bytes) -> Any:  # noqa: ANN401 - an Expansion
    """Of a plan what it asks for; what that needs is imported only where there may be one."""
    if _MAY_BE_PLAN not in data:
        return None
    return importlib.import_module("spoolctl.cli.plans").expansion_of(source, data)


def _checked(look: _Look, planned: Planned, wishes: Wishes) -> Planned:
    job = planned.job
    stages = stages_of(job)
    attached = wishes.attach or _left_behind(job)
    inputs = [one.model_dump(mode="json", exclude_none=True) for one in job.inputs]
    inputs += [look.input_of(one).model_dump(mode="json", exclude_none=True) for one in attached]
    if needs_inputs(job) and not inputs:
        raise BadRecord(
            f"the job begins with '{stages[0].stage}', which changes images, and it has none",
            hint="attach them (--attach FILE), or list them under 'inputs'",
            field="inputs",
        )
    planned = replace(planned, attached=attached).edited(_edits(job, wishes, inputs))
    for one in job.inputs:
        if one.path is not None:
            look.refuse_missing(one.path)
    for token in job.requires.tokens:
        look.refuse_unknown_token(token)
    return planned


def _edits(job: Job, wishes: Wishes, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    """The fields that the options change."""
    edits: dict[str, Any] = {}
    if wishes.group is not None and wishes.group != job.group:
        edits["group"] = wishes.group
    if wishes.priority is not None and wishes.priority != job.priority:
        edits["priority"] = wishes.priority
    after = list(dict.fromkeys((*job.after, *wishes.needs)))
    if after != list(job.after):
        edits["after"] = [one.model_dump(mode="json") for one in after]
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


def _refuse_unknown_token(actor: Actor, token: str) -> None:
    known = actor.settings.tokens
    if token not in known:
        raise BadRecord(
            f"this spool has no token '{token}'; {told_tokens(known)}",
            hint="tokens and how many there are stand in spool.yaml ('tokens: {nas: 1}')",
            field="requires.tokens",
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
