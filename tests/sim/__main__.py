"""``python -m tests.sim --seeds N [--first K] [--processes P]``: many worlds; ``--seed S [--trace]``: one again, exactly."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.sim.plan import Plan, plan_of, smaller
from tests.sim.simulation import Broken, Result, Simulation

SUMS = ("virtual_s", "requests", "faults", "late", "changes", "crashes", "runs", "jobs", "cpu_s")


def attempt(seed: int) -> Result | str:
    """One seed's result, or its violation in words."""
    try:
        return Simulation(plan_of(seed)).run()
    except Broken as broken:
        return str(broken)


def each(seeds: Iterable[int], processes: int) -> Iterator[Result | str]:
    if processes == 1:
        yield from map(attempt, seeds)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(attempt, seeds, chunksize=5)


def shrink(seed: int, *, tries: int = 300) -> Broken | None:
    """Leave out parts of a seed's plan as long as the same invariant is hurt; what is left."""
    best = _broken(plan_of(seed))
    if best is None:
        return None
    going = True
    while going and tries > 0:
        going = False
        for plan in smaller(best.plan):
            tries -= 1
            found = _broken(plan)
            if found is not None and found.told[:2] == best.told[:2]:
                best, going = found, True
                break
            if tries <= 0:
                break
    return best


def _broken(plan: Plan) -> Broken | None:
    try:
        Simulation(plan, whole_trace=True).run()
    except Broken as broken:
        return broken
    return None


def many(first: int, seeds: int, processes: int) -> int:
    sums: Counter[str] = Counter()
    broken = 0
    began = time.perf_counter()
    for result in each(range(first, first + seeds), processes):
        if isinstance(result, str):
            broken += 1
            print(f"BROKEN {result}", flush=True)
            continue
        sums.update({key: getattr(result, key) for key in SUMS})
    told = ", ".join(f"{key} {sums[key]:.0f}" for key in SUMS if key not in ("virtual_s", "cpu_s"))
    print(
        f"{seeds} seeds from {first}: {broken} broken; {sums['virtual_s'] / 3600:.1f} virtual hours, {told};"
        f" {sums['cpu_s']:.1f} s of processor, {time.perf_counter() - began:.1f} s"
    )
    return 1 if broken else 0


def one(seed: int, *, whole: bool) -> int:
    simulation = Simulation(plan_of(seed), whole_trace=whole)
    try:
        result: Result | Broken = simulation.run()
    except Broken as broken:
        result = broken
    if whole or isinstance(result, Broken):
        print("\n".join(simulation.trace.lines))
        print(simulation.plan)
    print(f"seed {seed}: digest {simulation.trace.digest}: {result}")
    return 1 if isinstance(result, Broken) else 0


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 1 if anything did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--shrink", action="store_true", help="make the seed's plan smaller first")
    given = parser.parse_args(arguments)
    if given.seed is None:
        return many(given.first, given.seeds, given.processes)
    if given.shrink:
        found = shrink(given.seed)
        if found is None:
            print(f"seed {given.seed} holds")
            return 0
        print("\n".join(found.trace.lines))
        print(f"{found.plan}\n{found}")
        return 1
    return one(given.seed, whole=given.trace)


if __name__ == "__main__":
    sys.exit(main())
