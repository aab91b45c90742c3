"""The simulated world holds for a hundred seeds, replays exactly, and sees what is broken on purpose."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from spoolctl.spool import reap
from spoolctl.spool.publish import Outcome
from tests.sim.__main__ import main
from tests.sim.plan import plan_of
from tests.sim.simulation import Broken, Simulation, simulate

CHUNKS, CHUNK = 10, 10
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_fails_nothing_is_lost_and_all_comes_to_rest(chunk):
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        result = simulate(seed)
        assert result.healed_s <= result.bound_s


def test_a_seed_is_replayed_exactly():
    assert simulate(3).digest == simulate(3).digest


def test_a_seed_is_the_same_in_a_process_with_other_hashes():
    program = "from tests.sim.simulation import simulate; print(simulate(12).digest)"
    told = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, text=True, capture_output=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(told) == 1


def test_a_few_seeds_are_run_by_a_command(capsys):
    assert main(["--seeds", "3"]) == 0
    assert "3 seeds from 0: 0 broken" in capsys.readouterr().out


def test_a_trace_can_be_printed(capsys):
    assert main(["--seed", "1", "--trace"]) == 0
    assert "all heals" in capsys.readouterr().out


def first_broken(seeds):
    for seed in seeds:
        try:
            Simulation(plan_of(seed)).run()
        except Broken as broken:
            return broken
    return None


def test_a_sweeper_that_takes_everybody_for_dead_is_seen(monkeypatch):
    monkeypatch.setattr(reap.Reaper, "_unchanged_s", lambda _self, _key, _seen: 1e9)
    assert "I7: " in str(first_broken(range(20)))


def test_a_worker_that_takes_another_s_attempt_is_seen(monkeypatch):
    monkeypatch.setattr("spoolctl.spool.attempts.make_once", lambda _actor, _folder: Outcome.WON)
    assert first_broken(range(20)) is not None


def test_a_settle_that_never_looks_again_is_seen(monkeypatch):
    monkeypatch.setattr(import_module("spoolctl.spool.settle"), "MOVES_MAX", 0)
    assert "liveness" in str(first_broken(range(20)))
