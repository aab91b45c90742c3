"""Spans of time as people type them."""

from datetime import UTC, datetime

import pytest

from spoolctl.scheduling.durations import parse_duration, parse_moment
from spoolctl.spool import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("45m", 2700), ("2h", 7200), ("1h30m", 5400), ("1H 30m", 5400), ("3d", 259_200)],
)
def test_a_span_is_read_in_seconds(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0h", "2", "h", "1.5h", "-2h", "30m1h", "two hours"])
def test_what_is_no_span_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match="no span of time") as caught:
        parse_duration(text)
    assert "1h30m" in caught.value.hint


NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("12h", datetime(2026, 11, 20, 20, 0, tzinfo=UTC)),
        ("2026-11-20T20:00", datetime(2026, 11, 20, 20, 0, tzinfo=UTC)),
        ("2026-11-20 21:00+01:00", datetime(2026, 11, 20, 20, 0, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
    ],
)
def test_a_moment_is_so_long_ago_or_a_date_in_utc(text, moment):
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "soon", "12", "20:00", "2026-13-01", "999999d"])
def test_what_is_no_moment_is_refused_with_examples(text):
    with pytest.raises(UsageError, match="is no moment") as caught:
        parse_moment(text, NOW)
    assert "2026-11-20T20:00" in caught.value.hint
