"""What a worker expects of a job: its default timeout, by the figures on the share or the formula."""

import pytest
from execution_rig import Rig, product, until_interrupted

from spoolctl.spool import Code, encode_json, layout, parse_job
from spoolworker.expecting import Expecting, was_loaded
from tests.scheduling.figured import figures, node, ran, row
from tests.spool.spool_world import World

JOB = b"""schema: spool.job/1
workload:
  kind: image
  stages:
  - {stage: txt2img, prompt: a lighthouse, model: juggernautXL.safetensors, width: 1000, height: 1000, steps: 30}
...
"""
PATIENT = JOB.replace(b"workload:", b"limits: {stall_s: 50000}\nworkload:", 1)
SLOW = figures(row(ran(1_000.0)))


@pytest.fixture
def world():
    return World()


def test_while_nothing_is_learned_the_formula_and_its_floor_count(world):
    assert Expecting(world.actor("w1")).timeout_s(parse_job(JOB), node()) == 1_800


def test_what_was_learned_counts_up_to_what_the_spool_allows(world):
    world.share.put(layout.FIGURES, encode_json(SLOW))
    assert 8_000 < Expecting(world.actor("w1")).timeout_s(parse_job(JOB), node()) < 10_000

    strict = World(timeout_s=900.0)
    strict.share.put(layout.FIGURES, encode_json(SLOW))
    assert Expecting(strict.actor("w1")).timeout_s(parse_job(JOB), node()) == 900


def test_a_jobs_own_timeout_always_counts(world):
    own = parse_job(JOB.replace(b"workload:", b"limits: {timeout_s: 50000}\nworkload:"))

    assert Expecting(world.actor("w1")).timeout_s(own, node()) == 50_000


def test_figures_that_cannot_be_read_are_told_and_the_formula_stands_in(world):
    world.share.put(layout.FIGURES, b"{")

    assert Expecting(world.actor("w1")).timeout_s(parse_job(JOB), node()) == 1_800
    assert len(world.events("figures.unreadable")) == 1


def test_the_figures_are_read_anew_only_now_and_then(world):
    expecting = Expecting(world.actor("w1"))
    assert not expecting.estimates._rows
    world.share.put(layout.FIGURES, encode_json(SLOW))
    assert not expecting.estimates._rows

    world.turn(301)

    assert expecting.estimates._rows


def test_an_attempt_ends_at_the_timeout_that_was_expected_for_it(tmp_path):
    rig = Rig(tmp_path)

    def act(_order, watch):
        rig.world.turn(130)
        until_interrupted(watch)

    manifest = rig.run(act, timeout_s=120.0)

    assert (manifest.code, manifest.message) == (Code.TIMEOUT, "not done after 120 s")


@pytest.mark.parametrize(("cap_s", "told_s"), [(21_600.0, 3_800), (2_500.0, 2_500)])
def test_after_a_timeout_the_next_attempt_gets_twice_as_long_up_to_what_the_spool_allows(
    tmp_path, cap_s, told_s
):
    """As only successes are timed, work that takes longer than was expected ran into the same timeout for ever."""
    rig = Rig(tmp_path, PATIENT, timeout_s=cap_s)

    def act(_order, watch):
        rig.world.turn(1_900)
        until_interrupted(watch)

    assert rig.run(act, timeout_s=1_900.0).code is Code.TIMEOUT
    rig.next_worker("w2")

    expecting, job = Expecting(rig.actor), rig.claim.job
    assert expecting.timeout_s(job, node()) == 1_800
    assert expecting.timeout_s(job, node(), rig.claim.previous) == told_s


def test_without_an_expectation_the_spools_limit_stands(tmp_path):
    rig = Rig(tmp_path)

    def act(order, _watch):
        rig.world.turn(130)
        return product(order)

    assert rig.run(act).succeeded


@pytest.mark.parametrize(
    ("loaded", "told"),
    [("sd/JuggernautXL.safetensors [0123456789]", True), ("other", False), (None, None)],
)
def test_a_model_was_loaded_if_the_backend_held_the_one_that_is_asked_for(loaded, told):
    assert was_loaded(parse_job(JOB), loaded) is told
