"""What several looks tell of workers and groups: who is silent, sick or away, when one is well again, and what has settled."""

from datetime import UTC, datetime

import pytest

from spoolctl.notify.seeing import PICTURES_S, Idleness, Settling, Workers
from spoolctl.spool import HEARTBEAT_SCHEMA, Heartbeat

LEASE_S = 300.0
LOOK_S = 15.0
AWAY_S, GONE_S, WELL_S = 600.0, 60.0, 30.0


def beat(counter, state="idle", *, name=None, session="attic-1", message=None):
    return Heartbeat(
        schema_=HEARTBEAT_SCHEMA, role="worker", session=session, worker="attic", counter=counter, machine="attic",
        host_id="h", boot_id="b", pid=1, started_s=0.0, state=state, name=name, message=message,
        written_at=datetime(2026, 11, 20, tzinfo=UTC),
    )  # fmt: skip


class Looks:
    def __init__(self):
        self.workers, self.mono, self.counter, self.gone = Workers(LEASE_S, 10.0), 0.0, 0, set()

    def look(self, state="idle", *, moves=True, after_s=LOOK_S, dead=(), **facts):
        """How the worker is; ``None``: not known."""
        self.mono += after_s
        self.counter += moves
        return self.see({"attic": beat(self.counter, state, **facts)}, dead)

    def see(self, beats, dead=()):
        found, gone = self.workers.see(beats, dead, self.mono)
        self.gone |= gone
        return found["attic"].how or "well" if "attic" in found else None

    def looks(self, seconds, state="idle", **facts):
        return [self.look(state, **facts) for _ in range(int(seconds / LOOK_S))]


@pytest.fixture
def looks():
    return Looks()


def test_a_worker_is_well_once_its_heartbeat_has_moved(looks):
    assert [looks.look(), looks.look()] == [None, "well"]


def test_a_worker_whose_heartbeat_stands_still_for_a_lease_is_silent(looks):
    looks.looks(60)
    found = looks.looks(LEASE_S + LOOK_S, moves=False, state="running", name="night.0001")
    assert found[:-2] == ["well"] * (len(found) - 2)
    assert found[-1] == "silent"


def test_a_silent_worker_that_moves_again_is_well_after_a_while(looks):
    looks.looks(60)
    looks.looks(LEASE_S + LOOK_S, moves=False)
    found = looks.looks(90)
    assert found[: int(WELL_S / LOOK_S)] == [None] * int(WELL_S / LOOK_S)
    assert found[-1] == "well"


@pytest.mark.parametrize("state", ["paused", "closed", "in_use", "draining"])
def test_a_worker_that_rested_and_then_fell_silent_was_switched_off(looks, state):
    looks.looks(60, state=state)
    found = looks.looks(LEASE_S + LOOK_S, moves=False, state=state)
    assert "silent" not in found
    assert looks.gone == {"attic"}


def test_a_worker_that_says_good_bye_is_gone_and_not_silent(looks):
    looks.looks(60)
    assert looks.look("stopped") is None
    assert looks.gone == {"attic"}
    assert set(looks.looks(2 * LEASE_S, state="stopped", moves=False)) == {None}


def test_an_observer_that_hung_concludes_nothing_from_what_it_did_not_see(looks):
    looks.looks(60)
    assert looks.look(moves=False, after_s=10 * LEASE_S) == "well"
    assert looks.looks(LEASE_S - LOOK_S, moves=False)[-1] == "well"
    assert looks.looks(2 * LOOK_S, moves=False)[-1] == "silent"


def test_a_process_of_this_machine_that_is_gone_is_told_without_waiting_for_the_lease(looks):
    looks.looks(60)
    found = looks.looks(GONE_S + LOOK_S, moves=False, dead={"attic"})
    assert found[-1] == "silent"
    assert looks.mono < LEASE_S


def test_a_heartbeat_that_cannot_be_read_or_is_not_listed_makes_nobody_silent(looks):
    looks.looks(60)
    for _ in range(40):
        looks.mono += LOOK_S
        assert looks.see({}) is None


def test_a_worker_that_one_listing_lacks_is_not_gone_and_one_that_all_lack_is(looks):
    looks.looks(60)
    looks.mono += LOOK_S
    looks.see({})
    assert looks.gone == set()
    assert looks.look() == "well"
    looks.mono += LEASE_S
    looks.see({})
    assert looks.gone == {"attic"}


def test_a_sick_worker_is_sick_at_once_and_its_pilot_job_makes_it_neither_well_nor_sick_again(
    looks,
):
    looks.looks(60)
    assert looks.look("sick", message="three jobs in a row failed here") == "sick"
    assert set(looks.looks(120, "running", name="pilot")) == {None}
    assert looks.look("sick") == "sick"
    assert set(looks.looks(120, "running", name="second-pilot")) == {None}
    assert looks.looks(90, "idle")[-1] == "well"


def test_a_sick_worker_that_goes_on_with_the_next_job_after_its_pilot_is_well(looks):
    looks.looks(60)
    looks.look("sick")
    looks.looks(60, "running", name="pilot")
    assert looks.looks(60, "running", name="next")[-1] == "well"


def test_a_backend_that_is_away_is_told_only_if_it_stays_away(looks):
    looks.looks(60)
    assert set(looks.looks(AWAY_S - 2 * LOOK_S, "waiting", message="refused")) == {None}
    assert looks.looks(60, "waiting", message="refused")[-1] == "away"
    assert looks.looks(90)[-1] == "well"


def test_what_a_sick_worker_says_is_told(looks):
    looks.look()
    looks.counter += 1
    found, _ = looks.workers.see({"attic": beat(5, "sick", message="three jobs failed")}, (), 20.0)
    assert found["attic"].why == "three jobs failed"


# Groups


def test_a_group_settles_when_its_sums_stay_the_same_and_its_pictures_are_made():
    settling = Settling(20.0)
    assert not settling.see("night", "4", 0.0, is_shown=False)
    assert not settling.see("night", "4", 19.0, is_shown=True)
    assert not settling.see("night", "5", 30.0, is_shown=True)
    assert not settling.see("night", "5", 60.0, is_shown=False)
    assert settling.see("night", "5", 61.0, is_shown=True)


def test_pictures_are_waited_for_but_not_for_ever():
    settling = Settling(20.0)
    assert not settling.see("night", "4", 0.0, is_shown=False)
    assert not settling.see("night", "4", PICTURES_S - 1, is_shown=False)
    assert settling.see("night", "4", PICTURES_S, is_shown=False)


def test_idleness_begins_when_nothing_is_left():
    idleness = Idleness()
    assert idleness.see(0.0, is_busy=True) == 0.0
    assert idleness.see(10.0, is_busy=False) == 0.0
    assert idleness.see(70.0, is_busy=False) == 60.0
    assert idleness.see(80.0, is_busy=True) == 0.0
    assert idleness.see(90.0, is_busy=False) == 0.0
