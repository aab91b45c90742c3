"""Peers that keep their jobs in SQLite: huey's, and a lean queue written for the comparison."""

import os
import sqlite3
import time
from typing import Any

from bench.peer import PAYLOAD, Peer
from bench.peers_in_files import Huey


class HueySqlite(Huey):
    """huey on SQLite."""

    name = "huey on SQLite"
    lacks = (
        "lease, heartbeat; deleted when taken: a dead worker's job is lost; no network file system"
    )

    def _queue(self) -> Any:
        from huey import SqliteHuey

        # With its own 5 s it fails here and then with four processes: "database is locked".
        return SqliteHuey("bench", filename=str(self.root / "huey.db"), timeout=120)


class Lean(Peer):
    """The careful queue that one would write by hand: a lease, an attempt's number and a result in one row."""

    name = "lean SQLite queue"
    lacks = "digest, retry policy, verdict of each attempt; no network file system"
    LEASE_S = 300.0

    def make(self) -> None:
        self.open()
        self._db.executescript(
            "create table job (id integer primary key, state int not null default 0, owner text, lease real,"
            " attempt int not null default 0, payload text, result text);"
            "create index pending on job (id) where state = 0;"
        )

    def open(self) -> None:
        self._db = sqlite3.connect(self.root / "lean.db", timeout=60, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")

    def submit(self, count: int) -> None:
        with self._db:
            self._db.execute("begin")
            self._db.executemany("insert into job (payload) values (?)", [(PAYLOAD,)] * count)

    def work(self) -> list[str]:
        done = []
        me = str(os.getpid())
        take = (
            "update job set state = 1, owner = ?, lease = ?, attempt = attempt + 1 where id ="
            " (select id from job indexed by pending where state = 0 order by id limit 1) returning id"
        )
        while row := self._db.execute(take, (me, time.time() + self.LEASE_S)).fetchone():
            self._db.execute(
                "update job set state = 2, result = ? where id = ? and owner = ?",
                (PAYLOAD, row[0], me),
            )
            done.append(str(row[0]))
        return done
