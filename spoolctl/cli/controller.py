"""``spoolctl controller run``: the scanner, as a process of its own or once for a scheduler."""

import platform
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption, SpoolOption, spool_root
from spoolctl.controller.run import Controller
from spoolctl.notify import config_file, read_config
from spoolctl.spool import slug
from spoolctl.spool.eventlog import default_folder, open_log, tell_on_terminal

app = typer.Typer(no_args_is_help=True, help="The controller.")


@app.callback()
def controller() -> None:
    """The controller, which merges results into the corpus, tidies up, and applies retention."""


@app.command()
def run(
    spool: SpoolOption = None,
    as_json: JsonOption = False,
    once: Annotated[
        bool, typer.Option("--once", help="One scan, then leave; for cron and its kind.")
    ] = False,
    no_lock: Annotated[
        bool,
        typer.Option("--no-lock", help="For a share without locks: believe to be the only one."),
    ] = False,
    log_folder: Annotated[
        Path | None, typer.Option("--log-folder", help="Where the event log goes.")
    ] = None,
    notify: Annotated[
        Path | None,
        typer.Option("--notify", help="Whom to tell what: a YAML file; else $SPOOL_NOTIFY."),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Tell nothing while running.")
    ] = False,
) -> None:
    """Scan until told to stop; stand by while another controller does."""
    root = spool_root(spool)
    file = config_file(notify)
    tell = read_config(file) if file is not None else None
    folder = log_folder or default_folder()
    path = folder / f"controller-{slug(platform.node()) or 'machine'}.jsonl"
    log, close = open_log(path, also=None if quiet or as_json or once else tell_on_terminal)
    try:
        life = Controller(root, log, use_lock=not no_lock, tell=tell)
        if once:
            _scan_once(life, as_json=as_json)
        else:
            with life.hang_watch:
                life.run(_stop_on_signal())
    finally:
        close()


def _scan_once(life: Controller, *, as_json: bool) -> None:
    scanned = life.once()
    if scanned is None:
        # No error: a scheduler that starts this beside a running controller must not report a failure each night.
        line = "another controller has the role and scans by itself; nothing to do"
        rendering.answer({"standing_by": True}, lambda page: page.line(line), as_json=as_json)
        return
    document = {
        "standing_by": False,
        "merged": scanned.merged,
        "reaped": scanned.swept.reaped,
        "settled": scanned.swept.settled,
        "promoted": scanned.swept.promoted,
        "cancelled": scanned.swept.cancelled,
        "corpus_lines_added": scanned.compiled,
        "problems": scanned.problems,
        "strays": scanned.strays,
        "troubles": scanned.troubles,
    }

    def text(page: rendering.Page) -> None:
        numbers = ("merged", "reaped", "settled", "promoted", "cancelled")
        page.line(", ".join(f"{document[key]} {key}" for key in numbers))
        for name, problem in scanned.problems.items():
            page.line(f"not merged: {name}: {problem}", style="red")
        for folder, told in scanned.strays.items():
            page.line(f"{folder}: {told}", style="yellow")
        for trouble in scanned.troubles:
            page.line(f"will be tried again: {trouble}", style="yellow")

    rendering.answer(document, text, as_json=as_json)


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda _number, _frame: stop.set())
    return stop
