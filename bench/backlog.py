"""How busy the GPU is over a backlog: jobs of 2 s, one worker, a share with 1 ms a round trip.

    python -m bench.backlog

The backend is ``sketch``, which sleeps for the time that an image takes instead of drawing one that takes it; its picture is tiny. Busy is
what the backend reports of its own stages, over the time from the first claim to the last verdict.
"""

from bench import tables
from bench.agents import Watched
from bench.ours import QUEUE, make
from spoolctl.spool import Manifest, decode, draft, new_names, open_spool, parse_job, submit

GOAL = 0.995
TINY = b"""schema: spool.job/1
workload:
  kind: image
  stages:
  - {stage: txt2img, prompt: a lighthouse in the fog, seed: 7, width: 64, height: 64}
...
"""


def main(arguments: list[str] | None = None) -> int:
    parser = tables.options(__doc__)
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long a job takes")
    parser.add_argument("--delay-ms", type=float, default=1.0, help="of each round trip")
    given = parser.parse_args(arguments)
    jobs, seconds = (2, 0.1) if given.quick else (given.jobs, given.seconds)
    with tables.workplace(given.folder) as root:
        spool = make(root / "spool")
        person = open_spool(spool, name="person-bench")
        names = new_names(person, jobs, group="bench")
        submit(person, [draft(name, TINY, parse_job(TINY)) for name in names], QUEUE)
        worker = Watched(spool, root / "scratch", seconds=seconds, trip_s=given.delay_ms / 1_000, drain=True)  # fmt: skip
        worker.run()
        began = min(at for event, _, at in worker.moments if event == "claimed")
        ended = max(at for event, _, at in worker.moments if event == "job.ended")
        verdicts = [decode(Manifest, one.read_bytes()) for one in spool.glob("results/*/*/a1/manifest.yaml")]  # fmt: skip
        assert len(verdicts) == jobs
        busy_s = sum(stage.seconds for one in verdicts for stage in one.stages)
        share = busy_s / (ended - began)
        between_ms = (ended - began - busy_s) / jobs * 1e3
    columns = ["jobs", "seconds each", "ms a round trip", "busy", "goal", "ms idle a job", "round trips a job"]  # fmt: skip
    row = [jobs, seconds, given.delay_ms, f"{share:.2%}", f"{GOAL:.1%}", between_ms, worker.native.trips / jobs]  # fmt: skip
    tables.show(columns, [row])
    tables.tell(given.json, "backlog", given.folder or root, {"columns": columns, "rows": [row], "busy": share})  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
