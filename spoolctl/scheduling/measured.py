"""Measured times turned into estimates: a line through what was seen, and how wide the range around it is.

Pure. ``timed`` takes attempts that succeeded only: how long a failure took says nothing.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from spoolctl.scheduling.formula import Estimate
from spoolctl.spool import LOAD, FigureRow, Node

LINE_MIN, LINE_SPREAD = 6, 2.0
"""A fixed part is told from a part that grows once so many runs lie so many times apart; below that all of it grows."""
_SECONDS_MIN = 1e-3

Point = tuple[float, float]
"""Units and seconds."""


@dataclass(frozen=True)
class Place:
    """Where work runs, as the figures tell places apart."""

    backend: str
    card: str
    host: str
    gpu: str | None
    vram_gb: float | None

    @classmethod
    def of(cls, node: Node) -> "Place":
        """A node's."""
        return cls(
            node.backend,
            card_label(node.gpu, node.worker),
            card_label(None, node.worker),
            node.gpu,
            node.vram_gb,
        )


def card_label(gpu: str | None, worker: str | None) -> str:
    """How a card is called in the figures: by its name, or by its worker where that is not known."""
    return (gpu or f"worker {worker or 'unknown'}")[:200]


def size_of(megapixels: float) -> float:
    """The size's bucket: the nearest half power of two, in megapixels; 0 for what has no size."""
    return round(2 ** (round(2 * math.log2(megapixels)) / 2), 3) if megapixels > 0 else 0.0


def timed(rows: Iterable[FigureRow]) -> list[Point]:
    """The units and seconds of every run that succeeded and was timed."""
    return [
        (max(one.units, 1e-6), max(one.seconds, _SECONDS_MIN))
        for row in rows
        for one in row.samples
        if not one.outcome and one.seconds is not None
    ]


def fitted(
    points: Sequence[Point], units: float, widen: float, note: str, *, what: str = "run"
) -> Estimate:
    """What *points*, at least one, say of *units*.

    The range is from the fastest to the slowest that was seen, as ratios to the line, and wider the fewer they are:
    by ``widen * (1 + 1 / sqrt(n))``.
    """
    fixed, each = _line(points)

    def line(x: float) -> float:
        return max(_SECONDS_MIN, fixed + each * x)

    ratios = sorted(seconds / line(x) for x, seconds in points)
    margin = widen * (1 + 1 / math.sqrt(len(points)))
    expected = line(max(units, 1e-6))
    count = len(points)
    return Estimate(
        expected * ratios[0] / margin,
        expected * median(ratios),
        expected * ratios[-1] * margin,
        count,
        f"{count} {what if count == 1 else what + 's'}{note}",
    )


def _line(points: Sequence[Point]) -> Point:
    """Seconds that are fixed, and seconds for each unit; neither is below 0."""
    smallest, largest = min(x for x, _ in points), max(x for x, _ in points)
    growing = median(seconds / x for x, seconds in points)
    if len(points) < LINE_MIN or largest < LINE_SPREAD * smallest:
        return 0.0, growing
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    each = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum(
        (x - mean_x) ** 2 for x, _ in points
    )
    fixed = mean_y - each * mean_x
    if each < 0:
        return mean_y, 0.0
    return (0.0, growing) if fixed < 0 else (fixed, each)


def speed_ratio(rows: Iterable[FigureRow], known: str, wanted: str) -> float | None:
    """How many times longer *wanted* takes than *known*, by the work that both have done; ``None``: there is none."""
    each: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(dict)
    for row in rows:
        if row.card in (known, wanted) and row.stage != LOAD:
            seen = each[row.backend, row.model, row.stage].setdefault(row.card, [])
            seen.extend(seconds / x for x, seconds in timed([row]))
    ratios = [
        median(seen[wanted]) / median(seen[known])
        for seen in each.values()
        if seen.get(wanted) and seen.get(known)
    ]
    return median(ratios) if ratios else None
