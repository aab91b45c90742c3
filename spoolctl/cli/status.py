"""``spoolctl status``: how much lies where, who runs what, what failed and why, and what waits for what."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import GroupOption, JsonOption, SpoolOption, opened
from spoolctl.cli.status_page import failed_page, listing_page, overview_page
from spoolctl.spool import Actor, UsageError
from spoolctl.spool.overview import Memory
from spoolctl.views.status import failed_view, listing_view, overview

REFRESH_S = 2.0
pause = time.sleep

View = Callable[[], dict[str, Any]]
Show = Callable[[rendering.Page, dict[str, Any]], None]


def status(
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Look again every 2 seconds, until Ctrl-C.")
    ] = False,
    all_: Annotated[bool, typer.Option("--all", help="List every job.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="List every failed job.")] = False,
    group: GroupOption = None,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who runs what, what waits, what failed."""
    if all_ and failed:
        raise UsageError("--all and --failed are two lists", hint="ask for one of them")
    actor = opened(spool)
    view, show = _chosen(actor, group, every=all_, failed=failed)
    if watch:
        _watch(view, show, as_json=as_json)
        return
    document = view()
    rendering.answer(document, lambda page: show(page, document), as_json=as_json)


def _chosen(actor: Actor, group: str | None, *, every: bool, failed: bool) -> tuple[View, Show]:
    if failed:
        return lambda: failed_view(actor, group), failed_page
    if every:
        return lambda: listing_view(actor, group), listing_page
    memory = Memory()
    return lambda: overview(actor, memory, group), overview_page


def _watch(view: View, show: Show, *, as_json: bool) -> None:
    if as_json:
        while True:
            rendering.print_json(view(), on_one_line=True)
            pause(REFRESH_S)
    with rendering.watching() as draw:
        while True:
            document = view()
            draw(lambda page, document=document: show(page, document))  # type: ignore[misc]
            pause(REFRESH_S)
