"""``spoolctl history``: the history of jobs that have ended, for other programs."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption, SpoolOption, opened, spool_root
from spoolctl.index.opening import indexed
from spoolctl.stablenew import export_history
from spoolctl.views.plain import counted

app = typer.Typer(no_args_is_help=True, help="The history of jobs that have ended.")


@app.callback()
def history() -> None:
    """The history of jobs that have ended."""


@app.command()
def export(
    stablenew: Annotated[
        Path,
        typer.Option(
            "--stablenew",
            metavar="FILE",
            help="StableNew's job_history.jsonl, or the folder it lies in.",
        ),
    ],
    snapshots: Annotated[
        bool,
        typer.Option(
            "--snapshots",
            help="With StableNew's own snapshot of each job (13 to 22 KB a line), so that it can replay them.",
        ),
    ] = False,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Append to StableNew's job history what it lacks of the spool's."""
    actor = opened(spool)
    root = spool_root(spool)
    with indexed(actor, root) as index:
        done = export_history(actor, root, index.connection, stablenew, snapshots=snapshots)
    line = (
        f"appended {counted(done.appended, 'line')} to '{stablenew}'; "
        f"{done.already} were there, and {done.foreign} of StableNew's own"
    )
    rendering.answer(
        {"into": str(stablenew), **asdict(done)}, lambda page: page.line(line), as_json=as_json
    )
