"""How long the commands take that people type all day, as multiples of ``python -c "import typer, yaml"`` in the same run.

    python -m bench.start

Of each round the ratio is taken by the processor's time, which a busy machine disturbs least, and by the wall. The limits are what the
libraries alone cost: a Typer program that takes one option, and the same with one small record validated, as every command does but --help.
The spool has one job that waits and one idle worker, so that ``status`` has something to expect.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench import ours, tables
from spoolctl.spool import (
    NODE_SCHEMA,
    PROTOCOL_VERSION,
    Life,
    Node,
    begin_session,
    introduce,
    open_spool,
)

ROOT = Path(__file__).parents[1]
BASE = 'python -c "import typer, yaml"'
PROGRAM = "a Typer program with one option"
LIBRARIES = "the same, and one record"
GOAL = 1.3
_PROGRAM = """
from pathlib import Path
from typing import Annotated, Optional
import typer, yaml
app = typer.Typer(rich_markup_mode=None, add_completion=False)
@app.command()
def command(spool: Annotated[Optional[Path], typer.Option()] = None) -> None: pass
app(["--spool", "x"], standalone_mode=False)
"""
_RECORD = """
import pydantic
class Record(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, strict=True)
    name: str
    lease_s: float = 300.0
Record.model_validate_json('{"name": "x"}')
"""


def commands(spool: Path, job: Path) -> dict[str, list[str]]:
    """The command lines to be measured, by what they are called in the table."""
    (name,) = (one.stem for one in (spool / "queue/normal").iterdir())
    ctl = ["-m", "spoolctl"]
    at = ["--spool", str(spool)]
    return {
        BASE: ["-c", "import typer, yaml"],
        PROGRAM: ["-c", _PROGRAM],
        LIBRARIES: ["-c", _PROGRAM + _RECORD],
        "spoolctl --help": [*ctl, "--help"],
        "spoolctl submit one.yaml": [*ctl, "submit", str(job), *at],
        "spoolctl status": [*ctl, "status", *at],
        "spoolctl show JOB": [*ctl, "show", name, *at],
        "spoolworker --help": ["-m", "spoolworker", "--help"],
    }


def idle_worker(spool: Path) -> None:
    """A worker's card and heartbeat, which says that it is idle; this process is the one that lives."""
    actor = open_spool(spool, name="bench")
    begin_session(actor)
    card = Node(
        schema_=NODE_SCHEMA, worker="bench", session=actor.session, machine="m", protocol=PROTOCOL_VERSION,
        version="1", backend="sketch", stages=("txt2img",), started_at=actor.utc_now(), gpu="NVIDIA GeForce RTX 4090", vram_gb=24.0,
    )  # fmt: skip
    introduce(actor, card)
    life = Life(actor, "worker")
    life.tell(state="idle")
    life.beat()


def once(line: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds by the wall and of the processor that one command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run([sys.executable, *line], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)  # fmt: skip
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(arguments: list[str] | None = None) -> int:
    parser = tables.options(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args(arguments)
    rounds = 1 if given.quick else given.rounds
    with tables.workplace(given.folder) as root:
        # As installed: compiled once, and not in the source tree.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(root / "compiled")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        spool = ours.make(root / "spool")
        ours.submit_jobs(open_spool(spool, name="person-bench"), 1)
        idle_worker(spool)
        job = root / "one.yaml"
        job.write_bytes(ours.RECORD)
        lines = commands(spool, job)
        took: dict[str, list[tuple[float, float]]] = {name: [] for name in lines}
        for line in lines.values():
            once(line, environment)
        for _ in range(rounds):
            for name, line in lines.items():
                took[name].append(once(line, environment))
    columns = ["command", "ms", "x by the wall", "x by the processor", "worst x"]
    rows: list[list[object]] = []
    for name, found in took.items():
        pairs = list(zip(found, took[BASE], strict=True))
        wall = [one[0] / base[0] for one, base in pairs]
        processor = [one[1] / base[1] for one, base in pairs]
        middle = statistics.median(one[0] for one in found) * 1e3
        rows.append([name, middle, statistics.median(wall), statistics.median(processor), max(wall)])  # fmt: skip
    tables.show(columns, rows)
    print(f"\ngoal: --help, submit and status {GOAL} x")
    tables.tell(given.json, "start", given.folder or root, {"goal": GOAL, "columns": columns, "rows": rows})  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
