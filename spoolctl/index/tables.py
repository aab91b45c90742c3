"""The index's tables: which ledger fills them, how a row gets in, and what must be asked fast.

A ledger's tables are made with it when it is read from its beginning, their indexes behind the rows, which is several times as fast as
keeping them in step with each row. What was said of an image stands in ``words``, whatever comes first, and is copied to its row in
``images``, so that no question needs both.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from spoolctl.index.rows import (
    IMAGE_COLUMNS,
    JOB_COLUMNS,
    WORD_COLUMNS,
    JsonObject,
    Row,
    image_row,
    job_row,
    word_row,
)
from spoolctl.spool import layout

VERSION: Final = 4
"""Of the tables; a file of another version is made anew."""
LINE: Final = "line"
"""The column with a line's digest, by which it is known again in a ledger that was rewritten; ``NULL`` if no line said so yet."""
SAID: Final = ("rating", "choice", "note")
"""Columns of ``images`` that come from ``words``."""
OWN: Final = (
    "CREATE TABLE told (grp TEXT, what TEXT, said TEXT, PRIMARY KEY (grp, what))",
    "CREATE TABLE ledgers (path TEXT PRIMARY KEY, bytes INTEGER, tail TEXT, odd INTEGER)",
)


@dataclass(frozen=True)
class Table:
    """One table, whose first column is its key."""

    name: str
    columns: tuple[str, ...]
    newer: str
    """A column: of two rows with one key the one counts in which it is not less."""
    row_of: Callable[[JsonObject], Row | None]
    more: tuple[str, ...] = ()
    """Columns that no line fills."""

    @property
    def create(self) -> str:
        """The statement that makes it; its last column says which line of the ledger a row came from."""
        columns = ", ".join((*self.columns, *self.more, LINE))
        return f"CREATE TABLE {self.name} ({columns}, PRIMARY KEY ({self.columns[0]}))"

    def put(self, *, over_equals: bool = True) -> str:
        """The statement that puts a row in, or in the place of an older one, or of one as old if it goes *over_equals*."""
        columns = (*self.columns, LINE)
        names, places = ", ".join(columns), ", ".join(f":{one}" for one in columns)
        changed = ", ".join(f"{one} = excluded.{one}" for one in columns[1:])
        return (
            f"INSERT INTO {self.name} ({names}) VALUES ({places}) ON CONFLICT ({self.columns[0]}) "  # noqa: S608 - names of ours
            f"DO UPDATE SET {changed} WHERE excluded.{self.newer} {'>=' if over_equals else '>'} {self.name}.{self.newer}"
        )


@dataclass(frozen=True)
class Ledger:
    """One ledger, by the path of its compiled file, and the tables that it fills."""

    path: str
    tables: tuple[Table, ...]
    behind: tuple[str, ...]
    """What is made behind the rows."""

    def make(self, cursor: sqlite3.Cursor) -> None:
        """Make its tables, empty."""
        for table in self.tables:
            cursor.execute(f"DROP TABLE IF EXISTS {table.name}")
            cursor.execute(table.create)
        if self.path == layout.LEARNING_RECORDS:
            cursor.execute("DROP TABLE IF EXISTS prompts")

    def complete(self, cursor: sqlite3.Cursor) -> None:
        """Make what is made behind the rows."""
        for statement in self.behind:
            cursor.execute(statement)


SAY: Final = (
    "UPDATE images SET (rating, choice, note) = (SELECT rating, choice, note FROM words WHERE words.run_id = images.run_id) "
    "WHERE run_id = ? AND run_id IN (SELECT run_id FROM words)"
)
"""Copies to an image what was said of it."""
_SAY_ALL: Final = (
    "UPDATE images SET (rating, choice, note) = (SELECT rating, choice, note FROM words WHERE words.run_id = images.run_id) "
    "WHERE run_id IN (SELECT run_id FROM words)"
)
UNSAY: Final = (
    "UPDATE images SET rating = NULL, choice = NULL, note = NULL WHERE run_id NOT IN (SELECT run_id FROM words) "
    "AND (rating IS NOT NULL OR choice IS NOT NULL OR note IS NOT NULL)"
)
"""Takes from images what is no longer said of them."""
_PROMPT_IN: Final = (
    "CREATE TRIGGER prompt_in AFTER INSERT ON images BEGIN "
    "INSERT INTO prompts (rowid, prompt) VALUES (new.rowid, new.prompt); END"
)
_PROMPT_OUT: Final = (
    "CREATE TRIGGER prompt_out AFTER UPDATE OF prompt ON images BEGIN "
    "INSERT INTO prompts (prompts, rowid, prompt) VALUES ('delete', old.rowid, old.prompt); "
    "INSERT INTO prompts (rowid, prompt) VALUES (new.rowid, new.prompt); END"
)
WORDS: Final = Table("words", WORD_COLUMNS, "number", word_row)
_PROMPT_GONE: Final = (
    "CREATE TRIGGER prompt_gone AFTER DELETE ON images BEGIN "
    "INSERT INTO prompts (prompts, rowid, prompt) VALUES ('delete', old.rowid, old.prompt); END"
)
LEDGERS: Final = {
    one.path: one
    for one in (
        Ledger(
            layout.ENDED_JOBS,
            # A job that was retried after its end has a line for each end; the highest attempt's counts.
            (Table("jobs", JOB_COLUMNS, "attempts", job_row),),
            (
                "CREATE INDEX jobs_by_group ON jobs (grp, name)",
                "CREATE INDEX jobs_summed ON jobs (grp, verdict, seconds, started, ended)",
            ),
        ),
        Ledger(
            layout.LEARNING_RECORDS,
            (
                Table("images", IMAGE_COLUMNS, "run_id", image_row, SAID),
                WORDS,
            ),
            (
                _SAY_ALL,
                "CREATE INDEX images_by_group ON images (grp, job, image_index)",
                "CREATE INDEX images_summed ON images (grp, rating, choice)",
                "CREATE INDEX images_by_job ON images (job, image_index, rating, choice)",
                "CREATE INDEX images_by_bytes ON images (sha256)",
                "CREATE INDEX images_by_time ON images (ended DESC, job DESC, image_index DESC, rating, choice, model)",
                "CREATE INDEX images_by_rating ON images (rating DESC, ended DESC, job, image_index)",
                "CREATE INDEX images_by_choice ON images (choice, ended DESC, job DESC, image_index DESC)",
                "CREATE VIRTUAL TABLE prompts USING fts5(prompt, content='images', content_rowid='rowid')",
                "INSERT INTO prompts (prompts) VALUES ('rebuild')",
                _PROMPT_IN,
                _PROMPT_OUT,
                _PROMPT_GONE,
            ),
        ),
    )
}


def make_anew(cursor: sqlite3.Cursor) -> None:
    """Drop whatever is there, and make all tables, empty."""
    found = cursor.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'prompts\\__%' ESCAPE '\\'"
    ).fetchall()
    for (name,) in found:
        cursor.execute(f'DROP TABLE "{name}"')
    for statement in OWN:
        cursor.execute(statement)
    for ledger in LEDGERS.values():
        ledger.make(cursor)
        ledger.complete(cursor)
    cursor.execute(f"PRAGMA user_version = {VERSION}")
