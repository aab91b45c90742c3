"""How groups end, as a controller that tells people looks at it: again and again, so by the jobs' rows and its own notes alone."""

import sqlite3
from dataclasses import dataclass

from spoolctl.index.groups import GroupSums


def said_of(sums: GroupSums) -> str:
    """What makes a group's result another one: not what was said of its images."""
    return f"{_counts(sums)}/{sums.images}/{sums.seconds:.3f}/{sums.last_end}"


@dataclass(frozen=True)
class GroupEnds:
    """One group's jobs that have ended, and for which sums of it something was made."""

    group: str
    ended: int
    succeeded: int
    failed: int
    cancelled: int
    seconds: float
    first_start: str | None
    last_end: str | None
    last_failed: str | None
    """The last end of one that failed."""
    result: str | None
    """The sums for which its result was written (``note_told``)."""
    shown: str | None
    """The sums for which its page was made; with a word behind them that says whether its result had been written."""

    @property
    def is_over(self) -> bool:
        """True if its result tells these very ends. Images may still be on their way; then it is written anew."""
        said = self.result or ""
        return said.startswith(f"{_counts(self)}/") and said.endswith(f"/{self.last_end}")

    @property
    def is_shown(self) -> bool:
        """True if its page and contact sheets show what its result tells."""
        return self.result is not None and self.shown == f"{self.result} True"


def changes(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Numbers of which one is another once anybody has changed the index, or it was made anew."""
    (others,) = connection.execute("PRAGMA data_version").fetchone()
    return id(connection), connection.total_changes, others


def group_ends(connection: sqlite3.Connection) -> list[GroupEnds]:
    """Every group of which a job has ended."""
    rows = connection.execute(
        """
        SELECT j.*, r.said, s.said
        FROM (SELECT grp, count(*), sum(verdict = 'succeeded'), sum(verdict IN ('failed', 'lost')), sum(verdict = 'cancelled'),
                     total(seconds), min(started), max(ended), max(CASE WHEN verdict IN ('failed', 'lost') THEN ended END)
              FROM jobs GROUP BY grp) j
        LEFT JOIN told r ON r.grp = j.grp AND r.what = 'result'
        LEFT JOIN told s ON s.grp = j.grp AND s.what = 'shown'
        """
    )
    return [GroupEnds(*row) for row in rows]


def image_count(connection: sqlite3.Connection, group: str) -> int:
    """How many images a group has."""
    row = connection.execute("SELECT count(*) FROM images WHERE grp = ?", (group,)).fetchone()
    return int(row[0])


def failure_codes(connection: sqlite3.Connection, group: str) -> dict[str, int]:
    """Why jobs of a group failed: how many by each code."""
    rows = connection.execute(
        "SELECT coalesce(code, 'unknown'), count(*) FROM jobs WHERE grp = ? AND verdict IN ('failed', 'lost') GROUP BY 1",
        (group,),
    )
    return dict(rows.fetchall())


def _counts(sums: GroupSums | GroupEnds) -> str:
    return f"{sums.ended}/{sums.succeeded}/{sums.failed}/{sums.cancelled}"
