"""Round trips of each step of a job, from submit to merged; without outputs and later heartbeats.

    python -m bench.trips                     the table, by step
    python -m bench.trips --delay-ms 1        and sleep 1 ms for each, to see what a share costs

The model is in counted.py. The first job of a group also makes the group's folders; its steps are not counted.
"""

import statistics
import time
from collections import Counter
from collections.abc import Callable

from bench import ours, tables
from bench.counted import CountedNative, counted_spool
from spoolctl.spool import (
    Ending,
    Verdict,
    conclude,
    end,
    layout,
    new_names,
    parse_job,
    records_in,
    submit,
)
from spoolctl.spool import draft as drafted

GOAL = 36


class Steps:
    """The rounds of each step: its round trips, operations and time."""

    def __init__(self, native: CountedNative) -> None:
        self._native = native
        self.trips: dict[str, list[int]] = {}
        self.trips_4: dict[str, list[int]] = {}
        self.took_s: dict[str, list[float]] = {}
        self.native_s: dict[str, list[float]] = {}
        self.operations: dict[str, Counter[str]] = {}

    def take(self, step: str, call: Callable[..., object], *args: object) -> object:
        """Do a step and note what it cost."""
        native = self._native
        native.operations.clear()
        native.trips = native.trips_4 = 0
        native.native_s = 0.0
        began = time.perf_counter()
        result = call(*args)
        self.took_s.setdefault(step, []).append(time.perf_counter() - began)
        self.native_s.setdefault(step, []).append(native.native_s)
        self.trips.setdefault(step, []).append(native.trips)
        self.trips_4.setdefault(step, []).append(native.trips_4)
        self.operations[step] = Counter(native.operations)
        return result


def measure(root, jobs: int, trip_s: float) -> Steps:
    """Take jobs from submit to merged."""
    actor, native = counted_spool(ours.make(root), "bench", trip_s=trip_s)
    steps = Steps(native)
    worker = ours.Worker(actor)
    job = parse_job(ours.RECORD)
    names = new_names(actor, jobs + 1, group="bench")
    for number, name in enumerate(names):
        taken = Steps(native) if number == 0 else steps  # the first makes the group's folders
        taken.take("submit", submit, actor, [drafted(name, ours.RECORD, job)], ours.QUEUE)
        (location,) = taken.take("look", records_in, actor, ours.QUEUE)
        claimed = taken.take("claim", worker.claim, location)
        taken.take("heartbeat", worker.life.beat_attempt, claimed.name, claimed.number)
        manifest = conclude(actor, claimed, Ending(Verdict.SUCCEEDED))
        taken.take("end and settle", end, actor, claimed, manifest)
        assert records_in(actor, layout.FINISHED)
        taken.take("merge", ours.merge_finished, actor)
    return steps


def _figures(steps: Steps, step: str) -> list[float]:
    middle = statistics.median
    times = (middle(steps.took_s[step]) * 1_000, middle(steps.native_s[step]) * 1_000)
    return [middle(steps.trips[step]), max(steps.trips[step]), middle(steps.trips_4[step]), *times]


def _told(operations: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in operations.most_common() if count)


def main(arguments: list[str] | None = None) -> int:
    parser = tables.options(__doc__)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--delay-ms", type=float, default=0.0, help="sleep so long for each")
    given = parser.parse_args(arguments)
    jobs = 3 if given.quick else given.jobs
    with tables.workplace(given.folder) as root:
        steps = measure(root / "spool", jobs, given.delay_ms / 1_000)
    rows = [[step, *_figures(steps, step), _told(steps.operations[step])] for step in steps.trips]
    counted = [row for row in rows if row[0] != "heartbeat"]
    total = [sum(row[n] for row in counted) for n in range(1, 6)]
    rows.append(["submit to merged", *total, "without the heartbeat: the claim wrote the first"])
    columns = ["step", "round trips", "worst", "on NFS 4", "ms", "ms in the system", "operations"]
    tables.show(columns, rows)
    work = [row for row in rows if row[0] in ("claim", "end and settle")]
    share = sum(row[5] for row in work) / sum(row[4] for row in work)
    print(f"\nclaim to committed runs at {share:.2f} x what its own file operations allow")
    print(f"goal: {GOAL} round trips; the looks are shared by all jobs that one look finds")
    figures = {
        "goal": GOAL,
        "delay_ms": given.delay_ms,
        "columns": columns,
        "rows": rows,
        "of_own_operations": share,
    }
    tables.tell(given.json, "trips", given.folder or root, figures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
