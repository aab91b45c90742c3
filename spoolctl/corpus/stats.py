"""What a corpus says in figures: how much is rated, and how well each value and each model did.

Pure. Means are of what StableNew's recommendations reckon with (``counts_as``); an image that nobody rated is in none.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from spoolctl.corpus.flat import Row

_BY = {
    "values": ("experiment", "variable", "value"),
    "models": ("model",),
    "samplers": ("sampler",),
}


def stats(rows: Iterable[Row]) -> dict[str, Any]:
    """Figures of a table of ``corpus.flat``.

    Returns:
        ``images``, ``rated``, ``unrated``, ``picked``, ``rejected``, ``noted``, ``mean`` (None if nothing is rated), and the lists
        ``values`` (by experiment, variable and value), ``models`` and ``samplers``, each entry with ``images``, ``rated`` and ``mean``.
    """
    kept = list(rows)
    told: dict[str, Any] = _figures(kept) | {
        "picked": sum(row["choice"] == "picked" for row in kept),
        "rejected": sum(row["choice"] == "rejected" for row in kept),
        "noted": sum(row["note"] is not None for row in kept),
    }
    told["unrated"] = told["images"] - told["rated"]
    for name, keys in _BY.items():
        groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in kept:
            if row[keys[0]] is not None:
                groups[tuple(row[key] or "" for key in keys)].append(row)
        told[name] = [
            dict(zip(keys, group, strict=True)) | _figures(members)
            for group, members in sorted(groups.items())
        ]
    return told


def _figures(rows: list[Row]) -> dict[str, Any]:
    counts = [row["counts_as"] for row in rows if row["counts_as"] is not None]
    mean = round(statistics.fmean(counts), 2) if counts else None
    return {"images": len(rows), "rated": len(counts), "mean": mean}
