"""The real steps in every order of their requests: every scene with one preemption, the sharpest ones with more and with faults.

The long forms are commands: ``python -m tests.explore --preemptions 3``, ``python -m tests.explore --faults 1``.
"""

import pytest

from spoolctl.spool import publish
from tests.explore.choices import Choice, decode, encode
from tests.explore.engine import Bounds, Failed, explore, replay
from tests.explore.scenes import SCENES, THREE
from tests.explore.worlds import Setting
from tests.hostile.requests import Fate

LARGE = ("merge_merge_settle", "fail_for_need_twice", "merge_and_merge")
"""Scenes of two whole scans by controllers: nine in ten of all states, and no more orders of decisions than the others have."""


@pytest.mark.parametrize("name", [name for name in SCENES if name not in LARGE])
def test_every_order_with_one_preemption_keeps_the_invariants(name):
    assert explore(Setting(name, SCENES[name], "mixed"), Bounds(1)).is_whole


@pytest.mark.parametrize("name", LARGE)
def test_large_scenes_keep_the_invariants_as_far_as_they_are_explored(name):
    assert explore(Setting(name, SCENES[name], "mixed"), Bounds(1, 0, 150)).schedules > 100


@pytest.mark.parametrize("name", ["claim_and_claim", "end_and_cancel", "thief_end_merge"])
def test_a_fault_anywhere_in_any_order_keeps_the_invariants(name):
    assert explore(Setting(name, SCENES[name], "mixed"), Bounds(1, 1, 400)).schedules > 100


@pytest.mark.parametrize("name", ["claim_and_claim", "claim_and_claim_and_both_run"])
def test_two_preemptions_on_mounts_that_cache_keep_the_invariants(name):
    assert explore(Setting(name, SCENES[name], "nfs"), Bounds(2)).is_whole


def test_a_failed_schedule_is_told_and_can_be_played_again(monkeypatch):
    """Two winners of one folder: the explorer must see it, and its words must lead there again."""
    lenient = publish.make_once

    def anyone_wins(actor, folder):
        lenient(actor, folder)
        return publish.Outcome.WON

    monkeypatch.setattr("spoolctl.spool.attempts.make_once", anyone_wins)
    name = "claim_and_claim_and_both_run"
    setting = Setting(name, SCENES[name], "nfs")
    with pytest.raises(Failed, match="I3") as caught:
        explore(setting, Bounds(1))
    with pytest.raises(Failed) as again:
        replay(setting, decode(caught.value.schedule))
    assert again.value.args == caught.value.args


def test_a_schedule_reads_as_it_was_written():
    choices = [Choice(0), Choice(0), Choice(1, Fate.LOST_REPLY), Choice(1), Choice(-3), Choice(-1)]
    assert encode(choices) == "0*2 1.lost_reply 1*1 late1 end"
    assert decode(encode(choices)) == choices


def test_every_scene_of_three_has_three_actors():
    built = {make.__name__: len(make().acts) for make in THREE}
    assert set(built.values()) == {3}, built
