"""What a claim costs by the depth of its queue: p50 of the claims after the first, the first of a fresh worker, and memory.

Each depth has a spool and a process of its own. The jobs are hard links to one record, laid out as a bulk submit leaves them (a head, and
shards); with ``--flat`` all lie in the class's folder, as after a drop by hand. What counts is a depth's ratio to the first in one run.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from spoolctl.controller.scanner import Scanner
from spoolctl.spool import (
    NODE_SCHEMA,
    Admission,
    Life,
    Node,
    begin_session,
    create_spool,
    layout,
    open_spool,
)
from spoolctl.spool.overview import Memory, counts
from spoolctl.spool.shards import SIZES
from spoolworker.choosing import Chooser

RECORD = b"""schema: spool.job/1
workload:
  kind: image
  stages:
  - {stage: txt2img, prompt: a lighthouse in the fog, seed: 7}
...
"""
MIB = 1 << 20


def lay_out(root, depth, *, flat):
    """Fill ``queue/batch`` with that many records."""
    one = root / "record"
    one.write_bytes(RECORD)
    queue = root / "spool" / layout.queue("batch").folder
    names = [f"20261120-220000-000-bench-0a1b.{number:07d}.yaml" for number in range(depth)]
    kept = depth if flat or depth <= SIZES.head_max else SIZES.head_kept
    for name in names[:kept]:
        os.link(one, queue / name)
    for at in range(kept, depth, SIZES.shard):
        chunk = names[at : at + SIZES.shard]
        folder = root / "spool" / layout.shard(layout.queue("batch"), chunk[0], f"{at:08x}").folder
        folder.mkdir(parents=True)
        for name in chunk:
            os.link(one, folder / name)


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def worker_of(root):
    actor = open_spool(root, name="bench")
    begin_session(actor)
    card = Node(
        schema_=NODE_SCHEMA, worker="bench", session=actor.session, machine="m", protocol=1, version="1",
        backend="sketch", stages=("txt2img",), started_at=datetime.now(UTC),
    )  # fmt: skip
    life = Life(actor, "worker")
    life.beat()
    return actor, life, card


def claims(root, count):
    """In a process of its own: the first claim, the others, and by how much the process grew."""
    actor, life, card = worker_of(root)
    actor.share_now_s()
    # Once, in another spool: what a first claim costs anywhere (imports, schemas) says nothing of depth.
    with tempfile.TemporaryDirectory(dir=root.parent) as other:
        create_spool(Path(other) / "spool")
        warm, warm_life, _ = worker_of(Path(other) / "spool")
        Path(other, "spool", layout.queue("batch").folder, "warm.yaml").write_bytes(RECORD)
        assert Chooser(warm, warm_life, Admission(), card).look().claimed
    before = resident()
    chooser = Chooser(actor, life, Admission(), card)
    took, worked = [], []
    for _ in range(count):
        began, cpu = time.perf_counter(), time.process_time()
        claimed = chooser.look().claimed
        took.append((time.perf_counter() - began) * 1000)
        worked.append((time.process_time() - cpu) * 1000)
        assert claimed is not None
    grew = (resident() - before) / MIB
    p50, cpu_p50 = statistics.median(took[1:]), statistics.median(worked[1:])
    return {"first_ms": took[0], "p50_ms": p50, "cpu_p50_ms": cpu_p50, "worker_mib": grew}


def controls(root):
    """In a process of its own: passes of a controller, and the counts that status shows."""
    actor, life, _ = worker_of(root)
    life = Life(actor, "controller")
    before = resident()
    scanner = Scanner(actor, life)
    took = []
    for _ in range(3):
        began = time.perf_counter()
        scanner.scan()
        took.append((time.perf_counter() - began) * 1000)
    grew = (resident() - before) / MIB
    began = time.perf_counter()
    found = counts(actor, Memory())
    counted = (time.perf_counter() - began) * 1000
    return {
        "scan_ms": took[-1],
        "controller_mib": grew,
        "counts_ms": counted,
        "waiting": found.queues["batch"],
    }


def status(root):
    """The whole command, the second time."""
    command = [sys.executable, "-m", "spoolctl", "status", "--spool", str(root), "--json"]
    took = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        took.append(time.perf_counter() - began)
    return min(took[1:])


def in_its_own_process(what, root, count):
    command = [
        sys.executable,
        __file__,
        "--as",
        what,
        "--folder",
        str(root),
        "--claims",
        str(count),
    ]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(told.stdout)


def measured(parent, depth, count, *, flat):
    folder = Path(tempfile.mkdtemp(dir=parent, prefix="depth-"))
    try:
        create_spool(folder / "spool")
        lay_out(folder, depth, flat=flat)
        found = {
            "depth": depth,
            **in_its_own_process("worker", folder / "spool", min(count, depth)),
        }
        found |= in_its_own_process("controller", folder / "spool", count)
        return found | {"status_s": status(folder / "spool")}
    finally:
        shutil.rmtree(folder)


def table(rows):
    """Both ratios are to the first depth. Where others use the machine, the processor's time says more than the clock's."""
    print(f"{'depth':>9} {'p50 ms':>7} {'ratio':>6} {'cpu ms':>7} {'ratio':>6} {'first ms':>9} {'worker MiB':>11} {'scan ms':>8} "
          f"{'controller MiB':>15} {'counts ms':>10} {'status s':>9}")  # fmt: skip
    for one in (SimpleNamespace(**row) for row in rows):
        ratio, cpu = (one.__dict__[key] / rows[0][key] for key in ("p50_ms", "cpu_p50_ms"))
        print(f"{one.depth:9,} {one.p50_ms:7.2f} {ratio:6.2f} {one.cpu_p50_ms:7.2f} {cpu:6.2f} {one.first_ms:9.2f} {one.worker_mib:11.1f} "
              f"{one.scan_ms:8.0f} {one.controller_mib:15.1f} {one.counts_ms:10.1f} {one.status_s:9.2f}")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder",
        type=Path,
        help="where to measure; a million links need some room there (and no ext4: 65,000 links)",
    )
    parser.add_argument("--depths", type=int, nargs="+", default=[100, 10_000, 100_000, 1_000_000])
    parser.add_argument("--claims", type=int, default=90)
    parser.add_argument(
        "--flat",
        action="store_true",
        help="no shards: as ten thousand files lie just after a drop by hand",
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--as", dest="role", choices=["worker", "controller"], help=argparse.SUPPRESS
    )
    asked = parser.parse_args()
    if asked.role:
        print(
            json.dumps(
                claims(asked.folder, asked.claims)
                if asked.role == "worker"
                else controls(asked.folder)
            )
        )
        return
    rows = [measured(asked.folder, depth, asked.claims, flat=asked.flat) for depth in asked.depths]
    if asked.json:
        print(json.dumps(rows))
    else:
        table(rows)


if __name__ == "__main__":
    main()
