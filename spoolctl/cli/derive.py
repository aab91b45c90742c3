"""``spoolctl derive``: new jobs from an image."""

import json
import re
from dataclasses import replace
from typing import Annotated, Any

import typer

from spoolctl.cli import completing, rendering
from spoolctl.cli.opening import (
    ClassOption,
    DryRunOption,
    JsonOption,
    QuietOption,
    SpoolOption,
    job_class,
    opened,
)
from spoolctl.deriving import Prepared, Wanted, prepare, submit, wanted_of
from spoolctl.spool import UsageError
from spoolctl.spool.overview import resolve

_IMAGE = re.compile(r"(.+):([0-9]{1,6})", re.ASCII | re.DOTALL)


def derive(
    image: Annotated[
        str,
        typer.Argument(
            metavar="JOB[:IMAGE]",
            help="An image, counted from 0; without a number a job's only one.",
            autocompletion=completing.jobs,
            show_default=False,
        ),
    ],
    variations: Annotated[
        int | None,
        typer.Option("--variations", metavar="N", help="So many with other seeds."),
    ] = None,
    larger: Annotated[
        float | None,
        typer.Option("--larger", metavar="FACTOR", help="The same seed and words, sampled larger."),
    ] = None,
    upscale: Annotated[
        float | None,
        typer.Option("--upscale", metavar="FACTOR", help="Only enlarge the image as it is."),
    ] = None,
    class_: ClassOption = None,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="NAME", help="Instead of the group of the image's job."),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also if no known worker can run it.")
    ] = False,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Submit new jobs from an image: variations, the same one larger, or only enlarged."""
    wanted = _wanted({"variations": variations, "larger": larger, "upscale": upscale})
    chosen = job_class(class_) or "interactive"
    actor = opened(spool)
    match = _IMAGE.fullmatch(image)
    name = resolve(actor, match[1] if match else image)
    index = int(match[2]) if match else None
    prepared = prepare(actor, name, index, wanted, job_class=chosen, group=group, anyway=anyway)
    names = () if dry_run else submit(replace(actor, log=_log), prepared)
    document = _document(prepared, names)
    rendering.answer(
        {"dry_run": True, **document} if dry_run else document,
        lambda page: _tell(page, prepared, names),
        as_json=as_json,
        quiet=list(names) if quiet else None,
    )


def _log(event: str, **facts: object) -> None:
    if event == "derived.group_not_defined":
        rendering.complain(
            "warning",
            f"the jobs are submitted, but not the definition of group '{facts['group']}': {facts['error']}",
        )


def _wanted(said: dict[str, float | None]) -> Wanted:
    given = [(how, number) for how, number in said.items() if number is not None]
    if len(given) != 1:
        raise UsageError(
            "say one thing that is to be made of the image",
            hint="--variations N, --larger FACTOR or --upscale FACTOR",
        )
    return wanted_of(*given[0])


def _document(prepared: Prepared, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "job": prepared.source,
        "image": prepared.image_index,
        "summary": prepared.summary,
        "group": prepared.group,
        "class": prepared.job_class,
        "folder": prepared.folder,
        "jobs": list(names),
        "records": [json.loads(one) for one in prepared.records],
    }


def _tell(page: rendering.Page, prepared: Prepared, names: tuple[str, ...]) -> None:
    done = "submitted" if names else "would submit"
    page.line(f"{done} {prepared.summary} to {prepared.folder}/, group {prepared.group}")
    for name in names:
        page.line(name)
