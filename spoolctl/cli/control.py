"""``spoolctl drain``, ``pause`` and ``resume``: what people ask of workers."""

from typing import Any

from spoolctl.cli.each import do_each
from spoolctl.cli.opening import JsonOption, SpoolOption, WorkersArgument, opened
from spoolctl.spool import (
    Action,
    Actor,
    NoSuchJob,
    ask_worker,
    is_worker_name,
    resume_worker,
)
from spoolctl.spool import nodes as known_nodes

_MEANS = {
    "drain": "finishes what it runs, then stops",
    "pause": "finishes what it runs, then claims nothing until 'spoolctl resume'",
}


def drain(workers: WorkersArgument, spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """Ask workers to finish what they run, then stop."""
    _ask(opened(spool), workers, "drain", as_json=as_json)


def pause(workers: WorkersArgument, spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """Ask workers to claim nothing until resumed."""
    _ask(opened(spool), workers, "pause", as_json=as_json)


def resume(
    workers: WorkersArgument, spool: SpoolOption = None, as_json: JsonOption = False
) -> None:
    """Take back what was asked of workers."""
    actor = opened(spool)

    def deed(worker: str) -> tuple[str, dict[str, Any]]:
        _refuse_odd(worker)
        there = resume_worker(actor, worker)
        if not there and worker not in known_nodes(actor):
            _refuse(worker)
        said = "goes on" if there else "nothing was asked of it"
        return f"{worker}: {said}", {"worker": worker, "resumed": there}

    do_each(workers, deed, noun="workers", as_json=as_json)


def _ask(actor: Actor, workers: list[str], action: Action, *, as_json: bool) -> None:
    def deed(worker: str) -> tuple[str, dict[str, Any]]:
        _refuse_odd(worker)
        request = ask_worker(actor, worker, action)
        facts = {"worker": worker, "asked": action, "session": request.session}
        return f"{worker}: asked to {action}; it {_MEANS[action]}", facts

    do_each(workers, deed, noun="workers", as_json=as_json)


def _refuse_odd(worker: str) -> None:
    """A name becomes part of a path, so one with a slash in it must not get that far."""
    if not is_worker_name(worker):
        _refuse(worker)


def _refuse(worker: str) -> None:
    raise NoSuchJob(f"no worker '{worker}' in this spool", hint="'spoolctl nodes' lists them")
