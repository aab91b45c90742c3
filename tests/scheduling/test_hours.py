"""A worker's hours: read as people write them, and right over both changes of the clock."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spoolctl.scheduling.hours import DAYS, Hours, parse_hours
from spoolctl.spool import UsageError

SPRING = datetime(2026, 3, 29, 1, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 25, 1, tzinfo=UTC)


class Berlin(tzinfo):
    """Central European time of 2026: 2:00 becomes 3:00 on 29 March, 3:00 becomes 2:00 on 25 October."""

    def utcoffset(self, at):
        standard = timedelta(hours=1)
        naive = at.replace(tzinfo=UTC)
        begins, ends = SPRING + timedelta(hours=1), AUTUMN + timedelta(hours=1)
        # In the hour that is not there, and in the one that is there twice, the fold decides.
        if begins <= naive < begins + timedelta(hours=1):
            return timedelta(hours=2) if at.fold else standard
        if ends <= naive < ends + timedelta(hours=1):
            return standard if at.fold else timedelta(hours=2)
        return timedelta(hours=2) if begins <= naive < ends else standard

    def dst(self, at):
        return self.utcoffset(at) - timedelta(hours=1)

    def fromutc(self, at):
        moment = at.replace(tzinfo=UTC)
        summer = SPRING <= moment < AUTUMN
        shown = at + timedelta(hours=2 if summer else 1)
        again = AUTUMN <= moment < AUTUMN + timedelta(hours=1)
        return shown.replace(tzinfo=self, fold=int(again))


BERLIN = Berlin()


def at(text, fold=0):
    """A moment of 2026-11-16, a Monday, and the days after: ``mon 21:59``."""
    day, _, clock = text.partition(" ")
    monday = datetime(2026, 11, 16, tzinfo=BERLIN)
    hour, _, minute = clock.partition(":")
    number = next(i for i, name in enumerate(DAYS) if name.startswith(day))
    return monday.replace(day=16 + number, hour=int(hour), minute=int(minute), fold=fold)


def test_a_window_holds_from_its_beginning_until_just_before_its_end():
    hours = parse_hours(["mon-fri 9:00-17:00"])

    assert not hours.is_open(at("mon 8:59"))
    assert hours.is_open(at("mon 9:00"))
    assert hours.is_open(at("fri 16:59"))
    assert not hours.is_open(at("fri 17:00"))
    assert not hours.is_open(at("sat 12:00"))


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins():
    hours = parse_hours(["fri 22:00-07:30"])

    assert hours.is_open(at("fri 23:00"))
    assert hours.is_open(at("sat 7:29"))
    assert not hours.is_open(at("sat 7:30"))
    assert not hours.is_open(at("fri 3:00")), "that night belongs to Thursday"
    assert not hours.is_open(at("sat 22:00"))


def test_sunday_night_reaches_into_monday():
    assert parse_hours(["sun 22-7"]).is_open(at("mon 6:59"))


def test_several_windows_a_day_and_several_texts_add_up():
    hours = parse_hours(["mon-fri 9-12, 14:00-17:00", "sat,sun all day"])

    assert [hours.is_open(at(f"tue {hour}:30")) for hour in (8, 9, 12, 14, 17)] == [
        False, True, False, True, False,
    ]  # fmt: skip
    assert hours.is_open(at("sun 0:00"))
    assert hours.is_open(at("sun 23:59"))


@pytest.mark.parametrize(
    "text",
    ["sat-mon all day", "SAT - MON  all day", "sa,su,mo all  day", "saturday-monday 0:00-24:00"],
)
def test_weekdays_are_read_as_people_write_them_also_over_the_weeks_end(text):
    hours = parse_hours([text])

    assert [hours.is_open(at(f"{day} 12:00")) for day in ("fri", "sat", "sun", "mon", "tue")] == [
        False, True, True, True, False,
    ]  # fmt: skip


def test_daily_is_every_day():
    assert parse_hours(["daily 22:00\N{EN DASH}6:00"]) == parse_hours(["mon-sun 22-6"])


def test_it_tells_when_it_closes_and_opens():
    hours = parse_hours(["mon-fri 22:00-07:30", "sat,sun all day"])

    assert hours.opens_in_s(at("mon 21:59")) == 60
    assert hours.closes_in_s(at("mon 21:59")) == 0
    assert hours.closes_in_s(at("mon 22:00")) == 9.5 * 3600
    assert hours.opens_in_s(at("mon 22:00")) == 0
    assert hours.closes_in_s(at("sat 0:00")) == 48 * 3600, "Friday's night and both days are one"
    assert hours.opens_in_s(at("mon 7:30")) == 14.5 * 3600


def test_what_is_always_open_never_closes():
    hours = parse_hours(["daily 0-12", "daily 12-24"])

    assert hours.closes_in_s(at("mon 3:00")) is None
    assert hours.opens_in_s(at("mon 3:00")) == 0


def test_a_night_with_the_change_in_spring_is_an_hour_shorter():
    evening = datetime(2026, 3, 28, 22, tzinfo=BERLIN)

    assert parse_hours(["sat 22:00-07:30"]).closes_in_s(evening) == 8.5 * 3600
    assert parse_hours(["sun 8-9"]).opens_in_s(evening) == 9 * 3600


def test_a_night_with_the_change_in_autumn_is_an_hour_longer():
    evening = datetime(2026, 10, 24, 22, tzinfo=BERLIN)

    assert parse_hours(["sat 22:00-07:30"]).closes_in_s(evening) == 10.5 * 3600


def test_a_window_that_begins_in_the_hour_that_is_not_there_begins_when_the_clock_is_put_forward():
    hours = parse_hours(["sun 2:30-4:00"])
    before = datetime(2026, 3, 29, 1, 50, tzinfo=BERLIN)

    assert hours.opens_in_s(before) == 600
    assert hours.is_open((SPRING).astimezone(BERLIN))
    assert hours.closes_in_s(SPRING.astimezone(BERLIN)) == 3600


def test_a_window_wholly_in_the_hour_that_is_not_there_opens_a_week_later():
    hours = parse_hours(["sun 2:10-2:50"])
    before = datetime(2026, 3, 29, 1, 50, tzinfo=BERLIN)

    later = before.astimezone(UTC) + timedelta(seconds=hours.opens_in_s(before))
    assert later.astimezone(BERLIN) == datetime(2026, 4, 5, 2, 10, tzinfo=BERLIN)


def test_the_hour_that_the_clock_shows_twice_is_judged_alike_both_times():
    hours = parse_hours(["sun 0:00-2:30"])
    first, second = (datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=fold) for fold in (0, 1))

    assert hours.is_open(first)
    assert hours.is_open(second)
    assert hours.closes_in_s(first) == 20 * 60
    assert hours.closes_in_s(second) == 20 * 60
    between = datetime(2026, 10, 25, 2, 45, tzinfo=BERLIN)
    assert hours.opens_in_s(between) == 15 * 60, "the clock is put back into the window"


def test_a_moment_without_a_zone_is_a_fault_of_the_program():
    with pytest.raises(ValueError, match="aware"):
        parse_hours(["daily 9-17"]).closes_in_s(datetime(2026, 1, 1, 12))  # noqa: DTZ001 - the fault


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mon-fri", "times are missing"),
        ("", "'' is no weekday"),
        ("22:00-07:30", "'22:00' is no weekday"),
        ("m 9-17", "'m' is no weekday"),
        ("mon-fry 9-17", "'fry' is no weekday"),
        ("mon 9", "'9' has no end"),
        ("mon 25:00-26:00", "'25:00' is no time"),
        ("mon 9:60-10", "'9:60' is no time"),
        ("mon 24:01-3", "'24:01' is no time"),
        ("mon 9-9", "'9-9' has no length"),
        ("mon 24:00-3", "'24:00-3' has no length"),
        ("mon 9-12,", "'' has no end"),
        ("mon 9am-5pm", "'9am' is no time"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_is_wrong(text, why):
    with pytest.raises(UsageError) as caught:
        parse_hours([text])

    assert str(caught.value).startswith(f"hours {text!r}: {why}")
    assert "mon-fri 22:00-07:30" in caught.value.hint


def test_no_text_at_all_is_no_week_of_closed_days():
    with pytest.raises(UsageError, match="no hours"):
        parse_hours([])


TIMES = st.integers(0, 24 * 60 - 1).map(lambda m: f"{m // 60}:{m % 60:02}")
DAY_WORDS = st.sampled_from([day[:3] for day in DAYS])
TEXTS = st.lists(
    st.tuples(DAY_WORDS, DAY_WORDS, TIMES, TIMES)
    .filter(lambda t: t[2] != t[3])
    .map(lambda t: f"{t[0]}-{t[1]} {t[2]}-{t[3]}"),
    min_size=1,
    max_size=4,
)
AROUND = st.builds(
    lambda change, minutes: change + timedelta(minutes=minutes),
    st.sampled_from([SPRING, AUTUMN]),
    st.integers(-12_000, 12_000),
)


@settings(max_examples=150, deadline=None)
@given(TEXTS, AROUND, st.lists(st.floats(0, 0.999), max_size=20), st.booleans())
def test_nothing_changes_before_the_moment_that_was_told_and_then_it_does(
    texts, moment, parts, fixed
):
    hours, zone = parse_hours(texts), timezone(timedelta(hours=-5)) if fixed else BERLIN
    now = moment.astimezone(zone)
    was_open = hours.is_open(now)

    seconds = hours.closes_in_s(now) if was_open else hours.opens_in_s(now)

    assert (hours.opens_in_s(now) == 0) == was_open
    span = seconds if seconds is not None else 8 * 86_400
    for part in parts:
        then = (moment + timedelta(seconds=int(span * part))).astimezone(zone)
        assert hours.is_open(then) == was_open
    if seconds is not None:
        then = (moment + timedelta(seconds=seconds)).astimezone(zone)
        assert hours.is_open(then) != was_open


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="monfrisatu0123456789:-, \N{EN DASH}", max_size=20))
def test_any_text_is_read_or_refused(text):
    try:
        hours = parse_hours([text])
    except UsageError as error:
        hours = str(error)
    assert hours
    assert isinstance(hours, Hours) or "\n" not in hours
