"""``spoolctl expand``: what a plan would make, and its jobs as files."""

import os
from pathlib import Path
from typing import Annotated

import typer

from spoolctl.cli import plans, rendering
from spoolctl.cli.errors import InFile
from spoolctl.cli.opening import JsonOption, SpoolOption, opened, spool_root
from spoolctl.expansion import Expanded, Expansion
from spoolctl.spool import Actor, NoSpool, SpoolError, UsageError, slug
from spoolctl.views.plain import counted

_PROGRESS_FROM = 200


def expand(
    plan: Annotated[
        str,
        typer.Argument(
            metavar="PLAN", help="A plan (spool.plan/1); '-' is standard input.", show_default=False
        ),
    ],
    into: Annotated[
        Path | None,
        typer.Option(
            "--into", metavar="FOLDER", help="Write each job into a file of its own there."
        ),
    ] = None,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview", help="Show how many jobs, a few of them and the time; also without --into."
        ),
    ] = False,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a plan makes, or write its jobs as files."""
    try:
        expansion = plans.expansion_in(plan)
        if into is None or preview:
            shown = plans.preview_of(expansion, _spool(spool))
            rendering.answer(shown, lambda page: plans.tell_preview(page, shown), as_json=as_json)
            return
        written = _write(expansion, into, shown=not as_json)
    except SpoolError as error:
        raise InFile(plan, error) from None
    document = {**expansion.facts, "written": [str(path) for path in written]}
    rendering.answer(
        document,
        lambda page: page.line(f"wrote {counted(len(written), 'job')} into {into}"),
        as_json=as_json,
    )


def _spool(given: Path | None) -> Actor | None:
    try:
        spool_root(given)
    except NoSpool:
        return None
    return opened(given)


def _write(expansion: Expansion, folder: Path, *, shown: bool) -> list[Path]:
    """All files or none; those that lie there with the same contents stay."""
    label = f"{slug(expansion.name) or 'plan'}-{expansion.facts['plan_sha256'][:8]}"
    digits = max(4, len(str(expansion.total)))
    written: list[Path] = []
    mine: list[Path] = []
    total = expansion.total
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with rendering.progress(
            "writing", total, shown=shown and total > _PROGRESS_FROM
        ) as advance:
            for one in expansion.jobs():
                path = folder / f"{label}.{one.number + 1:0{digits}d}.json"
                if not _is_there(path, one):
                    mine.append(path)
                    temporary = path.with_name(f".{path.name}.tmp")
                    temporary.write_bytes(one.data)
                    os.replace(temporary, path)  # noqa: PTH105 - replaces on Windows, too
                written.append(path)
                advance()
    except (OSError, SpoolError) as error:
        for path in mine:
            path.unlink(missing_ok=True)
            path.with_name(f".{path.name}.tmp").unlink(missing_ok=True)
        if isinstance(error, SpoolError):
            raise
        raise UsageError(
            f"cannot write into '{folder}': {error.strerror or error}",
            hint="give a folder in which you may write",
        ) from None
    return written


def _is_there(path: Path, one: Expanded) -> bool:
    try:
        with path.open("rb") as stream:
            there = stream.read(len(one.data) + 1)
    except FileNotFoundError:
        return False
    if there != one.data:
        raise UsageError(
            f"'{path}' is there, with other contents", hint="give an empty folder, or move it away"
        )
    return True
