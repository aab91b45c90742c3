"""``spoolctl schema export``: the JSON Schemas of every file in a spool."""

from pathlib import Path
from typing import Annotated

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption
from spoolctl.spool import UsageError
from spoolctl.spool.schemas import write_all

app = typer.Typer(no_args_is_help=True, help="JSON Schemas of the spool's files.")


@app.callback()
def schema() -> None:
    """JSON Schemas of the spool's files, for programs in other languages."""


@app.command()
def export(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where to; made if it is not there.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Write the JSON Schema of each kind of file into a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = write_all(folder)
    except OSError as error:
        raise UsageError(
            f"cannot write schemas into '{folder}': {error.strerror or error}",
            hint="give a folder in which you may write",
        ) from None

    def text(page: rendering.Page) -> None:
        for path in written:
            page.line(str(path))

    rendering.answer({"written": [str(path) for path in written]}, text, as_json=as_json)
