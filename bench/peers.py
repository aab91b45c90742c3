"""The spool beside its peers and the floor: submit in bulk, and claim to committed of empty jobs, 2,000 waiting.

    python -m bench.peers --folder /mnt/share/somewhere --json peers.json
    python -m bench.peers --only spool,floor,"huey on SQLite"

One run is one comparison: rounds are interleaved and medians taken, so read the ratios. Figures of two runs do not compare. Workers are
processes; they open the queue before the clock starts. The file system decides much: name one with a journal (README.md).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from bench import ours, tables
from bench.peer import Floor, Peer
from bench.peers_in_files import Dirq, HueyFiles, Kombu
from bench.peers_in_tables import HueySqlite, Lean
from bench.peers_on_redis import Celery, Rq, redis_server
from spoolctl.spool import State, all_records, open_spool

ROOT = Path(__file__).parents[1]
AGAINST = "huey on SQLite"
ACTS = ("submit", "1 worker", "4 workers")


class Spool(Peer):
    """This project: every job in full."""

    name = "spool"
    lacks = "-"

    def make(self) -> None:
        ours.make(self.root / "spool")

    def submit(self, count: int) -> None:
        ours.submit_jobs(open_spool(self.root / "spool", name="person-bench"), count)

    def open(self) -> None:
        self._worker = ours.worker_at(self.root / "spool", f"bench-{os.getpid()}")

    def work(self) -> list[str]:
        heads = list(all_records(self._worker.actor, (State.QUEUE,)))  # the queue's shards, too
        # Each begins at a place of its own, as workers do that choose by more than the name.
        start = self._worker.actor.host.pid * 2_654_435_761 % max(1, len(heads))
        return self._worker.run(heads[start:] + heads[:start])


PEERS: tuple[type[Peer], ...] = (
    Spool, Floor, Dirq, HueyFiles, Kombu, HueySqlite, Lean, Rq, Celery,
)  # fmt: skip


def run(kind: type[Peer], root: Path, act: str, processes: int = 1) -> list[dict[str, Any]]:
    """Let processes of their own act on a queue, all from the same moment on; what each tells.

    Raises:
        RuntimeError: One of them failed.
    """
    line = [sys.executable, "-m", "bench.peers", "--act", kind.name, str(root), act]
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    line, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
            )
            for _ in range(processes)
        ]
        for one in started:
            one.stdout.readline()
        for one in started:
            one.stdin.write("go\n")
            one.stdin.flush()
        told = [one.stdout.readline() for one in started]
    if not all(told):
        raise RuntimeError(f"{kind.name}: a process failed at '{act}'")
    return [json.loads(line) for line in told]


def act(name: str, root: Path, what: str) -> None:
    """Be one process of it: get ready, wait for the word, submit or work, tell what was done and when."""
    (kind,) = (one for one in PEERS if one.name == name)
    peer = kind(root)
    peer.make() if what != "work" else peer.open()
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what else is printed is no answer
    print("ready", file=answer, flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    done = peer.work() if what == "work" else peer.submit(int(what))
    began, ended = peer.took or (began, time.monotonic())
    print(json.dumps({"began": began, "ended": ended, "done": done}), file=answer, flush=True)


def submit_rate(kind: type[Peer], root: Path, count: int) -> float:
    """Jobs a second, submitted by one client into a new queue."""
    root.mkdir()
    (told,) = run(kind, root, str(count))
    return count / (told["ended"] - told["began"])


def work_rate(kind: type[Peer], root: Path, count: int, workers: int) -> float:
    """Jobs a second from claim to committed; the queue is full when the workers start.

    Raises:
        RuntimeError: Not every job was done exactly once.
    """
    told = run(kind, root, "work", workers)
    done = [name for one in told for name in one["done"]]
    if len(done) != count or len(set(done)) != count:
        raise RuntimeError(
            f"{kind.name}: of {count} jobs {len(done)} were done, {len(set(done))} different"
        )
    return count / (max(one["ended"] for one in told) - min(one["began"] for one in told))


class Found:
    """What was measured: jobs a second by peer and act, one figure a round; and what failed."""

    def __init__(self) -> None:
        self.rates: dict[str, dict[str, list[float]]] = {}
        self.failed: list[str] = []

    def note(self, kind: type[Peer], what: str, measured: Callable[[], float]) -> None:
        """Take one figure. A peer that fails is told; the others go on."""
        found = self.rates.setdefault(kind.name, {}).setdefault(what, [])
        try:
            found.append(measured())
        except RuntimeError as error:
            self.failed.append(str(error))

    def median(self, name: str, what: str) -> float | None:
        """The middle of the rounds; None if all of them failed."""
        rounds = self.rates.get(name, {}).get(what)
        return statistics.median(rounds) if rounds else None


def measure(kinds: list[type[Peer]], root: Path, jobs: int, rounds: int) -> Found:
    """Let every peer do everything, round by round."""
    found = Found()
    for number in range(rounds):
        for kind in kinds:
            alone, four = (root / f"{kind.__name__}-{number}-{n}" for n in (1, 4))
            found.note(kind, "submit", partial(submit_rate, kind, alone, jobs))
            found.note(kind, "1 worker", partial(work_rate, kind, alone, jobs, 1))
            found.note(kind, "submit", partial(submit_rate, kind, four, jobs))
            found.note(kind, "4 workers", partial(work_rate, kind, four, jobs, 4))
            print(f"round {number + 1}: {kind.name}", file=sys.stderr, flush=True)
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = tables.options(__doc__)
    parser.add_argument("--jobs", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="names of peers, with commas between them")
    parser.add_argument(
        "--act", nargs=3, metavar=("NAME", "FOLDER", "WHAT"), help=argparse.SUPPRESS
    )
    given = parser.parse_args(arguments)
    if given.act:
        act(given.act[0], Path(given.act[1]), given.act[2])
        return 0
    wanted = [one for one in PEERS if not given.only or one.name in given.only.split(",")]
    kinds = [one for one in wanted if not one.missing()]
    absent = {one.name: ", ".join(one.missing()) for one in wanted if one.missing()}
    jobs, rounds = (20, 1) if given.quick else (given.jobs, given.rounds)
    with tables.workplace(given.folder) as root, ExitStack() as stack:
        if any(one.server for one in kinds):
            stack.enter_context(redis_server(root))
        found = measure(kinds, root, jobs, rounds)
    columns = [
        "jobs a second",
        *(c for what in ACTS for c in (what, f"x {AGAINST}")),
        "does not do",
    ]
    rows = [[kind.name, *_figures(found, kind.name), kind.lacks] for kind in kinds]
    tables.show(columns, rows)
    for name, what in absent.items():
        print(f"\nnot measured: {name} (not installed: {what})")
    for error in found.failed:
        print(f"\nfailed: {error}")
    figures = {
        "jobs": jobs, "rounds": found.rates, "columns": columns, "rows": rows,
        "not_measured": absent, "failed": found.failed,
    }  # fmt: skip
    tables.tell(given.json, "peers", given.folder or root, figures)
    return 1 if any(error.startswith(Spool.name) for error in found.failed) else 0


def _figures(found: Found, name: str) -> list[float | None]:
    """The median of each act, and as a multiple of the peer that the goals name."""
    figures: list[float | None] = []
    for what in ACTS:
        mine, theirs = found.median(name, what), found.median(AGAINST, what)
        figures += [mine, mine / theirs if mine and theirs else None]
    return figures


if __name__ == "__main__":
    raise SystemExit(main())
