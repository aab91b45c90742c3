"""Folding what attempts told into the figures: the same attempts give the same figures, in whatever order and however often they come.

Pure. Each attempt becomes samples in a few rows. A row keeps its newest samples: by the day of the verdict, which the share's clock gave,
and within a day by a digest, which is a fair draw. All samples up to the *horizon* are left out; it lies where as many rows as are kept
have something newer, and only ever grows. So what is kept depends on nothing but which attempts were told: a file that is lost is made
anew, the same; what two controllers fold, one after the other, is what one of them would.

Bounded: ``ROWS_MAX`` rows; the fewer rows, the more samples in each, ``SAMPLES_MAX`` in all, at most ``EACH_MAX`` and at least
``SAMPLES_MAX // ROWS_MAX``. A row with 3 samples takes some 280 bytes, so that a thousand kinds of work make a file below 200 kB: 700 rows,
those that ran last.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from spoolctl.scheduling.measured import card_label, size_of
from spoolctl.spool import FIGURES_SCHEMA, LOAD, Code, FigureRow, Figures, Sample

ROWS_MAX = 700
SAMPLES_MAX = 2_100
EACH_MAX = 30
LOADED_S = 0.3
"""A load that took less was none."""
_NAME_CHARS_MAX = 80
_FOLDED_AT_ONCE = 5_000

Key = tuple[str, str, str, float, str, float]
"""Backend, model, stage, size, card and its memory (-1: not known)."""
Found = tuple[Key, Sample]


def samples_of(line: dict[str, Any]) -> list[Found]:
    """The samples in one line of history, as ``controller.ran`` wrote it; none if it tells nothing that can be read.

    Anybody may have written the line: another version of this program, or a person.
    """
    name, told = line.get("name"), line.get("ran")
    found: list[Found] = []
    for facts in told if isinstance(told, list) else ():
        try:
            found.extend(_samples(f"{name}~{facts['attempt']}", facts))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            continue
    return found


def fold(
    figures: Figures | None,
    found: Iterable[Found],
    *,
    rows_max: int = ROWS_MAX,
    samples_max: int = SAMPLES_MAX,
) -> Figures:
    """Add samples to *figures*; ``None``: to nothing."""
    rows: dict[Key, set[Sample]] = {}
    for row in figures.rows if figures else ():
        vram_gb = -1.0 if row.vram_gb is None else row.vram_gb
        key = (row.backend, row.model, row.stage, row.size, row.card, vram_gb)
        rows.setdefault(key, set()).update(row.samples)
    horizon = figures.horizon if figures else ""
    pending = 0
    for key, sample in found:
        if sample.at > horizon:
            rows.setdefault(key, set()).add(sample)
            pending += 1
        if pending >= _FOLDED_AT_ONCE:
            horizon, pending = _cut(rows, horizon, rows_max, samples_max), 0
    horizon = _cut(rows, horizon, rows_max, samples_max)
    return Figures(
        schema_=FIGURES_SCHEMA,
        horizon=horizon,
        rows=tuple(_row(key, rows[key]) for key in sorted(rows)),
    )


def _cut(rows: dict[Key, set[Sample]], horizon: str, rows_max: int, samples_max: int) -> str:
    """Leave out what is too much; the horizon from now on."""
    if len(rows) > rows_max:
        newest = sorted((max(one.at for one in seen) for seen in rows.values()), reverse=True)
        horizon = max(horizon, newest[rows_max])
    for key in list(rows):
        rows[key] = {one for one in rows[key] if one.at > horizon}
        if not rows[key]:
            del rows[key]
    least = samples_max // rows_max
    # Once there is a horizon, always the least: a number that could grow again would ask for samples that are gone.
    each = least if horizon else min(EACH_MAX, max(least, samples_max // max(1, len(rows))))
    for key, seen in rows.items():
        if len(seen) > each:
            rows[key] = set(sorted(seen, key=_order)[-each:])
    return horizon


def _row(key: Key, seen: set[Sample]) -> FigureRow:
    backend, model, stage, size, card, vram_gb = key
    return FigureRow(
        backend=backend, model=model, stage=stage, size=size, card=card,
        vram_gb=None if vram_gb < 0 else vram_gb, samples=tuple(sorted(seen, key=_order)),
    )  # fmt: skip


def _order(sample: Sample) -> tuple[Any, ...]:
    return tuple(-1.0 if value is None else value for value in sample)


def _samples(which: str, facts: dict[str, Any]) -> Iterator[Found]:
    at = f"{date.fromisoformat(facts['day']).toordinal():05x}{hashlib.sha256(which.encode(errors='replace')).hexdigest()[:7]}"
    outcome, worker = str(facts["outcome"])[:_NAME_CHARS_MAX], facts.get("worker")
    backend, model = _name(facts.get("backend")), _name(facts.get("model"))
    vram_gb, at_once = _amount(facts.get("vram_gb")), _amount(facts["at_once"]) or 0.0
    card = card_label(_name(facts.get("gpu")) or None, _name(worker) or None)

    def key(stage: dict[str, Any]) -> Key:
        size = size_of(_amount(stage["megapixels"]) or 0.0)
        where = -1.0 if vram_gb is None else vram_gb
        return (backend, model, _name(stage["stage"]) or "unknown", size, card, where)

    heaviest = max(facts["stages"], key=lambda one: (_amount(one["megapixels"]), one["units"]))
    if outcome:
        peak_gb = _amount(facts.get("peak_gb"))
        if outcome == Code.OUT_OF_MEMORY.value:
            others_gb = _amount(facts.get("others_gb")) or 0.0
            peak_gb = None if vram_gb is None else round(max(0.0, vram_gb - others_gb), 1)
        yield key(heaviest), Sample(at, outcome, None, _units(heaviest), at_once, peak_gb)
        return
    load_s = _amount(facts.get("load_s"))
    # A load that nobody timed is somewhere in the first stage's time.
    blurred = load_s is None and facts.get("was_loaded") is False
    unspent_s = load_s or 0.0
    for stage in facts["stages"]:
        seconds = _amount(stage.get("seconds"))
        if seconds is not None:
            seconds, unspent_s = max(0.0, seconds - unspent_s), 0.0
            seconds = None if blurred else float(f"{seconds:.4g}")
            blurred = False
        if seconds is not None or stage is heaviest:
            peak_gb = _amount(facts.get("peak_gb")) if stage is heaviest else None
            yield key(stage), Sample(at, "", seconds, _units(stage), at_once, peak_gb)
    if load_s is not None and load_s >= LOADED_S and worker:
        where = (backend, model, LOAD, 0.0, card_label(None, _name(worker)), -1.0)
        yield where, Sample(at, "", float(f"{load_s:.4g}"), 1.0, 0.0, None)


def _units(stage: dict[str, Any]) -> float:
    return float(f"{_amount(stage['units']) or 0.0:.4g}")


def _name(value: object) -> str:
    return value[:_NAME_CHARS_MAX] if isinstance(value, str) else ""


def _amount(value: object) -> float | None:
    """A number of 0 or more; ``None`` if there is none.

    Raises:
        ValueError: It is something else.
    """
    if value is None:
        return None
    number = float(value) if isinstance(value, int | float) else math.nan
    if not 0 <= number < math.inf:
        raise ValueError(f"{value!r} is no amount")
    return float(f"{number:.4g}")
