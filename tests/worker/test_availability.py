"""What holds a worker back now: a pause, its hours, somebody who uses its machine; and what that means for the job in work."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from spoolctl.spool import REQUEST_SCHEMA, Request
from spoolworker.availability import (
    Availability,
    AvailabilityConfig,
    InputSeen,
    InUse,
    Pause,
    PauseFile,
    machine_time,
)

MONDAY_21 = datetime(2026, 11, 16, 21, tzinfo=UTC)


@pytest.fixture(autouse=True)
def a_machine_in_utc(monkeypatch):
    if not hasattr(time, "tzset"):
        pytest.skip("a process of Windows cannot change its zone")
    monkeypatch.setenv("TZ", "UTC0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Desk:
    def __init__(self, folder, **configured):
        self.now = MONDAY_21
        self.events = []
        config = AvailabilityConfig(**configured)
        self.use = InUse(config, self._now_s, lambda *_: None)
        self.file = PauseFile(folder / "pause.json")
        self.available = Availability(
            config, pause_file=self.file, wall_s=self._now_s, in_use=self.use,
            log=lambda event, **facts: self.events.append((event, facts.get("state"))),
        )  # fmt: skip

    def _now_s(self):
        return self.now.timestamp()

    def look(self, *asked):
        rest = self.available.look(*asked, heard=bool(asked))
        return None if rest is None else (rest.state, rest.why, rest.stop, rest.for_s)


def asked(**said):
    return Request(
        schema_=REQUEST_SCHEMA, action="pause", target="attic", by="person-ann", at=MONDAY_21,
        **said,
    )  # fmt: skip


def test_without_any_word_nothing_holds_it_back(tmp_path):
    desk = Desk(tmp_path)

    assert desk.look() is None
    assert (desk.available.closes_in_s(), desk.available.stop) == (None, None)
    assert not desk.available.is_unsure


def test_outside_its_hours_it_rests_and_tells_until_when(tmp_path):
    desk = Desk(tmp_path, hours=["mon-fri 22:00-07:30"])

    assert desk.look() == ("closed", "closed until 22:00", False, 3600.0)
    assert desk.available.closes_in_s() == 0

    desk.now += timedelta(hours=1)
    assert desk.look() is None
    assert desk.available.closes_in_s() == 9.5 * 3600

    desk.now += timedelta(hours=9.5)
    assert desk.look()[1] == "closed until 22:00"
    assert desk.events == [
        ("worker.rests", "closed"), ("worker.resumed", None), ("worker.rests", "closed"),
    ]  # fmt: skip


def test_another_days_hour_is_told_with_its_day(tmp_path):
    desk = Desk(tmp_path, hours=["sat all day"])

    assert desk.look()[1] == "closed until Sat 00:00"


@pytest.mark.parametrize(("when_closing", "stop"), [("finish", None), ("stop", "closed until")])
def test_at_the_end_of_its_hours_the_job_in_work_is_finished_or_handed_back_as_configured(
    tmp_path, when_closing, stop
):
    desk = Desk(tmp_path, hours=["mon 22-23"], when_closing=when_closing)

    desk.look()

    assert (desk.available.stop or "").startswith(stop or "")
    assert bool(desk.available.stop) == bool(stop)


def test_a_pause_from_the_share_tells_who_why_and_until_when(tmp_path):
    desk = Desk(tmp_path)
    until = MONDAY_21 + timedelta(hours=2)

    told = desk.look(asked(message="new card", until=until))
    assert told == ("paused", "paused by person-ann until 23:00: new card", False, 7200.0)
    assert desk.look() == told, "what was heard last holds until the share says otherwise"
    assert desk.look(None) is None


def test_a_pause_now_hands_the_job_back(tmp_path):
    desk = Desk(tmp_path)

    desk.look(asked(now=True))

    assert desk.available.stop == "paused by person-ann"


def test_a_pause_on_the_machine_needs_no_share_and_survives_a_restart(tmp_path):
    Desk(tmp_path).file.write(Pause("ann", "a game", now=True))

    desk = Desk(tmp_path)

    assert desk.look() == ("paused", "paused on this machine by ann: a game", True, None)
    desk.file.remove()
    assert desk.look() is None


def test_the_first_of_several_reasons_is_told_and_any_of_them_hands_the_job_back(tmp_path):
    desk = Desk(tmp_path, hours=["mon 22-23"], when_closing="stop")

    assert desk.look(asked())[:3] == ("paused", "paused by person-ann", True)


def test_going_from_finishing_to_handing_back_is_an_event(tmp_path):
    desk = Desk(tmp_path)

    desk.look(asked())
    desk.look(asked())
    desk.look(asked(now=True))

    assert desk.events == [("worker.rests", "paused")] * 2


def test_a_machine_in_use_rests_and_is_unsure_before_it_knows(tmp_path):
    desk = Desk(tmp_path, while_in_use="finish", input_idle_s=60)
    assert desk.look() is None
    assert desk.available.is_unsure

    desk.use.tell_input(InputSeen(5.0))
    assert desk.look() == ("in_use", "in use: input 5 s ago", False, None)
    assert not desk.available.is_unsure


@pytest.mark.parametrize(
    ("configured", "said"),
    [
        ({"hours": ["mon 25-26"]}, "'25' is no time"),
        ({"while_in_use": "stop"}, "what counts as use"),
        ({"others_vram_gb": 2.0}, "only if while_in_use"),
        ({"while_in_use": "stop", "others_vram_gb": 0.0}, "greater than 0"),
        ({"when_closing": "now"}, "'finish' or 'stop'"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(configured, said):
    with pytest.raises(ValidationError, match=said):
        AvailabilityConfig(**configured)


def test_the_machines_own_time_knows_of_its_changes_to_come(monkeypatch):
    """``astimezone()`` alone gives the offset of today for all times."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    evening = machine_time(datetime(2026, 3, 28, 21, tzinfo=UTC).timestamp())
    config = AvailabilityConfig(hours=["sat 22:00-07:30"])

    assert (evening.hour, evening.utcoffset()) == (22, timedelta(hours=1))
    assert config.week.closes_in_s(evening) == 8.5 * 3600
    twice = machine_time(datetime(2026, 10, 25, 1, 30, tzinfo=UTC).timestamp())
    assert (twice.hour, twice.minute, twice.fold) == (2, 30, 1)
    assert twice.astimezone(UTC) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
