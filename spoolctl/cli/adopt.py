"""``spoolctl adopt``: make the images of a superseded attempt the job's commit."""

from typing import Annotated

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JobArgument, JsonOption, SpoolOption, opened
from spoolctl.spool import adopt as adopt_attempt
from spoolctl.spool.overview import resolve
from spoolctl.views.plain import counted


def adopt(
    job: JobArgument,
    attempt: Annotated[
        int, typer.Option("--attempt", metavar="N", min=1, help="Whose images to keep.")
    ],
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep the images of a superseded or lost attempt."""
    actor = opened(spool)
    name = resolve(actor, job)
    manifest = adopt_attempt(actor, name, from_attempt=attempt)
    images = counted(sum(one.final for one in manifest.outputs), "image")
    line = f"{name}: adopted {images} of attempt {attempt}, as attempt {manifest.attempt}"
    document = {"job": name, "adopted_from": attempt, "manifest": manifest}
    rendering.answer(document, lambda page: page.line(line), as_json=as_json)
