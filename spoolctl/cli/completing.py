"""What the shell offers when Tab is pressed. Bounded, and silent: with no spool at hand it offers nothing."""

import os
from pathlib import Path

import typer

from spoolctl.spool import CLASSES, Actor, SpoolError, nodes, open_spool
from spoolctl.spool.overview import names_beginning

_OFFERED_MAX = 50


def jobs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of jobs."""
    try:
        actor = _opened(ctx)
        return names_beginning(actor, incomplete, count_max=_OFFERED_MAX) if actor else []
    except (SpoolError, OSError):  # a prompt is no place for errors
        return []


def workers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of workers."""
    try:
        actor = _opened(ctx)
        known = nodes(actor) if actor else {}
    except (SpoolError, OSError):  # a prompt is no place for errors
        return []
    names = [n for n, (card, beat) in known.items() if card or (beat and beat.role == "worker")]
    return [name for name in names if name.startswith(incomplete)][:_OFFERED_MAX]


def classes() -> list[str]:
    """Names of classes."""
    return list(CLASSES)


def _opened(ctx: typer.Context) -> Actor | None:
    said = ctx.params.get("spool") or ctx.find_root().params.get("spool")
    said = said or os.environ.get("SPOOL_ROOT")
    return open_spool(Path(said), name="person-completing") if said else None
