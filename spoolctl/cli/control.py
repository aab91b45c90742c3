"""``spoolctl drain``, ``pause`` and ``resume``: what people ask of workers."""

from typing import Annotated, Any

import typer

from spoolctl.cli.each import do_each
from spoolctl.cli.opening import JsonOption, SpoolOption, WorkersArgument, opened
from spoolctl.scheduling.durations import parse_duration
from spoolctl.spool import (
    Action,
    Actor,
    NoSuchJob,
    ask_worker,
    is_worker_name,
    resume_worker,
)
from spoolctl.spool import nodes as known_nodes
from spoolctl.views.plain import moment

NowOption = Annotated[
    bool, typer.Option("--now", help="Hand back the job in work; its attempt does not count.")
]
ForOption = Annotated[
    str | None,
    typer.Option(
        "--for",
        metavar="SPAN",
        help="Go on by itself after so long: 45m, 2h, 1h30m.",
        show_default=False,
    ),
]
MessageOption = Annotated[
    str | None, typer.Option("--message", metavar="TEXT", help="Why.", show_default=False)
]


def drain(
    workers: WorkersArgument,
    now: NowOption = False,
    message: MessageOption = None,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask workers to finish what they run, then stop."""
    _ask(opened(spool), workers, "drain", as_json=as_json, now=now, message=message)


def pause(
    workers: WorkersArgument,
    now: NowOption = False,
    for_: ForOption = None,
    message: MessageOption = None,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask workers to claim nothing until resumed, also after a restart; they give their cards' memory back."""
    for_s = None if for_ is None else parse_duration(for_)
    _ask(opened(spool), workers, "pause", as_json=as_json, now=now, message=message, for_s=for_s)


def resume(
    workers: WorkersArgument, spool: SpoolOption = None, as_json: JsonOption = False
) -> None:
    """Take back what was asked of workers."""
    actor = opened(spool)

    def deed(worker: str) -> tuple[str, dict[str, Any]]:
        _refuse_odd(worker)
        there = resume_worker(actor, worker)
        said = "goes on"
        if not there:
            known = known_nodes(actor)
            if worker not in known:
                _refuse(worker)
            beat = known[worker][1]
            rests = beat.rests if beat is not None and not beat.is_stopped else None
            # Its hours, or a pause on its own machine: not to be taken back from here.
            said = "nothing was asked of it" + (f"; it rests: {rests}" if rests else "")
        return f"{worker}: {said}", {"worker": worker, "resumed": there}

    do_each(workers, deed, noun="workers", as_json=as_json)


def _ask(
    actor: Actor,
    workers: list[str],
    action: Action,
    *,
    as_json: bool,
    now: bool,
    message: str | None,
    for_s: float | None = None,
) -> None:
    def deed(worker: str) -> tuple[str, dict[str, Any]]:
        _refuse_odd(worker)
        request = ask_worker(actor, worker, action, message=message, now=now, for_s=for_s)
        first = "hands back" if now else "finishes"
        until = moment(request.until) or "'spoolctl resume'"
        then = "stops" if action == "drain" else f"claims nothing until {until}"
        facts: dict[str, Any] = {"worker": worker, "asked": action, "now": now}
        facts |= {"session": request.session} if request.session else {}
        facts |= {"until": moment(request.until)} if request.until else {}
        return f"{worker}: asked to {action}; it {first} what it runs, then {then}", facts

    do_each(workers, deed, noun="workers", as_json=as_json)


def _refuse_odd(worker: str) -> None:
    """A name becomes part of a path, so one with a slash in it must not get that far."""
    if not is_worker_name(worker):
        _refuse(worker)


def _refuse(worker: str) -> None:
    raise NoSuchJob(f"no worker '{worker}' in this spool", hint="'spoolctl nodes' lists them")
