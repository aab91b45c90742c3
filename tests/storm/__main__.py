"""``python -m tests.storm``: the kill storm, beside the same work in calm.

Ends with 0 if every job was committed exactly once (or ended by policy, which is told), and with 1 otherwise; then the folder is
kept as evidence.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.storm.storm import Plan, Ran, run

_PROBLEMS_TOLD = 40


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--controllers", type=int, default=2)
    parser.add_argument("--every", type=float, default=0.25, help="seconds between two strikes")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same schedule")
    parser.add_argument("--calm", action="store_true", help="only without kills")
    parser.add_argument("--storm", action="store_true", help="only with kills")
    parser.add_argument("--limit", type=float, default=3_600.0, help="seconds for each run")
    parser.add_argument(
        "--wave", type=int, help="queue so many at once (default: all at the begin)"
    )
    parser.add_argument("--folder", type=Path, help="where to work; stays (default: a temporary)")
    asked = parser.parse_args()
    if sys.platform != "linux":
        _say("skipped: only Linux lets the storm fork, freeze and kill processes as it must")
        return 0
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="spool-storm-"))
    well = False
    try:
        well = _both(asked, folder)
    finally:
        if well and asked.folder is None:
            shutil.rmtree(folder)
        else:
            _say(f"the spool and all logs are in '{folder}'")
    return 0 if well else 1


def _both(asked: argparse.Namespace, folder: Path) -> bool:
    calm = None if asked.storm else _one(asked, folder / "calm", every_s=None)
    storm = None if asked.calm else _one(asked, folder / "storm", every_s=asked.every)
    last = storm or calm
    assert last is not None
    beside = ""
    if storm and calm:
        beside = f" (without kills {calm.seconds:.1f} s, x{storm.seconds / calm.seconds:.1f})"
    _say(_line(last) + beside)
    return all(one.all_is_well for one in (calm, storm) if one is not None)


def _one(asked: argparse.Namespace, folder: Path, *, every_s: float | None) -> Ran:
    plan = Plan(
        asked.jobs, asked.workers, asked.controllers, every_s, asked.seed, asked.limit, asked.wave
    )
    _say("calm:" if every_s is None else f"a strike every {every_s:g} s, seed {asked.seed}:")
    ran = run(folder, plan, _say)
    _say(f"processor time {ran.cpu_s:.1f} s, {1e3 * ran.cpu_s / asked.jobs:.1f} ms a job")
    for name in sorted(ran.judgement.poison):
        _say(f"{name}: failed by policy: its worker died under it too often")
    for problem in [*ran.fell, *ran.judgement.problems, *ran.fsck][:_PROBLEMS_TOLD]:
        _say(problem)
    if every_s is None and not asked.calm:
        _say(_line(ran))
    return ran


def _line(ran: Ran) -> str:
    found = ran.judgement
    rare = f", failed by policy {len(found.poison)}" if found.poison else ""
    rare += f", not ended {len(found.unended)}" if found.unended else ""
    return (
        f"committed {found.committed}, lost {len(found.lost)}, doubled {len(found.doubled)}{rare}, "
        f"attempts {found.attempts}, reaped {found.reaped}, kills {ran.kills}, "
        f"freezes {ran.freezes}, {ran.seconds:.1f} s"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
