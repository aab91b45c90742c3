"""The index's file: opening it, making it anew, and keeping it in step with the ledgers.

Guarantees: what a ledger held when it was last read is in the index, whole, or nothing of that reading is (one transaction); a file of
another version or a damaged one is made anew; several processes may use one file. A ledger that is no continuation of what was read, which
is seen by its last bytes, is compared line by line, and only what is new is understood. Ahead of the ledgers it has only words that were
said on this machine (``hear``). Damage that is met later than at opening is its user's to mend (``is_damage``), as ``opening``
and the controller do. Does not guarantee that the index has what was merged since the last ``refresh``, or that another machine's
cache shows the ledger's newest bytes.

What a refresh costs: one open and one small read for each ledger if nothing is new, else the new lines; of one that was rewritten (a person
thought better of a rating) one read of all of it, and a digest of each line.
"""

import hashlib
import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

from spoolctl.index.rows import JsonObject
from spoolctl.index.tables import LEDGERS, LINE, SAY, UNSAY, VERSION, WORDS, Ledger, make_anew
from spoolctl.spool import Said

ENV_FOLDER: Final = "SPOOL_INDEX"
TAIL_BYTES: Final = 64 << 10
"""By so many bytes before the place where reading ended a ledger is known again: some forty records, each with its own ``run_id``."""
_WAIT_S = 30.0
_AT_ONCE_BYTES = 8 << 20


def default_path(spool_id: str) -> Path:
    r"""Where this user's index of a spool lies: in ``$SPOOL_INDEX``, ``%LOCALAPPDATA%\spool\index`` or ``$XDG_CACHE_HOME/spool/index``."""
    if said := os.environ.get(ENV_FOLDER):
        folder = Path(said)
    elif sys.platform == "win32":
        folder = (
            Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "spool/index"
        )
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "spool/index"
    return folder / f"{hashlib.sha256(spool_id.encode()).hexdigest()[:32]}.sqlite"


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """True if the file itself is damaged, or is none of SQLite's: not if it is locked, the disk is full, or a statement is wrong.

    For the damage SQLite's adapter raises the class itself, for all else one below it.
    """
    return type(error) is sqlite3.DatabaseError


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did."""

    lines: int
    """Lines read now."""
    odd: int
    """Lines passed over since a ledger's beginning: no JSON objects, or of no kind that the index knows."""
    anew: bool
    """True if a ledger was read from its beginning."""


class Index:
    """One open index. Use it in the thread that opened it; ``with`` closes it.

    Args:
        path: The file; its folder is made.

    Raises:
        OSError: The folder cannot be made.
        sqlite3.Error: The file can be neither opened nor made anew.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        try:
            self.open()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            _remove(path)
            self.open()

    def open(self) -> None:
        """Open it once more, behind ``discard``; empty, if no other program has made it anew. Raises sqlite3.Error."""
        self.connection = _open(self.path)
        self._inode = self.path.stat().st_ino

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def discard(self) -> None:
        """Close the index and remove its file, which is damaged; not if that was done since by another program, which has made it anew.

        Raises:
            OSError: It cannot be removed: on Windows as long as another program has it open, elsewhere that one goes on with the old.
        """
        self.close()
        with suppress(FileNotFoundError):
            if self.path.stat().st_ino == self._inode:
                _remove(self.path)

    def forget(self) -> None:
        """Empty the index; the next refresh makes it anew."""
        with _writing(self.connection) as cursor:
            make_anew(cursor)

    def refresh(self, root: Path) -> Refreshed:
        """Bring the index in step with the ledgers of the spool at *root*.

        Raises:
            OSError: A ledger could not be read; the index is as it was.
            sqlite3.Error: The index could not be written; it is as it was.
        """
        lines, anew = 0, False
        for path in LEDGERS:
            try:
                read, from_begin = self.take_in(path, root / path)
            except FileNotFoundError:
                continue  # nothing was compiled yet
            lines, anew = lines + read, anew or from_begin
        odd = self.connection.execute("SELECT coalesce(sum(odd), 0) FROM ledgers").fetchone()[0]
        return Refreshed(lines, odd, anew)

    def take_in(self, path: str, copy: Path) -> tuple[int, bool]:
        """Bring the index in step with one ledger; how many lines were read, and whether from its beginning.

        Args:
            path: The compiled file's path in the spool.
            copy: It, or a copy of it.

        Raises:
            FileNotFoundError: It is not there.
            OSError, sqlite3.Error: As for ``refresh``.
        """
        ledger = LEDGERS[path]
        with copy.open("rb") as file:
            if self._where(ledger) == _Where.of(file):
                return 0, False
            with _writing(self.connection) as cursor:
                return _take_in(cursor, ledger, file, self._where(ledger))

    def hear(self, run_id: str, said: Said) -> None:
        """Take in a word that was just said, ahead of the ledger, which brings the same within seconds.

        Raises:
            sqlite3.Error: The index is as it was.
        """
        word = said.word
        row = {
            "run_id": run_id,
            "number": said.number,
            "rating": word.rating,
            "choice": word.choice,
            "note": word.note or None,
            LINE: None,
        }
        with _writing(self.connection) as cursor:
            cursor.execute(WORDS.put(), row)
            cursor.execute(SAY, (run_id,))

    def version(self) -> str:
        """Another one once the ledgers brought anything, by whatever process of this machine that was read."""
        found = self.connection.execute("SELECT path, tail FROM ledgers ORDER BY path").fetchall()
        return hashlib.sha256(repr(found).encode()).hexdigest()[:16]

    def was_told(self, group: str, what: str) -> str | None:
        """What was noted of a group with ``note_told``; ``None`` if nothing was."""
        found = self.connection.execute(
            "SELECT said FROM told WHERE grp = ? AND what = ?", (group, what)
        ).fetchone()
        return found[0] if found else None

    def note_told(self, group: str, what: str, said: str) -> None:
        """Note for which sums something of a group was written last, so that it is not made again at each start."""
        self.connection.execute("INSERT OR REPLACE INTO told VALUES (?, ?, ?)", (group, what, said))

    def told_of(self, group: str, begins: str) -> dict[str, str]:
        """All that was noted of a group under names that begin so, by the rest of the name."""
        found = self.connection.execute(
            "SELECT substr(what, ?), said FROM told WHERE grp = ? AND substr(what, 1, ?) = ?",
            (len(begins) + 1, group, len(begins), begins),
        )
        return dict(found.fetchall())

    def forget_told(self, group: str, what: str) -> None:
        """Take back a note."""
        self.connection.execute("DELETE FROM told WHERE grp = ? AND what = ?", (group, what))

    def _where(self, ledger: Ledger) -> "_Where | None":
        found = self.connection.execute(
            "SELECT bytes, tail FROM ledgers WHERE path = ?", (ledger.path,)
        ).fetchone()
        return _Where(*found) if found else None


@dataclass(frozen=True)
class _Where:
    """How far a ledger was read, and what its last bytes were there."""

    bytes: int
    tail: str

    @classmethod
    def of(cls, file: BinaryIO, end: int | None = None) -> "_Where":
        size = os.fstat(file.fileno()).st_size
        end = size if end is None else min(end, size)
        file.seek(max(0, end - TAIL_BYTES))
        return cls(end, hashlib.sha256(file.read(min(end, TAIL_BYTES))).hexdigest())


def _take_in(
    cursor: sqlite3.Cursor, ledger: Ledger, file: BinaryIO, known: _Where | None
) -> tuple[int, bool]:
    """Take in a ledger's new lines; how many, and whether from its beginning."""
    if known is not None and _Where.of(file, known.bytes) == known:
        end, read, odd = _append(cursor, ledger, file, known.bytes, say=True)
        anew = False
    else:
        compared = _compare(cursor, ledger, file) if known is not None else None
        cursor.execute("DELETE FROM ledgers WHERE path = ?", (ledger.path,))
        end, read, odd = compared or _make(cursor, ledger, file)
        anew = compared is None
    cursor.execute(
        "INSERT INTO ledgers VALUES (:path, :bytes, :tail, :odd) ON CONFLICT (path) DO UPDATE SET "
        "bytes = :bytes, tail = :tail, odd = odd + :odd",
        {"path": ledger.path, **asdict(_Where.of(file, end)), "odd": odd},
    )
    return read, anew


def _make(cursor: sqlite3.Cursor, ledger: Ledger, file: BinaryIO) -> tuple[int, int, int]:
    """Make a ledger's tables anew; results as of ``_append``."""
    ledger.make(cursor)
    found = _append(cursor, ledger, file, 0, say=False)
    ledger.complete(cursor)
    return found


def _append(
    cursor: sqlite3.Cursor, ledger: Ledger, file: BinaryIO, begin: int, *, say: bool
) -> tuple[int, int, int]:
    """Insert the lines behind *begin*; where they end, how many they are, and how many say nothing that the index knows."""
    end, read, odd = begin, 0, 0
    file.seek(begin)
    while lines := [one for one in file.readlines(_AT_ONCE_BYTES) if one.endswith(b"\n")]:
        odd += _insert(cursor, ledger, lines, say=say)
        read, end = read + len(lines), end + sum(map(len, lines))
    return end, read, odd


def _compare(cursor: sqlite3.Cursor, ledger: Ledger, file: BinaryIO) -> tuple[int, int, int] | None:
    """Take in a ledger that was rewritten: rows whose lines went go, new lines are inserted; results as of ``_append``.

    A person who thinks better of a rating has one line of a hundred thousand replaced, which must not cost as much as all of them.
    ``None``, with nothing changed, if so much is new that to begin anew is no dearer.
    """
    left: dict[int, tuple[str, int]] = {}
    for table in ledger.tables:
        rows = cursor.execute(f"SELECT {LINE}, rowid FROM {table.name} WHERE {LINE} IS NOT NULL")  # noqa: S608 - names of ours
        left |= {line: (table.name, rowid) for line, rowid in rows}
    known = frozenset(left)
    new: list[bytes] = []
    among = new_bytes = end = 0
    file.seek(0)
    for line in file:
        if not line.endswith(b"\n"):
            break
        end += len(line)
        digest = _digest(line)
        left.pop(digest, None)
        if digest in known:
            among = len(new)
        else:
            new.append(line)
            new_bytes += len(line)
            if new_bytes > _AT_ONCE_BYTES:
                return None
    for name, rowid in left.values():
        cursor.execute(f"DELETE FROM {name} WHERE rowid = ?", (rowid,))  # noqa: S608 - names of ours
    # A line among known ones may be one that a later line outdid, and whose row is that later one's.
    odd = _insert(cursor, ledger, new[:among], say=True, over_equals=False)
    odd += _insert(cursor, ledger, new[among:], say=True)
    if WORDS in ledger.tables:
        cursor.execute(UNSAY)
    return end, len(new), odd


def _insert(
    cursor: sqlite3.Cursor,
    ledger: Ledger,
    lines: list[bytes],
    *,
    say: bool,
    over_equals: bool = True,
) -> int:
    """Insert what these lines say; how many say nothing that the index knows.

    Args:
        cursor: Of the transaction.
        ledger: Whose lines they are.
        lines: Whole lines.
        say: Copy what is said of images to their rows at once.
        over_equals: As for ``Table.put``.
    """
    objects = [_object(line) for line in lines]
    understood: set[int] = set()
    for table in ledger.tables:
        rows = {at: row for at, one in enumerate(objects) if one and (row := table.row_of(one))}
        for at, row in rows.items():
            row[LINE] = _digest(lines[at])
        cursor.executemany(table.put(over_equals=over_equals), rows.values())
        understood |= rows.keys()
        if say and "run_id" in table.columns:
            cursor.executemany(SAY, [(row["run_id"],) for row in rows.values()])
    return len(lines) - len(understood)


def _digest(line: bytes) -> int:
    """By which a line is known again: 63 bits, so that two of a million lines are alike once in twenty million spools."""
    digest = hashlib.blake2b(line, digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _object(line: bytes) -> JsonObject | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for a refresh
        connection.execute(
            "PRAGMA synchronous = OFF"
        )  # a copy: what a power cut spoils is made anew
        _make_tables(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
        return
    with _writing(connection) as cursor:
        if cursor.execute("PRAGMA user_version").fetchone()[0] == VERSION:
            return
        make_anew(cursor)


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[sqlite3.Cursor]:
    """One transaction, alone: all of it or nothing."""
    with closing(connection.cursor()) as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        try:
            yield cursor
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")
