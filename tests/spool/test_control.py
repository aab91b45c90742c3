"""Requests by people to workers, each for one session and no other."""

import pytest

from spoolctl.spool import (
    Life,
    NoSuchJob,
    ask_worker,
    asked_of_worker,
    decode,
    records,
    resume_worker,
)
from spoolctl.spool.memory import Blind
from tests.spool.spool_world import World


@pytest.fixture
def world():
    return World()


def live(world, name="w1"):
    actor = world.actor(name)
    Life(actor, "worker").beat()
    return actor


def test_nothing_is_asked_of_a_worker_at_first(world):
    assert not asked_of_worker(live(world))


@pytest.mark.parametrize("action", ["drain", "pause"])
def test_a_request_is_seen_by_the_worker_that_it_is_for(world, action):
    worker = live(world)

    request = ask_worker(world.person(), "w1", action, message="new card at noon")

    assert request.session == (worker.session if action == "drain" else None)
    assert set(asked_of_worker(worker)) == {action}
    lies = decode(records.Request, world.share.tree()[f"control/w1.{action}.yaml"])
    assert (lies.by, lies.message, lies.target) == ("person-ann", "new card at noon", "w1")


def test_a_worker_that_was_restarted_does_not_obey_an_old_drain_but_stays_paused(world):
    """A pause that a service manager's restart ended would give the card away while somebody uses it."""
    live(world)
    ask_worker(world.person(), "w1", "drain")
    ask_worker(world.person(), "w1", "pause")

    assert set(asked_of_worker(live(world))) == {"pause"}


def test_a_pause_for_a_while_ends_by_itself_by_the_shares_clock(world):
    worker = live(world)
    ask_worker(world.person(), "w1", "pause", for_s=7200, now=True)

    world.turn(7100)
    asked = asked_of_worker(worker)["pause"]
    assert asked.now
    assert asked.until is not None
    world.turn(200)
    assert not asked_of_worker(worker)


def test_a_pause_without_an_end_lasts(world):
    worker = live(world)
    ask_worker(world.person(), "w1", "pause")

    world.turn(1e6)

    asked = asked_of_worker(worker)["pause"]
    assert (asked.now, asked.until) == (None, None)


def test_a_request_by_hand_without_a_session_is_for_whoever_bears_the_name(world):
    worker = live(world)
    world.share.put(
        "control/w1.drain.yaml",
        b"schema: spool.request/1\naction: drain\ntarget: w1\nby: ann\nat: 2026-03-27T12:00:00Z\n",
    )

    assert set(asked_of_worker(worker)) == {"drain"}


def test_others_requests_are_none_of_ones_own(world):
    worker = live(world)
    live(world, "w2")
    live(world, "w1-b")
    for other in ("w2", "w1-b"):
        ask_worker(world.person(), other, "drain")

    assert not asked_of_worker(worker)


def test_both_may_be_asked_at_once_and_are_taken_back_together(world):
    worker = live(world)
    for action in ("drain", "pause"):
        ask_worker(world.person(), "w1", action)
    assert set(asked_of_worker(worker)) == {"drain", "pause"}

    assert resume_worker(world.person(), "w1") is True
    assert not asked_of_worker(worker)
    assert resume_worker(world.person(), "w1") is False


def test_a_newer_request_replaces_the_one_before(world):
    live(world)
    ask_worker(world.person(), "w1", "pause")
    fresh = live(world)
    ask_worker(world.person(), "w1", "pause")

    assert set(asked_of_worker(fresh)) == {"pause"}
    assert world.files("control") == ["w1.pause.yaml"]


def test_a_worker_that_nobody_has_seen_cannot_be_asked(world):
    with pytest.raises(NoSuchJob, match="no worker 'attic' in this spool") as caught:
        ask_worker(world.person(), "attic", "drain")
    assert caught.value.hint == "'spoolctl nodes' lists them"


def test_a_request_that_cannot_be_read_is_told_and_asks_nothing(world):
    worker = live(world)
    world.share.put("control/w1.drain.yaml", b"drain please")

    assert not asked_of_worker(worker)
    assert world.events("control.unreadable")[0]["path"] == "control/w1.drain.yaml"


def test_a_folder_that_cannot_be_listed_is_an_error_and_not_no_request(world):
    worker = live(world)
    worker.files.blind("control", Blind.FAILS)

    with pytest.raises(OSError, match="control"):
        asked_of_worker(worker)
