"""``spoolctl figures``: what was learned of how long work takes, what memory it needs and how often it fails."""

from collections.abc import Iterator
from statistics import median
from typing import Annotated, Any

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption, SpoolOption, opened
from spoolctl.scheduling.measured import timed
from spoolctl.spool import LOAD, FigureRow, read_figures


def figures(
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="TEXT",
            help="Only models whose name holds this text.",
            show_default=False,
        ),
    ] = None,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was learned of times, memory and failures."""
    found = read_figures(opened(spool))
    wanted = (model or "").casefold()
    rows = [_facts(row) for row in (found.rows if found else ()) if wanted in row.model]
    rendering.answer({"figures": rows}, lambda page: _page(page, rows), as_json=as_json)


def _facts(row: FigureRow) -> dict[str, Any]:
    points = timed([row])
    failed = [one for one in row.samples if one.outcome]
    peaks = [one.peak_gb for one in row.samples if one.peak_gb and not one.outcome]
    facts: dict[str, Any] = {
        "backend": row.backend, "model": row.model, "stage": row.stage, "size": row.size, "card": row.card,
        "vram_gb": row.vram_gb, "samples": len(row.samples), "failed": len(failed),
        "codes": sorted({one.outcome for one in failed}), "peak_gb": max(peaks, default=None),
    }  # fmt: skip
    if points:
        # Of a load each counts as one unit; of work, as its steps times megapixels times images.
        each = median(seconds / units for units, seconds in points)
        facts |= {
            "seconds_per_unit": float(f"{each:.3g}"),
            "seconds_min": min(seconds for _, seconds in points),
            "seconds_max": max(seconds for _, seconds in points),
        }
    return facts


def _page(page: rendering.Page, rows: list[dict[str, Any]]) -> None:
    if not rows:
        page.line("nothing learned yet; the controller folds it from what has ended")
        return
    columns = ("MODEL", "STAGE", "SIZE", "CARD", "RUNS", "FAILED", "TOOK", "PER UNIT", "PEAK")
    page.table(columns, [tuple(_cells(one)) for one in rows], folds=("MODEL", "CARD"))


def _cells(row: dict[str, Any]) -> Iterator[str]:
    yield row["model"] or "-"
    yield row["stage"]
    yield f"{row['size']:g} MP" if row["size"] else ""
    yield row["card"]
    yield str(row["samples"] - row["failed"])
    yield f"{row['failed']} ({', '.join(row['codes'])})" if row["failed"] else ""
    timed_here = "seconds_min" in row
    yield f"{row['seconds_min']:.3g} to {row['seconds_max']:.3g} s" if timed_here else ""
    yield f"{row['seconds_per_unit']:.3g} s" if timed_here and row["stage"] != LOAD else ""
    yield f"{row['peak_gb']:g} GB" if row["peak_gb"] else ""
