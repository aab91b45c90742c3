"""``spoolctl corpus sync``: bring the learning corpus into StableNew."""

from pathlib import Path
from typing import Annotated

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption, SpoolOption, opened, spool_root
from spoolctl.controller.ledger import COMPILED
from spoolctl.controller.sync import sync_into
from spoolctl.spool import layout

app = typer.Typer(no_args_is_help=True, help="The learning corpus.")


@app.callback()
def corpus() -> None:
    """The learning corpus, which the controller compiles from what was committed."""


@app.command()
def sync(
    into: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="StableNew's learning_records.jsonl, or the folder it lies in."
        ),
    ],
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Append to StableNew's learning records what they lack of the spool's."""
    opened(spool)  # refuses a folder that is no spool, or one of a newer format
    synced = sync_into(spool_root(spool) / COMPILED[layout.CORPUS], into)
    line = (
        f"appended {rendering.counted(synced.appended, 'record')} to '{into}'; "
        f"{synced.already} were there, and {synced.foreign} of StableNew's own"
    )
    document = {
        "into": str(into),
        "appended": synced.appended,
        "already": synced.already,
        "foreign": synced.foreign,
    }
    rendering.answer(document, lambda page: page.line(line), as_json=as_json)
