"""Asking the index: images by what they are, and the ends of jobs.

Guarantees: the order is total (time, job, image), so that pages neither repeat nor miss a row of an index that does not change in between.
Text is searched as it stands, without regard to case of ASCII letters; ``%`` and ``_`` are no wildcards.
"""

import sqlite3
from dataclasses import dataclass
from typing import Literal

Order = Literal["newest", "oldest", "plan", "best"]
_ORDERS: dict[Order, str] = {
    "newest": "i.ended DESC, i.job DESC, i.image_index DESC",
    "oldest": "i.ended, i.job, i.image_index",
    "plan": "i.job, i.image_index",
    "best": "w.rating IS NULL, w.rating DESC, i.ended DESC, i.job, i.image_index",
}
_FROM = "FROM images i LEFT JOIN words w USING (run_id)"
LIMIT_MAX = 1_000_000


@dataclass(frozen=True)
class Wanted:
    """Which images; what is left out does not count, and all that is given must hold."""

    job: str | None = None
    """A job's whole name."""
    group: str | None = None
    pack: str | None = None
    """Text in the prompt pack's name; likewise of ``model`` and ``worker``."""
    model: str | None = None
    worker: str | None = None
    text: str | None = None
    """Text in the prompt."""
    experiment: str | None = None
    rating_min: int | None = None
    """1 to 5; an image without a rating has none that is high enough."""
    rated: bool | None = None
    choice: Literal["picked", "rejected", "neither"] | None = None
    since: str | None = None
    """Ended at this moment or later: UTC as the corpus has it, ``2026-11-20T22:00:00``."""
    until: str | None = None
    """Ended before this moment."""
    order: Order = "newest"
    limit: int = LIMIT_MAX
    offset: int = 0


@dataclass(frozen=True)
class Image:
    """One committed image, and the last word on it."""

    run_id: str
    job: str
    image_index: int
    job_id: str | None
    group: str
    path: str | None
    """Relative to the spool's root."""
    worker: str | None
    ended: str | None
    pack: str | None
    stage: str | None
    model: str | None
    sampler: str | None
    scheduler: str | None
    steps: int | None
    cfg_scale: float | None
    seed: str | None
    """Decimal digits: seeds reach 2**64 - 1."""
    width: int | None
    height: int | None
    prompt: str
    negative_prompt: str
    experiment: str | None
    variable: str | None
    value: str | float | None
    sha256: str | None
    rating: float | None
    choice: str | None
    note: str | None


@dataclass(frozen=True)
class JobEnd:
    """How one job ended last."""

    name: str
    job_id: str | None
    group: str
    job_class: str | None
    kind: str | None
    submitted_by: str | None
    verdict: str
    code: str | None
    attempts: int
    worker: str | None
    model: str | None
    started: str | None
    """ISO 8601 with its zone, as ``ended``."""
    ended: str | None
    seconds: float | None
    images: int
    day: str | None


def images(connection: sqlite3.Connection, wanted: Wanted) -> list[Image]:
    """The images that are wanted, in their order. Raises sqlite3.Error if the index cannot be read."""
    where, values = _where(wanted)
    rows = connection.execute(
        f"SELECT i.*, w.rating, w.choice, w.note {_FROM} {where} ORDER BY {_ORDERS[wanted.order]} LIMIT ? OFFSET ?",
        (*values, wanted.limit, wanted.offset),
    )
    return [Image(*row) for row in rows]


def count(connection: sqlite3.Connection, wanted: Wanted) -> int:
    """How many images are wanted, whatever the limit."""
    where, values = _where(wanted)
    row = connection.execute(f"SELECT count(*) {_FROM} {where}", values).fetchone()
    return int(row[0])


def job_ends(connection: sqlite3.Connection, group: str) -> list[JobEnd]:
    """How the jobs of a group ended, those that did, by their names, which is the order of their plan."""
    rows = connection.execute("SELECT * FROM jobs WHERE grp = ? ORDER BY name", (group,))
    return [JobEnd(*row) for row in rows]


def _where(wanted: Wanted) -> tuple[str, list[str | int]]:
    said: list[tuple[str, list[str | int]]] = [
        (f"i.{column} = ?", [value])
        for column, value in (
            ("job", wanted.job),
            ("grp", wanted.group),
            ("experiment", wanted.experiment),
        )
        if value is not None
    ]
    said += [
        (f"i.{column} LIKE ? ESCAPE '\\'", [_holding(value)])
        for column, value in (
            ("pack", wanted.pack), ("model", wanted.model), ("worker", wanted.worker), ("prompt", wanted.text),
        )
        if value is not None
    ]  # fmt: skip
    if wanted.rating_min is not None:
        said.append(("w.rating >= ?", [wanted.rating_min]))
    if wanted.rated is not None:
        said.append((f"w.rating IS {'NOT ' if wanted.rated else ''}NULL", []))
    if wanted.choice is not None:
        said.append(
            ("w.choice IS ?", [wanted.choice])
            if wanted.choice != "neither"
            else ("w.choice IS NULL", [])
        )
    if wanted.since is not None:
        said.append(("i.ended >= ?", [wanted.since]))
    if wanted.until is not None:
        said.append(("i.ended < ?", [wanted.until]))
    clauses = " AND ".join(clause for clause, _ in said)
    return (f"WHERE {clauses}" if said else ""), [value for _, values in said for value in values]


def _holding(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"
