"""What the index knows of groups: sums over those of their jobs that have ended."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class GroupSums:
    """One group's jobs that have ended, and their images."""

    group: str
    ended: int
    succeeded: int
    failed: int
    cancelled: int
    images: int
    rated: int
    picked: int
    seconds: float
    """That the winning attempts ran, all together; units of one card's time."""
    first_start: str | None
    last_end: str | None
    last_day: str | None
    """The last day on which one ended, by the share's clock."""


def group_sums(connection: sqlite3.Connection, group: str | None = None) -> list[GroupSums]:
    """Every group of which a job has ended, the one that ended last first; or just *group*, if it is known."""
    where, values = ("WHERE grp = ?", [group]) if group is not None else ("", [])
    rows = connection.execute(
        f"""
        SELECT j.grp, j.ended, j.succeeded, j.failed, j.cancelled, coalesce(p.images, 0), coalesce(p.rated, 0),
               coalesce(p.picked, 0), j.seconds, j.first_start, j.last_end, j.last_day
        FROM (SELECT grp, count(*) ended, sum(verdict = 'succeeded') succeeded, sum(verdict IN ('failed', 'lost')) failed,
                     sum(verdict = 'cancelled') cancelled, total(seconds) seconds, min(started) first_start,
                     max(ended) last_end, max(day) last_day
              FROM jobs {where} GROUP BY grp) j
        LEFT JOIN (SELECT grp, count(*) images, count(rating) rated, sum(choice IS 'picked') picked
                   FROM images {where} GROUP BY grp) p ON p.grp = j.grp
        ORDER BY j.last_day DESC, j.last_end DESC, j.grp
        """,  # noqa: S608 - values are bound
        [*values, *values],
    )
    return [GroupSums(*row) for row in rows]
