"""How soon a job starts, what an idle worker asks of the share, and how soon a killed worker's job goes on.

    python -m bench.latency --folder /mnt/share/somewhere

"On this machine" the worker hears of the new file; "as on another" it does not, as over a network, and finds it by looking. All with
the default settings of a spool. A job has started when its attempt is this worker's and its record lies in claimed/.
"""

import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench import ours, tables
from bench.agents import Watched
from spoolctl.spool import open_spool

ROOT = Path(__file__).parents[1]
_NEXT_ATTEMPT_MAX_S = 60.0
_PEEK_S = 0.02
_AT_REST_S = 40.0
"""After so long the sweeps of a worker that finds nothing are as seldom as they become."""


def starts(root: Path, samples: int, *, notified: bool) -> list[float]:
    """Seconds from submitted to started, of an idle worker."""
    spool = ours.make(root / "spool")
    appeared: list[float] = []
    person = open_spool(spool, name="person-bench", log=lambda *_, **__: appeared.append(time.monotonic()))  # fmt: skip
    worker = Watched(spool, root / "scratch", notified=notified)
    found = []
    with worker.beside():
        worker.moment("worker.started")
        draw = random.Random(7)  # the same waits in each run, not in step with the looks
        for _ in range(samples):
            time.sleep(2.0 + draw.random() * 2.0)
            (name,) = ours.submit_jobs(person, 1)
            # "submitted" is logged when the record appears; the command has a little to tidy after that.
            found.append(worker.moment("claimed", name) - appeared[-1])
    return found


def idle(root: Path, seconds: float) -> tuple[float, float, dict[str, float]]:
    """Round trips, operations and each kind of them a second, of a worker that finds nothing to do."""
    spool = ours.make(root / "spool")
    worker = Watched(spool, root / "scratch")
    with worker.beside():
        worker.moment("worker.started")
        time.sleep(min(_AT_REST_S, seconds))
        worker.native.operations.clear()
        worker.native.trips = 0
        time.sleep(seconds)
        counts = dict(worker.native.operations)
        trips = worker.native.trips
    return (
        trips / seconds,
        sum(counts.values()) / seconds,
        {k: n / seconds for k, n in counts.items()},
    )


def _worker(spool: Path, name: str, scratch: Path) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "spoolworker", "run", "--spool", str(spool), "--name", name, "--scratch", str(scratch),
            "--log-folder", str(scratch), "--backend-option", "seconds_per_image=600", "--vram-gb", "24", "--quiet"]  # fmt: skip
    return subprocess.Popen(line, cwd=ROOT)


def after_a_kill(root: Path) -> float:
    """Seconds from a worker's kill to its job's next attempt by another process on the same machine.

    Raises:
        TimeoutError: Nothing went on within a minute.
    """
    spool = ours.make(root / "spool")
    (name,) = ours.submit_jobs(open_spool(spool, name="person-bench"), 1)
    first = _worker(spool, "first", root / "scratch")
    others = []
    try:
        _until(spool, name, 1)
        others.append(_worker(spool, "second", root / "scratch"))
        while not (spool / "nodes/second.heartbeat.json").exists():
            time.sleep(_PEEK_S)
        time.sleep(2.0)
        first.kill()
        killed = time.monotonic()
        _until(spool, name, 2)
        return time.monotonic() - killed
    finally:
        for one in (first, *others):
            one.kill()
            one.wait()


def _until(spool: Path, name: str, attempt: int) -> None:
    until = time.monotonic() + _NEXT_ATTEMPT_MAX_S
    while not list(spool.glob(f"results/*/{name}/a{attempt}")):
        if time.monotonic() > until:
            raise TimeoutError(f"no attempt {attempt} of '{name}' within {_NEXT_ATTEMPT_MAX_S:g} s")
        time.sleep(_PEEK_S)


def main(arguments: list[str] | None = None) -> int:
    parser = tables.options(__doc__)
    parser.add_argument("--samples", type=int, default=20)
    given = parser.parse_args(arguments)
    samples, idle_s, kills = (1, 1.0, 1) if given.quick else (given.samples, 80.0, 5)
    rows: list[list[object]] = []
    for where, notified in (("on this machine", True), ("as on another", False)):
        with tables.workplace(given.folder) as root:
            found = sorted(starts(root, samples, notified=notified))
        p95 = found[min(len(found) - 1, int(len(found) * 0.95))]
        rows.append([f"submitted to started, {where}, ms", statistics.median(found) * 1e3, p95 * 1e3, found[-1] * 1e3])  # fmt: skip
    with tables.workplace(given.folder) as root:
        trips, operations, kinds = idle(root, idle_s)
    rows.append(["an idle worker's round trips a second", trips, None, None])
    rows.append(["an idle worker's operations a second", operations, None, None])
    found = []
    for _ in range(kills):
        with tables.workplace(given.folder) as root:
            found.append(after_a_kill(root))
    rows.append(["killed to next attempt, same machine, s", statistics.median(found), None, max(found)])  # fmt: skip
    columns = ["what", "p50", "p95", "worst"]
    tables.show(columns, rows)
    print("\nidle: " + ", ".join(f"{kind} {rate:.2f}/s" for kind, rate in sorted(kinds.items())))
    tables.tell(given.json, "latency", given.folder or root, {"columns": columns, "rows": rows, "idle": kinds})  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
