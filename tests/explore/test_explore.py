"""The real steps in every order of their requests: pairs with one preemption whole, all others and faults as far as a minute allows.

The long forms are commands: ``python -m tests.explore --preemptions 2 --mounts all``, ``python -m tests.explore --faults 1``.
"""

import pytest

from spoolctl.fsck import Finding, Report, Severity
from spoolctl.spool import publish
from tests.explore import worlds
from tests.explore.choices import Choice, decode, encode
from tests.explore.engine import Bounds, Failed, explore, replay
from tests.explore.hands import HANDS
from tests.explore.scenes import SCENES, THREE
from tests.explore.worlds import MOUNTS, Setting
from tests.hostile.fates import Fate
from tests.spool.meetings import MEETINGS

LARGE = ("merge_and_merge", "fail_for_need_twice")
"""Pairs of whole scans and sweeps: most of all states, and no more orders of decisions than the others have."""
PAIRS = [make.__name__ for make in MEETINGS if make.__name__ not in LARGE]
MANY = [name for name in SCENES if name not in PAIRS]
FEW = 60


@pytest.mark.parametrize("name", PAIRS)
def test_every_order_with_one_preemption_keeps_the_invariants(name):
    assert explore(Setting(name, SCENES[name], "mixed"), Bounds(1)).is_whole


@pytest.mark.parametrize("name", MANY)
def test_larger_scenes_keep_the_invariants_as_far_as_they_are_explored(name):
    result = explore(Setting(name, SCENES[name], "mixed"), Bounds(1, 0, FEW, seed=1))
    assert result.is_whole or result.schedules == FEW


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
    built = {make.__name__: len(make().acts) for make in (*THREE, *HANDS.values())}
    assert set(built.values()) == {3}, built


def test_a_search_that_is_cut_short_goes_everywhere_a_little_and_is_the_same_each_time():
    setting = Setting("claim_and_claim", SCENES["claim_and_claim"], "nfs")
    plain, drawn, again, other = (
        explore(setting, Bounds(2, 0, 50, seed)) for seed in (None, 1, 1, 2)
    )
    assert (drawn.states, drawn.ends) == (again.states, again.ends)
    assert len({plain.states, drawn.states, other.states}) == 3


# What is asked at the end of every schedule


def test_fsck_has_its_say(monkeypatch):
    damage = Finding(Severity.DAMAGE, "gap", "I4", "results/x", "an attempt is missing")
    monkeypatch.setattr("tests.spool.spool_world.fsck", lambda _actor, **_: Report((damage,)))
    with pytest.raises(Failed, match="fsck: I4 gap at results/x: an attempt is missing"):
        explore(Setting("settle_and_settle", SCENES["settle_and_settle"]), Bounds(0))


def test_a_process_that_died_is_found_dead_by_others_and_by_its_own_machine_started_anew(
    monkeypatch,
):
    """Others wait for its lease; its own machine knows at once. Both must come to the same end."""
    seen = set()
    plain = worlds.recover

    def noted(world, *, machine="host-z"):
        seen.add(machine)
        plain(world, machine=machine)

    monkeypatch.setattr("tests.explore.worlds.recover", noted)
    setting = Setting("claim_and_claim", SCENES["claim_and_claim"])
    explore(setting, Bounds(0))
    assert seen == {"host-z"}
    explore(setting, Bounds(0, 1, 20))
    assert seen == {"host-z", "host-a"}


def test_where_mounts_are_mixed_clocks_are_apart_by_an_hour_and_more():
    ahead = sorted(mount.clock_s for mount in MOUNTS["mixed"])
    assert ahead[0] < -43_200
    assert ahead[-1] >= 3600
    scene = Setting("", SCENES["claim_claim_sweep"], "mixed").build(
        lambda _request: Fate.DONE, lambda _what: None, lambda _s: None
    )
    clocks = {scene.world.actor("a").clock.utc_s() - scene.world.clock.utc_s() for _ in range(3)}
    assert sorted(round(apart) for apart in clocks) == [round(s) for s in ahead]


def test_what_a_pause_waits_for_comes_to_pass():
    """A step that looks again after its client's caches have run out must see what is there."""
    scene = Setting("", SCENES["claim_and_claim"], "smb").build(
        lambda _request: Fate.DONE, lambda _what: None, lambda _s: None
    )
    actor = scene.world.actor("a")
    assert not actor.files.names("rejected")
    scene.world.share.put("rejected/x", b"")
    assert not actor.files.names("rejected")
    actor.pause(2.0)
    assert actor.files.names("rejected") == ("x",)
