"""``spoolctl hold``, ``release`` and ``move``: what a drag in a file manager does."""

from typing import Annotated, Any

import typer

from spoolctl.cli import completing
from spoolctl.cli.each import do_each
from spoolctl.cli.opening import (
    ClassOption,
    JobsArgument,
    JsonOption,
    SpoolOption,
    job_class,
    opened,
)
from spoolctl.spool import Location, move_to_class
from spoolctl.spool import hold as hold_job
from spoolctl.spool import release as release_job
from spoolctl.spool.overview import resolve


def hold(jobs: JobsArgument, spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """Hold jobs back that have not begun."""
    actor = opened(spool)
    do_each(jobs, lambda job: _told(hold_job(actor, resolve(actor, job))), as_json=as_json)


def release(
    jobs: JobsArgument,
    class_: ClassOption = None,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let held or waiting jobs go to their queue."""
    into = job_class(class_)
    actor = opened(spool)

    def deed(job: str) -> tuple[str, dict[str, Any]]:
        return _told(release_job(actor, resolve(actor, job), job_class=into))

    do_each(jobs, deed, as_json=as_json)


def move(
    jobs: JobsArgument,
    class_: Annotated[
        str,
        typer.Option(
            "--class",
            metavar="CLASS",
            help="interactive, normal or batch.",
            autocompletion=completing.classes,
        ),
    ],
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move queued jobs to another class."""
    into = job_class(class_)
    actor = opened(spool)
    do_each(
        jobs, lambda job: _told(move_to_class(actor, resolve(actor, job), into)), as_json=as_json
    )


def _told(location: Location) -> tuple[str, dict[str, Any]]:
    folder = location.place.folder
    return f"{location.name}: now in {folder}/", {"job": location.name, "folder": folder}
