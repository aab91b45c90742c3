"""``spoolctl cancel``: jobs that have not begun are cancelled; those that run are asked to stop."""

import time
from typing import Annotated, Any

import typer

from spoolctl.cli.each import do_each, show_instead
from spoolctl.cli.opening import (
    DryRunOption,
    GroupOption,
    JobsIfAny,
    JsonOption,
    SpoolOption,
    opened,
)
from spoolctl.spool import Actor, Cancelled, State, StateForbids, UsageError, Verdict, decisions
from spoolctl.spool import cancel as cancel_job
from spoolctl.spool.overview import in_group, resolve

POLL_S = 0.5
_MAY_RUN = (State.QUEUE, State.WAITING, State.HELD, State.CLAIMED)
pause = time.sleep


def cancel(
    jobs: JobsIfAny = None,
    group: GroupOption = None,
    wait: Annotated[
        float,
        typer.Option(
            "--wait",
            metavar="SECONDS",
            min=0,
            help="Wait so long for running jobs to stop; not at all if left out.",
            show_default=False,
        ),
    ] = 0.0,
    message: Annotated[
        str | None, typer.Option("--message", metavar="TEXT", help="Why, for others to read.")
    ] = None,
    dry_run: DryRunOption = False,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel jobs that have not ended."""
    if bool(jobs) == bool(group):
        raise UsageError(
            "cancel needs jobs, or --group, and not both",
            hint="'spoolctl status --all' lists every job",
        )
    actor = opened(spool)
    chosen = jobs or sorted({one.name for one in in_group(actor, group or "", _MAY_RUN)})
    if dry_run:
        show_instead([resolve(actor, job) for job in chosen], "cancel", as_json=as_json)
        return
    until_mono = actor.clock.mono() + wait

    def deed(job: str) -> tuple[str, dict[str, Any]]:
        name = resolve(actor, job)
        done = cancel_job(actor, name, message=message) is Cancelled.DONE
        if not done and wait:
            done = _stopped(actor, name, until_mono)
        line = "cancelled" if done else "asked its worker to stop"
        return f"{name}: {line}", {"job": name, "result": "cancelled" if done else "asked"}

    do_each(chosen, deed, as_json=as_json, bulk="cancelling" if group else None)


def _stopped(actor: Actor, name: str, until_mono: float) -> bool:
    """True once the job is cancelled; False if its attempt is still open at *until_mono*."""
    while True:
        last = decisions(actor, name).highest
        verdict = last.verdict if last else None
        if verdict is not None and verdict.verdict is Verdict.SUCCEEDED:
            raise StateForbids(
                f"cannot cancel '{name}': attempt {verdict.attempt} succeeded before it could stop",
                hint=f"'spoolctl show {name}' lists its images",
            )
        if verdict is not None:
            return True
        left_s = until_mono - actor.clock.mono()
        if left_s <= 0:
            return False
        pause(min(POLL_S, left_s))
