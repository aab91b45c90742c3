"""``spoolctl approve``: a person says that a job's images are good."""

from typing import Annotated

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JobArgument, JsonOption, SpoolOption, opened
from spoolctl.spool import UsageError
from spoolctl.spool import approve as approve_job
from spoolctl.spool.overview import resolve


def approve(
    job: JobArgument,
    images: Annotated[
        str | None,
        typer.Option(
            "--images", metavar="N,N,...", help="Only these, counted from 0; all if left out."
        ),
    ] = None,
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", help="Why, for others to read.")
    ] = None,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a job's images, once and for all; jobs that wait for that go on."""
    actor = opened(spool)
    name = resolve(actor, job)
    made = approve_job(actor, name, images=_numbers(images), note=note)
    what = f"images {', '.join(map(str, made.images))}" if made.images else "all images"
    document = {"job": name, "approval": made}
    rendering.answer(document, lambda page: page.line(f"{name}: approved {what}"), as_json=as_json)


def _numbers(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):  # noqa: PLR2004 - a job has 1000 images at most
        raise UsageError(
            f"'{text}' names no images", hint="give their numbers from 0, like --images 0,2"
        )
    return tuple(int(part) for part in parts)
