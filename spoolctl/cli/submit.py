"""``spoolctl submit``: jobs from files, StableNew snapshots, plans or standard input, all of them or none."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from spoolctl.cli import completing, rendering
from spoolctl.cli.drafting import plan
from spoolctl.cli.opening import (
    ClassOption,
    DryRunOption,
    JsonOption,
    QuietOption,
    SpoolOption,
    job_class,
    opened,
)
from spoolctl.cli.planned import Planned, Wishes
from spoolctl.cli.suiting import refuse_impossible
from spoolctl.spool import (
    Actor,
    Place,
    ShareUnusable,
    SpoolError,
    UsageError,
    When,
    define_group,
    from_share,
    group_of,
    stages_of,
)
from spoolctl.spool import submit as submit_drafts
from spoolctl.spool.attach import store_input
from spoolctl.spool.overview import images_told
from spoolctl.views.plain import counted

_PROGRESS_FROM = 50
_ALL_TOLD_MAX, _TOLD_OF_MORE = 200, 5


def submit(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Job records (YAML or JSON), StableNew snapshots, or plans; '-' is standard input.",
            show_default=False,
        ),
    ],
    class_: ClassOption = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="NAME", help="Put them into a group.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="Their name; several become NAME.0001, NAME.0002, ..."
        ),
    ] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Hold them until 'release'.")] = False,
    after: Annotated[
        list[str] | None,
        typer.Option(
            "--after",
            metavar="JOB[:any|:approved]",
            help="Run after this job has succeeded, ended in any way, or been approved; may be given again.",
            autocompletion=completing.jobs,
        ),
    ] = None,
    attach: Annotated[
        list[Path] | None,
        typer.Option(
            "--attach", metavar="FILE", help="An image that they work on; may be given again."
        ),
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option("--priority", metavar="0-99", help="99 first, 50 if left out, 0 last."),
    ] = None,
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway",
            help="Also if a job that they need is not there yet, or no known worker can run them.",
        ),
    ] = False,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Submit jobs, all of them or none."""
    if name == "":
        raise UsageError("--name is empty", hint="leave it out to get a fresh name")
    wishes = Wishes(
        job_class=job_class(class_),
        group=group,
        name=name,
        priority=priority,
        hold=hold,
        after=tuple(after or ()),
        anyway=anyway,
        attach=tuple(attach or ()),
    )
    actor = opened(spool)
    shown = len(files) > _PROGRESS_FROM and not as_json
    with rendering.progress("reading", len(files), shown=shown) as advance:
        planned = plan(actor, files, wishes, preview=dry_run, advance=advance)
    if not anyway:
        refuse_impossible(actor, planned)
    places = {one.name: one.place(actor, wishes) for one in planned}
    if not dry_run:
        with rendering.progress(
            "submitting", len(planned), shown=len(planned) > _PROGRESS_FROM and not as_json
        ) as advance:

            def log(event: str, **_: object) -> None:
                if event == "submitted":
                    advance()

            _store_and_submit(replace(actor, log=log), planned, places)
        _define_groups(actor, planned)
    facts = [_facts(one, places[one.name]) for one in planned]
    document: dict[str, Any] = {"dry_run": True, "jobs": facts} if dry_run else {"jobs": facts}
    previews = _previews(actor, planned) if dry_run else []
    if previews:
        document["plans"] = previews
    rendering.answer(
        document,
        lambda page: _tell_plan(page, facts, previews) if dry_run else _tell(page, facts),
        as_json=as_json,
        quiet=[one.name for one in planned] if quiet else None,
    )


def _need_told(name: str, when: When) -> str:
    return name if when == "succeeded" else f"{name}:{when}"


def _store_and_submit(actor: Actor, planned: list[Planned], places: dict[str, Place]) -> None:
    stored = {one: store_input(actor, one) for job in planned for one in job.attached}
    for job in planned:
        if not {stored[one] for one in job.attached} <= set(job.job.inputs):
            raise UsageError(
                f"a file attached to '{job.source}' changed while it was being submitted",
                hint="wait until no program writes to it, then submit again",
            )
    by_place: dict[Place, list[Planned]] = {}
    for job in planned:
        by_place.setdefault(places[job.name], []).append(job)
    submitted = 0
    # Queues before waiting/: if the share fails in between, no job waits for one that never came.
    for place in sorted(by_place, key=lambda place: str(place.state)):
        try:
            submit_drafts(actor, [job.draft() for job in by_place[place]], place)
        except (SpoolError, OSError) as error:
            if not submitted:
                raise
            told = from_share(error) if isinstance(error, OSError) else error
            raise ShareUnusable(
                f"{submitted} of {len(planned)} jobs were submitted, then not those for "
                f"{place.folder}/: {told}",
                hint="'spoolctl status --all' shows which are in; submit the others again",
            ) from None
        submitted += len(by_place[place])


def _define_groups(actor: Actor, planned: list[Planned]) -> None:
    """Leave a definition for each group. The jobs are in; without one they are known by what they name, so a failure is only told."""
    groups: dict[str, list[Planned]] = {}
    for job in planned:
        groups.setdefault(group_of(job.name, job.job.group), []).append(job)
    for group, jobs in groups.items():
        if len(jobs) == 1 and jobs[0].job.group is None:
            continue
        plans = {id(job.made_by): job.made_by for job in jobs}
        made_by = next(iter(plans.values())) if len(plans) == 1 else None
        try:
            define_group(
                actor,
                group,
                [job.name for job in jobs],
                plan=made_by.facts if made_by is not None else None,
            )
        except (SpoolError, OSError) as error:
            rendering.complain(
                "warning",
                f"the jobs are submitted, but not the definition of group '{group}': {error}",
            )


def _facts(planned: Planned, place: Place) -> dict[str, Any]:
    job = planned.job
    return {
        "job": planned.name,
        "file": planned.source,
        "folder": place.folder,
        "class": place.part or job.class_,
        "group": job.group,
        "stages": [one.stage for one in stages_of(job)],
        "images": images_told(job),
        "inputs": [one.path or one.job for one in job.inputs],
        "after": [_need_told(name, when) for name, when in job.waits_for.items()],
    }


def _tell(page: rendering.Page, facts: list[dict[str, Any]]) -> None:
    folders = [one["folder"] for one in facts]
    told = ", ".join(
        f"{counted(folders.count(folder), 'job')} to {folder}/" for folder in dict.fromkeys(folders)
    )
    page.line(f"submitted {told}")
    for one in _a_few(facts):
        page.line(one["job"])
    _tell_others(page, facts)


def _previews(actor: Actor, planned: list[Planned]) -> list[dict[str, Any]]:
    made_by = {id(one.made_by): one.made_by for one in planned if one.made_by is not None}
    return [_plans().preview_of(expansion, actor) for expansion in made_by.values()]


def _plans() -> Any:  # noqa: ANN401 - a module
    """``plans.py``, imported when there is a plan."""
    return importlib.import_module("spoolctl.cli.plans")


def _tell_plan(
    page: rendering.Page, facts: list[dict[str, Any]], previews: list[dict[str, Any]]
) -> None:
    page.line(f"would submit {counted(len(facts), 'job')}")
    rows = []
    for one in _a_few(facts):
        stages = " > ".join(one["stages"])
        images = "?" if one["images"] is None else str(one["images"])
        row = (
            one["job"],
            one["file"],
            f"{one['folder']}/",
            stages,
            images,
            str(len(one["inputs"])),
        )
        rows.append(row)
    page.table(
        ("NAME", "FILE", "FOLDER", "STAGES", "IMAGES", "INPUTS"), rows, folds=("NAME", "FILE")
    )
    _tell_others(page, facts)
    for preview in previews:
        page.line("")
        _plans().tell_preview(page, preview)


def _a_few(facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return facts if len(facts) <= _ALL_TOLD_MAX else facts[:_TOLD_OF_MORE]


def _tell_others(page: rendering.Page, facts: list[dict[str, Any]]) -> None:
    others = len(facts) - len(_a_few(facts))
    if others:
        page.line(f"... and {others} more, up to {facts[-1]['job']}; --quiet lists all")
