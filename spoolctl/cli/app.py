"""The command line ``spoolctl``: which commands there are, and the entry point.

Guarantees that nothing is imported but for the command that is given: ``--help`` needs no more than Typer.
"""

import atexit
import contextlib
import gc
import importlib
import io
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from spoolctl.cli.options import JsonOption, SpoolOption

PROGRAM = "spoolctl"

COMMANDS = {
    "init": ("init:init", "Make a spool in a new or empty folder."),
    "submit": ("submit:submit", "Submit jobs, all of them or none."),
    "expand": ("expand:expand", "Show what a plan makes, or write its jobs as files."),
    "derive": (
        "derive:derive",
        "Submit new jobs from an image: variations, the same one larger, or only enlarged.",
    ),
    "status": ("status:status", "Show who runs what, what waits, what failed."),
    "show": ("show:show", "Show one job, its attempts and their reasons."),
    "explain": ("explain:explain_job", "Say why a job is not running, worker by worker."),
    "ages": ("ages:ages", "List how long jobs have waited, by class."),
    "logs": ("logs:logs", "Print the log of a job's attempt."),
    "cancel": ("cancel:cancel", "Cancel jobs that have not ended."),
    "retry": ("retry:retry", "Put failed or cancelled jobs back into a queue."),
    "hold": ("moves:hold", "Hold jobs back that have not begun."),
    "release": ("moves:release", "Let held or waiting jobs go to their queue."),
    "move": ("moves:move", "Move queued jobs to another class."),
    "adopt": ("adopt:adopt", "Keep the images of a superseded or lost attempt."),
    "approve": (
        "approve:approve",
        "Approve a job's images, once and for all; jobs that wait for that go on.",
    ),
    "group": ("group:app", "Groups: jobs that were submitted together."),
    "results": ("results:results", "Find images by what they are and what was said of them."),
    "review": (
        "review:review",
        "Watch, look through, rate, pick and approve in a browser.",
    ),
    "rate": ("rate:rate", "Rate images, pick or reject them, or take it back."),
    "tokens": ("tokens:tokens", "List the spool's tokens, their slots and who holds them."),
    "nodes": ("nodes:nodes", "List workers and controllers."),
    "figures": ("figures:figures", "Show what was learned of times, memory and failures."),
    "drain": ("control:drain", "Ask workers to finish what they run, then stop."),
    "pause": (
        "control:pause",
        "Ask workers to claim nothing until resumed, also after a restart; they give their cards' memory back.",
    ),
    "resume": ("control:resume", "Take back what was asked of workers."),
    "fsck": ("fsck:fsck", "Check every invariant of a spool, live or at rest."),
    "demo": (
        "demo:demo",
        "Show a spool at work on this machine; takes half a minute and needs no GPU.",
    ),
    "doctor": (
        "doctor:doctor",
        "Prove a share: what it refuses, how soon things are seen, locks, clock, permissions, speed, mount options.",
    ),
    "simulate": ("simulate:simulate", "Try the choosing on a farm that is not there."),
    "controller": ("controller:app", "The controller."),
    "notify": ("notify:app", "Telling people what happens."),
    "corpus": ("corpus:app", "The learning corpus."),
    "history": ("history:app", "The history of jobs that have ended."),
    "schema": ("schema:app", "JSON Schemas of the spool's files."),
}
"""Each command and family, in the order of the help: where it is defined, and its line there."""


class Command(TyperCommand):
    """A command of which only name and line are known until it is given."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **more: Any) -> Any:  # noqa: ANN401
        """That of the real command, which takes over from here on; help and completion come through here, too."""
        module, attribute = COMMANDS[str(self.name)][0].split(":")
        found = getattr(importlib.import_module(f"spoolctl.cli.{module}"), attribute)
        around = typer.Typer(rich_markup_mode=None, add_completion=False)
        around.callback()(lambda: None)  # without it, an only command would be the whole program
        if isinstance(found, typer.Typer):
            around.add_typer(found, name=self.name)
        else:
            around.command(self.name)(found)
        group: Any = typer.main.get_command(around)
        return group.commands[self.name].make_context(info_name, args, *rest, **more)


class Commands(TyperGroup):
    """All commands, none of them imported."""

    def __init__(self, *, commands: Any = None, **settings: Any) -> None:  # noqa: ANN401
        del commands  # what was registered with Typer: nothing
        known: Any = {name: Command(name, help=line) for name, (_, line) in COMMANDS.items()}
        super().__init__(commands=known, **settings)


# No markup: help is read in logs and pipes too, and boxes help nobody there.
app = typer.Typer(
    name=PROGRAM,
    cls=Commands,
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
        rendering = importlib.import_module("spoolctl.cli.rendering")
        number = importlib.import_module("spoolctl.spool.version").VERSION
        document = {"program": PROGRAM, "version": number}
        rendering.answer(document, lambda page: page.line(f"{PROGRAM} {number}"), as_json=as_json)
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        sys.stdout.write(ctx.get_help() + "\n")
        raise typer.Exit(2)


def main(arguments: list[str] | None = None) -> int:
    """Run one command line and give its exit code; an error of ours is told, a bug shows its traceback.

    Args:
        arguments: The command line; None if this process was started for it.
    """
    if arguments is None:
        # An interpreter that ends looks through all that was imported for garbage, again and again: a quarter of a short
        # command's time, and nobody uses what it frees. Exit handlers, modules and open files end as ever.
        atexit.register(gc.freeze)
    given = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A Windows console's code page lacks most letters; a "?" is better than a traceback.
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors="replace")
    asked = given[: given.index("--")] if "--" in given else given
    try:
        code = app(args=given, prog_name=PROGRAM, standalone_mode=False)
    except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001 - it raises a bug again
        errors = importlib.import_module("spoolctl.cli.errors")
        return int(errors.ended_by(problem, as_json="--json" in asked))
    return code if isinstance(code, int) else 0
