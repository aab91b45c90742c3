"""Spans of time as people type them."""

import pytest

from spoolctl.scheduling.durations import parse_duration
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
