"""The bound that nobody can beat: never above the best of all schedules of tiny farms, closed hours included, and seldom far below."""

import itertools
import random
from dataclasses import replace

import pytest

from spoolctl.scheduling.simulate.bound import lower_bound
from spoolctl.scheduling.simulate.described import described
from spoolctl.scheduling.simulate.opening import Opening, merged
from spoolctl.scheduling.simulate.policies import POLICIES
from spoolctl.scheduling.simulate.world import simulate
from spoolctl.spool import Choosing

FARMS = 120


def drawn(seed):
    """Two or three workers, up to five jobs; every time is a whole number of seconds, and some jobs fit one worker only."""
    draw = random.Random(seed)
    workers = [
        {
            "name": f"w{number}", "vram_gb": draw.choice([8.0, 24.0]), "speed": draw.choice([0.5, 1.0, 2.0]),
            "closed": [[begin / 60, (begin + draw.randint(1, 60)) / 60] for begin in
                       (draw.randint(0, 60) for _ in range(draw.randint(0, 3)))],
        }
        for number in range(draw.randint(1, 3))
    ]  # fmt: skip
    jobs = [
        {
            "at_min": draw.choice([0, 0, draw.randint(0, 50)]) / 60, "model": "m", "width": 1000, "height": 1000,
            "steps": draw.randint(1, 30), "vram_gb": draw.choice([4.0, 4.0, 16.0]),
        }
        for _ in range(draw.randint(1, 5))
    ]  # fmt: skip
    text = {"models": [{"name": "m", "gb": 1.0}], "workers": workers, "jobs": jobs}
    return replace(described(text, "tiny.yaml"), noise=0.0)


def best_of_all(farm):
    """The smallest makespan of all schedules: each job on each worker that it fits, in each order, begun as soon as that can be.

    To begin later never lets anything end sooner, as what is begun may go on while its worker is closed. Loading takes no time here.
    """
    times = {
        (job, worker): farm.timing.run_s(arrival.job.work, one.node).mid
        for job, arrival in enumerate(farm.arrivals)
        for worker, one in enumerate(farm.workers)
        if arrival.job.job.requires.vram_gb <= one.node.vram_gb
    }
    openings = [Opening(merged(one.closed), 0.0) for one in farm.workers]
    able = [job for job in range(len(farm.arrivals)) if any(j == job for j, _ in times)]
    best = float("inf")
    for order in itertools.permutations(able):
        for places in itertools.product(range(len(farm.workers)), repeat=len(order)):
            if any(pair not in times for pair in zip(order, places, strict=True)):
                continue
            free = [0.0] * len(farm.workers)
            for job, worker in zip(order, places, strict=True):
                begins = openings[worker].begins_at(max(free[worker], farm.arrivals[job].at_s))
                free[worker] = begins + times[job, worker]
            best = min(best, max(free))
    return 0.0 if not able else best


@pytest.fixture(scope="module")
def tried():
    """The bound and the best of each farm."""
    farms = [drawn(seed) for seed in range(FARMS)]
    return [(lower_bound(farm), best_of_all(farm)) for farm in farms]


def test_the_bound_is_never_above_the_best_of_all_schedules(tried):
    over = [(seed, pair) for seed, pair in enumerate(tried) if pair[0] > pair[1] + 1e-6]
    assert over == []


def test_the_bound_is_reached_by_some_farms_and_is_near_for_most(tried):
    """Else a bound of 0 would pass, too."""
    shares = sorted(bound / best for bound, best in tried if best)
    assert shares[-1] == pytest.approx(1.0)
    assert shares[len(shares) // 2] > 0.9


@pytest.mark.parametrize("policy", POLICIES)
def test_no_policy_ends_a_farm_with_closed_hours_before_its_bound(policy):
    for seed in range(FARMS):
        farm = drawn(seed)
        told = simulate(farm, Choosing(), POLICIES[policy])
        if not told.never:
            assert max(run.ended_s for run in told.runs) >= lower_bound(farm) - 1e-6, seed


def test_closed_hours_raise_the_bound_by_what_no_job_can_reach_into():
    jobs = [{"jobs": 6, "model": "m", "width": 1000, "height": 1000, "steps": 10}]
    workers = [{"name": "a", "vram_gb": 24.0, "speed": 1.0, "closed": [[0.5, 5.0]]}]
    farm = described({"models": [{"name": "m", "gb": 1.0}], "workers": workers, "jobs": jobs}, "f")
    # Three of 10 s by 30 s; one could be under way then, and reach to 40 s; two more from 300 s on.
    assert lower_bound(replace(farm, noise=0.0)) == pytest.approx(320.0)


def test_a_job_that_comes_while_every_worker_is_closed_cannot_end_before_one_opens():
    jobs = [{"at_min": 1.0, "model": "m", "width": 1000, "height": 1000, "steps": 10}]
    workers = [
        {"name": "a", "vram_gb": 24.0, "speed": 1.0, "closed": [[0.5, 5.0]]},
        {"name": "b", "vram_gb": 24.0, "speed": 0.1, "closed": [[0.5, 2.0], [2.0, 3.0]]},
    ]
    farm = described({"models": [{"name": "m", "gb": 1.0}], "workers": workers, "jobs": jobs}, "f")
    assert lower_bound(replace(farm, noise=0.0)) == pytest.approx(280.0)


def test_closed_spans_that_overlap_or_touch_are_one():
    spans = [(5.0, 7.0), (0.0, 2.0), (2.0, 3.0), (6.0, 6.5), (9.0, 9.0)]
    assert merged(spans) == ((0.0, 3.0), (5.0, 7.0))
