"""The command line ``spoolctl``: which commands there are, and the entry point."""

import contextlib
import io
import sys
from typing import Annotated

import typer

from spoolctl.cli import adopt as adopt_command
from spoolctl.cli import approve as approve_command
from spoolctl.cli import cancel as cancel_command
from spoolctl.cli import control, controller, corpus, errors, moves, rendering, schema
from spoolctl.cli import demo as demo_command
from spoolctl.cli import doctor as doctor_command
from spoolctl.cli import fsck as fsck_command
from spoolctl.cli import init as init_command
from spoolctl.cli import logs as logs_command
from spoolctl.cli import nodes as nodes_command
from spoolctl.cli import retry as retry_command
from spoolctl.cli import show as show_command
from spoolctl.cli import status as status_command
from spoolctl.cli import submit as submit_command
from spoolctl.cli import tokens as tokens_command
from spoolctl.cli.opening import JsonOption, SpoolOption
from spoolctl.spool.version import VERSION

PROGRAM = "spoolctl"

# No markup: help is read in logs and pipes too, and boxes help nobody there.
app = typer.Typer(
    name=PROGRAM,
    help="A job spool for GPU machines on a shared disk.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback(invoke_without_command=True)
def spoolctl(
    ctx: typer.Context,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """A job spool for GPU machines on a shared disk. --spool and --json also go before the command."""
    del spool  # each command asks for it (opening.py)
    if version:
        document = {"program": PROGRAM, "version": VERSION}
        rendering.answer(document, lambda page: page.line(f"{PROGRAM} {VERSION}"), as_json=as_json)
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        sys.stdout.write(ctx.get_help() + "\n")
        raise typer.Exit(2)


for _command in (
    init_command.init,
    submit_command.submit,
    status_command.status,
    show_command.show,
    logs_command.logs,
    cancel_command.cancel,
    retry_command.retry,
    moves.hold,
    moves.release,
    moves.move,
    adopt_command.adopt,
    approve_command.approve,
    tokens_command.tokens,
    nodes_command.nodes,
    control.drain,
    control.pause,
    control.resume,
    fsck_command.fsck,
    demo_command.demo,
    doctor_command.doctor,
):
    app.command()(_command)
for _name, _family in (("controller", controller), ("corpus", corpus), ("schema", schema)):
    app.add_typer(_family.app, name=_name)


def main(arguments: list[str] | None = None) -> int:
    """Run one command line and give its exit code; an error of ours is told, a bug shows its traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A Windows console's code page lacks most letters; a "?" is better than a traceback.
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors="replace")
    asked = given[: given.index("--")] if "--" in given else given
    return errors.run(
        lambda: app(args=given, prog_name=PROGRAM, standalone_mode=False),
        as_json="--json" in asked,
    )
