"""Linking: the names of the jobs that others need, written out in full, and refused where they could never be met.

Guarantees: a need that no job answers to is refused, unless it is said to come later; so is a circle, also one that passes through jobs
which this spool has already. Does not guarantee it of jobs that are submitted at the same instant; a sweep finds their circle.
"""

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, get_args

from spoolctl.cli.planned import Planned, Wishes, each_of
from spoolctl.spool import Actor, BadRecord, Need, NoSuchJob, UsageError, When, fold
from spoolctl.spool.overview import meant, resolve
from spoolctl.spool.waiting import unended_needs

FOLLOWED_MAX = 500
"""How many jobs of the spool are looked at for a circle."""


def need_asked(actor: Actor, text: str, *, anyway: bool) -> Need:
    """What ``--after`` asks for: a job, and behind a colon (which is in no job's name) what has to become of it.

    Raises:
        NoSuchJob: No job answers to it, or several do.
        UsageError: It is empty.
    """
    if not text.strip():
        raise UsageError("--after is empty", hint="name a job, or leave it out")
    name, _, word = text.rpartition(":")
    when: When | None = next((one for one in get_args(When) if one == word), None)
    if when is None or not name:
        return Need(job=_full_name(actor, text, anyway=anyway))
    return Need(job=_full_name(actor, name, anyway=anyway), when=when)


def _full_name(actor: Actor, text: str, *, anyway: bool) -> str:
    found = meant(actor, text)
    if found:
        return resolve(actor, text)
    if anyway:
        return fold(text)
    raise NoSuchJob(
        f"no job '{text}' in this spool, so this one would wait for ever",
        hint="correct the name; or submit it all the same (--anyway) if that job comes later",
    )


def link(actor: Actor, planned: list[Planned], wishes: Wishes) -> list[Planned]:
    """Write the full names of the jobs that each needs, also of those that are submitted with it.

    Raises:
        Several: What is wrong, with all files.
        BadRecord: They wait for each other.
    """
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
            asked[need] = _full_name(actor, need, anyway=wishes.anyway)
        return asked[need]

    def linked(one: Planned) -> Planned:
        edits: dict[str, Any] = {}
        after = [need.model_copy(update={"job": full(need.job, one)}) for need in one.job.after]
        if after != list(one.job.after):
            edits["after"] = [need.model_dump(mode="json") for need in after]
        inputs = [i.model_dump(mode="json", exclude_none=True) for i in one.job.inputs]
        for entry in inputs:
            if "job" in entry and full(entry["job"], one) != entry["job"]:
                entry["job"] = full(entry["job"], one)
                edits["inputs"] = inputs
        return one.edited(edits)

    done = each_of(planned, linked, lambda one: one.source)
    # Fresh names are in no record yet; a given one may be waited for already.
    _refuse_circles(done, _followed(actor, done) if wishes.name is not None else {})
    return done


def _followed(actor: Actor, planned: list[Planned]) -> dict[str, tuple[str, ...]]:
    """What the jobs of the spool need that these need, and so on."""
    own = {one.name for one in planned}
    found: dict[str, tuple[str, ...]] = {}
    left = [need for one in planned for need in one.job.needs]
    while left and len(found) < FOLLOWED_MAX:
        name = left.pop()
        if name not in own and name not in found:
            found[name] = unended_needs(actor, name)
            left += found[name]
    return found


def _refuse_circles(planned: list[Planned], there: dict[str, tuple[str, ...]]) -> None:
    needs: dict[str, Iterable[str]] = {one.name: one.job.needs for one in planned}
    try:
        TopologicalSorter(there | needs).prepare()
    except CycleError as error:
        round_trip = ", ".join(f"'{_source_of(planned, name)}'" for name in error.args[1][:-1])
        raise BadRecord(
            f"these jobs wait for each other, so none could ever run: {round_trip}",
            hint="take one out of an 'after' or 'inputs'",
            field="after",
        ) from None


def _by_stem(planned: list[Planned]) -> dict[str, str | None]:
    """The names of jobs by the stems of their files; ``None`` where two files share one."""
    found: dict[str, str | None] = {}
    for one in planned:
        stem = fold(Path(one.source).stem)  # as records give the names of jobs
        found[stem] = None if stem in found else one.name
    return found


def _source_of(planned: list[Planned], name: str) -> str:
    return next((one.source for one in planned if one.name == name), name)
