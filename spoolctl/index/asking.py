"""Asking the index: images by what they are, and the ends of jobs.

Guarantees: the order is total (time, job, image), so that pages neither repeat nor miss a row of an index that does not change in between.
Prompts are searched by words that follow each other, the last of which may be only the beginning of one; case, accents and punctuation
do not count. Other texts are searched as they stand, but for the case of ASCII letters.
"""

import sqlite3
from dataclasses import dataclass
from typing import Literal

from spoolctl.index.rows import IMAGE_COLUMNS, JOB_COLUMNS
from spoolctl.index.tables import SAID

Order = Literal["newest", "oldest", "plan", "best"]
_ORDERS: dict[Order, str] = {
    "newest": "ended DESC, job DESC, image_index DESC",
    "oldest": "ended, job, image_index",
    "plan": "job, image_index",
    "best": "rating DESC, ended DESC, job, image_index",
}
_IMAGE = ", ".join((*IMAGE_COLUMNS, *SAID))
_JOBS = f"SELECT {', '.join(JOB_COLUMNS)} FROM jobs"  # noqa: S608 - names of ours
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
    """Words in the prompt, as they follow each other."""
    experiment: str | None = None
    sha256: str | None = None
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
        f"SELECT {_IMAGE} FROM images {where} ORDER BY {_ORDERS[wanted.order]} LIMIT ? OFFSET ?",  # noqa: S608 - values are bound
        (*values, wanted.limit, wanted.offset),
    )
    return [Image(*row) for row in rows]


def count(connection: sqlite3.Connection, wanted: Wanted) -> int:
    """How many images are wanted, whatever the limit."""
    where, values = _where(wanted)
    row = connection.execute(f"SELECT count(*) FROM images {where}", values).fetchone()  # noqa: S608 - values are bound
    return int(row[0])


def job_ends(connection: sqlite3.Connection, group: str | None = None) -> list[JobEnd]:
    """How the jobs of a group ended, those that did, by their names, which is the order of their plan; of all groups: as they ended."""
    if group is None:
        rows = connection.execute(f"{_JOBS} ORDER BY coalesce(ended, day), name")
    else:
        rows = connection.execute(f"{_JOBS} WHERE grp = ? ORDER BY name", (group,))
    return [JobEnd(*row) for row in rows]


def _where(wanted: Wanted) -> tuple[str, list[str | int]]:
    said: list[tuple[str, list[str | int]]] = [
        (f"{column} = ?", [value])
        for column, value in (
            ("job", wanted.job),
            ("grp", wanted.group),
            ("experiment", wanted.experiment),
            ("sha256", wanted.sha256),
        )
        if value is not None
    ]
    said += [
        (f"{column} LIKE ? ESCAPE '\\'", [_holding(value)])
        for column, value in (
            ("pack", wanted.pack),
            ("model", wanted.model),
            ("worker", wanted.worker),
        )
        if value is not None
    ]
    if wanted.text is not None:
        said.append(_in_prompt(wanted.text))
    if wanted.rating_min is not None:
        said.append(("rating >= ?", [wanted.rating_min]))
    if wanted.rated is not None:
        # The plus keeps SQLite from finding them by rating, and sorting two thirds of all images then: it walks in their order instead.
        said.append((f"+rating IS {'NOT ' if wanted.rated else ''}NULL", []))
    if wanted.choice == "neither":
        said.append(("choice IS NULL", []))
    elif wanted.choice is not None:
        said.append(("choice = ?", [wanted.choice]))
    if wanted.since is not None:
        said.append(("ended >= ?", [wanted.since]))
    if wanted.until is not None:
        said.append(("ended < ?", [wanted.until]))
    clauses = " AND ".join(clause for clause, _ in said)
    return (f"WHERE {clauses}" if said else ""), [value for _, values in said for value in values]


def _in_prompt(text: str) -> tuple[str, list[str | int]]:
    """By the index of words; of a text that has none, letter by letter. A NUL, at which SQLite's search ends, is a blank."""
    text = text.replace("\0", " ")
    if not any(character.isalnum() for character in text):
        return "prompt LIKE ? ESCAPE '\\'", [_holding(text)]
    phrase = text.replace('"', " ")
    return "rowid IN (SELECT rowid FROM prompts WHERE prompts MATCH ?)", [f'"{phrase}" *']


def _holding(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"
