"""What a claim costs by the depth of its queue: p50 of the claims after the first, the first of a fresh worker, and memory.

Each depth has a spool; claims are made in each of them in turn, so that what else the machine does falls on all. The jobs are hard links to
one record, laid out as a bulk submit leaves them (a head, and shards); with ``--flat`` all lie in the class's folder, as after a drop by
hand. What counts is a depth's ratio to the first in one run.
"""

import argparse
import json
import os
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
    Fronts,
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


def fresh(root):
    """In a process of its own: the first claim of a fresh worker, and by how much a few hundred looks make it grow."""
    # Once, in another spool: what a first claim costs anywhere (imports, schemas) says nothing of depth.
    with tempfile.TemporaryDirectory(dir=root.parent) as other:
        warm = Path(other) / "spool"
        create_spool(warm)
        (warm / layout.queue("batch").folder / "warm.yaml").write_bytes(RECORD)
        assert chooser_of(warm).look().claimed
    actor, life, card = worker_of(root)
    actor.share_now_s()
    before = resident()
    began = time.perf_counter()
    chooser = Chooser(actor, life, Admission(), card)
    assert chooser.look().claimed
    took = (time.perf_counter() - began) * 1000
    for _ in range(300):
        Fronts(actor).paths(layout.queue("batch"))
    return {"first_ms": took, "worker_mib": (resident() - before) / MIB}


def chooser_of(root):
    actor, life, card = worker_of(root)
    actor.share_now_s()
    return Chooser(actor, life, Admission(), card)


def claims(roots, count):
    """Claims at each depth in turn: p50 of the clock's and of the processor's time, in ms."""
    choosers = [chooser_of(root) for root in roots]
    took, worked = [[] for _ in roots], [[] for _ in roots]
    for number in range(count):
        for at, chooser in enumerate(choosers):
            began, cpu = time.perf_counter(), time.process_time()
            claimed = chooser.look().claimed
            took[at].append((time.perf_counter() - began) * 1000)
            worked[at].append((time.process_time() - cpu) * 1000)
            assert claimed is not None, f"{roots[at]} has less than {number + 1} jobs"
    return [
        {"p50_ms": statistics.median(one[1:]), "cpu_p50_ms": statistics.median(other[1:])}
        for one, other in zip(took, worked, strict=True)
    ]


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


def in_its_own_process(what, root):
    command = [sys.executable, __file__, "--as", what, "--folder", str(root)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(told.stdout)


def measured(parent, depths, count, *, flat):
    with tempfile.TemporaryDirectory(dir=parent, prefix="depth-") as folder:
        roots = []
        for depth in depths:
            one = Path(folder) / str(depth)
            one.mkdir()
            create_spool(one / "spool")
            lay_out(one, depth, flat=flat)
            roots.append(one / "spool")
        first = [in_its_own_process("worker", root) for root in roots]
        rows = claims(roots, min(count, *(depth - 1 for depth in depths)))
        for depth, root, row, other in zip(depths, roots, rows, first, strict=True):
            row |= {
                "depth": depth,
                **other,
                **in_its_own_process("controller", root),
                "status_s": status(root),
            }
        return rows


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
        print(json.dumps((fresh if asked.role == "worker" else controls)(asked.folder)))
        return
    rows = measured(asked.folder, asked.depths, asked.claims, flat=asked.flat)
    if asked.json:
        print(json.dumps(rows))
    else:
        table(rows)


if __name__ == "__main__":
    main()
