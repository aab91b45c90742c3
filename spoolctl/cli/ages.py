"""``spoolctl ages``: how long jobs have waited in the queues, by class."""

from typing import Any

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption, SpoolOption, opened
from spoolctl.cli.rendering import Page
from spoolctl.spool import CLASSES, Actor, Location, State, all_records
from spoolctl.views.plain import duration

LOOKED_AT_MAX = 2_000
"""Of more jobs of a class so many are looked at, spread over its queue."""
BOUNDS = (
    ("< 1 min", 60.0), ("< 10 min", 600.0), ("< 1 h", 3_600.0), ("< 6 h", 21_600.0), ("< 1 day", 86_400.0),
    ("older", float("inf")),
)  # fmt: skip


def ages(spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """List how long jobs have waited, by class."""
    actor = opened(spool)
    queued: dict[str, list[Location]] = {job_class: [] for job_class in CLASSES}
    for location in all_records(actor, (State.QUEUE,)):
        queued.setdefault(location.place.part or "none", []).append(location)
    classes = [_facts(actor, name, found) for name, found in queued.items() if found]
    rendering.answer({"classes": classes}, lambda page: _page(page, classes), as_json=as_json)


def _facts(actor: Actor, name: str, found: list[Location]) -> dict[str, Any]:
    every = -(-len(found) // LOOKED_AT_MAX)
    aged = [(age, one) for one in found[::every] if (age := _age_s(actor, one)) is not None]
    counts = dict.fromkeys((label for label, _ in BOUNDS), 0)
    for age, _ in aged:
        counts[next(label for label, bound in BOUNDS if age < bound)] += 1
    oldest = max(aged, key=lambda pair: pair[0], default=None)
    return {
        "class": name,
        "jobs": len(found),
        "looked_at": len(aged),
        "ages": counts,
        "oldest": {"job": oldest[1].name, "age_s": round(oldest[0])} if oldest else None,
    }


def _age_s(actor: Actor, location: Location) -> float | None:
    """Since the record's file was written, by two machines' clocks; ``None`` if it is gone meanwhile."""
    try:
        written = actor.files.stat(location.path).mtime_s
    except FileNotFoundError:
        return None
    return max(0.0, actor.utc_now().timestamp() - written)


def _page(page: Page, classes: list[dict[str, Any]]) -> None:
    if not classes:
        page.line("no job waits in a queue")
        return
    labels = [label for label, _ in BOUNDS]
    rows = [
        (
            one["class"],
            str(one["jobs"]),
            *(str(one["ages"][label]) for label in labels),
            f"{one['oldest']['job']} ({duration(one['oldest']['age_s'])})" if one["oldest"] else "",
        )
        for one in classes
    ]
    page.table(
        ("CLASS", "JOBS", *(label.upper() for label in labels), "OLDEST"), rows, folds=("OLDEST",)
    )
    if any(one["looked_at"] < one["jobs"] for one in classes):
        page.line(
            f"of more than {LOOKED_AT_MAX} jobs of a class, so many were looked at, from all over its queue"
        )
