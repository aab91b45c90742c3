"""``spoolctl group``: jobs that were submitted together, as one thing."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from spoolctl.cli import rendering
from spoolctl.cli.each import do_each, show_instead
from spoolctl.cli.opening import (
    DryRunOption,
    JsonOption,
    SpoolOption,
    opened,
    spool_root,
)
from spoolctl.cli.rendering import Page
from spoolctl.groups import Member, Standing, standing_of
from spoolctl.index import Index
from spoolctl.index.opening import indexed
from spoolctl.spool import (
    Actor,
    Cancelled,
    cancel,
    layout,
)
from spoolctl.spool import retry as retry_job
from spoolctl.views.groups import group_document, group_list, known_standing
from spoolctl.views.plain import counted, duration, moment

EXIT_NOT_ALL = 3
EXIT_STILL_OPEN = 4
POLL_S = 2.0
pause = time.sleep
app = typer.Typer(no_args_is_help=True, help="Groups: jobs that were submitted together.")


GroupArgument = Annotated[
    str, typer.Argument(metavar="GROUP", help="The group's name.", show_default=False)
]


@app.callback()
def group() -> None:
    """Jobs that were submitted together, as one thing."""


@app.command("list")
def list_groups(spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """List the groups, the one that ended last first."""
    actor = opened(spool)
    with indexed(actor, spool_root(spool)) as index:
        rows = group_list(actor, index)
    rendering.answer({"groups": rows}, lambda page: _list_page(page, rows), as_json=as_json)


@app.command()
def show(
    name: GroupArgument,
    every: Annotated[bool, typer.Option("--all", help="List every job of it.")] = False,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a group: how many of its jobs are where, what failed and why, where its images are."""
    actor = opened(spool)
    with indexed(actor, spool_root(spool)) as index:
        standing = known_standing(actor, index, name)
        document = group_document(index, standing)
    rendering.answer(
        document, lambda page: _page(page, document, standing, every=every), as_json=as_json
    )


@app.command("cancel")
def cancel_group(
    name: GroupArgument,
    dry_run: DryRunOption = False,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel what has not ended of a group; running jobs are asked to stop."""
    actor = opened(spool)
    chosen = _chosen(actor, spool_root(spool), name, lambda one: one.is_open)
    if dry_run:
        show_instead(chosen, "cancel", as_json=as_json)
        return

    def deed(job: str) -> tuple[str, dict[str, Any]]:
        done = cancel(actor, job) is Cancelled.DONE
        line = "cancelled" if done else "asked its worker to stop"
        return f"{job}: {line}", {"job": job, "result": "cancelled" if done else "asked"}

    do_each(chosen, deed, as_json=as_json, bulk="cancelling")


@app.command("retry")
def retry_group(
    name: GroupArgument,
    cancelled: Annotated[
        bool, typer.Option("--cancelled", help="Those that were cancelled, too.")
    ] = False,
    dry_run: DryRunOption = False,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put what failed of a group back into a queue."""
    actor = opened(spool)
    states = ("failed", "cancelled") if cancelled else ("failed",)
    chosen = _chosen(actor, spool_root(spool), name, lambda one: one.state in states)
    if dry_run:
        show_instead(chosen, "retry", as_json=as_json)
        return

    def deed(job: str) -> tuple[str, dict[str, Any]]:
        location = retry_job(actor, job)
        return f"{job}: now in {location.place.folder}/", {
            "job": job,
            "folder": location.place.folder,
        }

    do_each(chosen, deed, as_json=as_json, bulk="retrying")


@app.command()
def wait(
    name: GroupArgument,
    for_s: Annotated[
        float | None,
        typer.Option(
            "--for",
            metavar="SECONDS",
            min=0,
            help="At most so long; for ever if left out.",
            show_default=False,
        ),
    ] = None,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Wait until every job of a group has ended. Exit code 3 if one did not succeed, 4 if the time ran out first."""
    actor = opened(spool)
    root = spool_root(spool)
    until_mono = None if for_s is None else actor.clock.mono() + for_s
    with indexed(actor, root) as index:
        standing = known_standing(actor, index, name)
        total = len(standing.members)
        with rendering.progress("ended", total, shown=not as_json) as advance:
            told = 0
            while True:
                for _ in range(told, total - _open(standing)):
                    advance()
                told = max(told, total - _open(standing))
                out_of_time = until_mono is not None and actor.clock.mono() >= until_mono
                if not standing.is_open or out_of_time:
                    break
                pause(POLL_S)
                standing = _once_more(actor, root, index, standing)
    document = {"group": name, "open": standing.is_open, "counts": standing.counts}
    rendering.answer(
        document, lambda page: page.line(f"{name}: {_told(standing)}"), as_json=as_json
    )
    if standing.is_open:
        raise typer.Exit(EXIT_STILL_OPEN)
    if set(standing.counts) != {"succeeded"}:
        raise typer.Exit(EXIT_NOT_ALL)


def _once_more(actor: Actor, root: Path, index: Index, before: Standing) -> Standing:
    """How the group stands now; as before, which is told, while the share does not answer."""
    try:
        index.refresh(root)
        now = standing_of(actor, index, before.group, open_records=not before.definitions)
        # Before it is called ended: somebody may have dropped more files that name it.
        return now if now.is_open else standing_of(actor, index, before.group, open_records=True)
    except OSError as error:
        rendering.complain("warning", f"the share does not answer, looking again: {error}")
        return before


def _chosen(actor: Actor, root: Path, name: str, wanted: Callable[[Member], bool]) -> list[str]:
    with indexed(actor, root) as index:
        standing = known_standing(actor, index, name, open_records=True)
    return [one.name for one in standing.members if wanted(one)]


def _open(standing: Standing) -> int:
    return sum(one.is_open for one in standing.members)


def _told(standing: Standing) -> str:
    return ", ".join(f"{count} {state}" for state, count in standing.counts.items())


def _list_page(page: Page, rows: list[dict[str, Any]]) -> None:
    if not rows:
        page.line(
            "no groups yet; dropped jobs are known by the group that they name once one has ended"
        )
        return
    columns = ("GROUP", "ENDED", "FAILED", "IMAGES", "RATED", "PICKED", "LAST END")
    cells = [
        (
            one["group"],
            f"{one['ended']} of {one['jobs']}" if one["jobs"] is not None else str(one["ended"]),
            str(one["failed"] or ""),
            str(one["images"]),
            str(one["rated"] or ""),
            str(one["picked"] or ""),
            _utc(one["last_end"]),
        )
        for one in rows
    ]
    page.table(columns, cells, folds=("GROUP",))


def _utc(told: str | None) -> str:
    """As all other moments are shown; as it is told if that is no moment."""
    try:
        return moment(datetime.fromisoformat(told)) if told else ""
    except ValueError:
        return told or ""


def _page(page: Page, document: dict[str, Any], standing: Standing, *, every: bool) -> None:
    page.line(f"{document['group']}: {_told(standing)}", style="bold")
    said = [counted(document["images"], "image")]
    if document["rated"] or document["picked"]:
        said.append(f"{document['rated']} rated, {document['picked']} picked")
    said.append(f"{duration(document['gpu_s'])} of cards' time")
    page.line(", ".join(said))
    page.line(
        f"{document['folder']}/"
        if standing.is_open
        else f"{document['folder']}/{layout.GROUP_PAGE}"
    )
    shown = [one for one in standing.members if every or one.state in ("running", "failed", "gone")]
    rows = [
        (
            one.name, one.state, (one.end.code or "") if one.end and one.state == "failed" else "",
            (one.end.worker or "") if one.end else "",
        )
        for one in shown
    ]  # fmt: skip
    if rows:
        page.table(("JOB", "STATE", "CODE", "WORKER"), rows, folds=("JOB",))
    if not every and len(shown) < len(standing.members):
        page.line(f"{counted(len(standing.members) - len(shown), 'more job')}; --all lists them")
