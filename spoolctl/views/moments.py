"""Moments as people type them: an age (``90m``, ``12h``, ``2d``), a day, or a day and a time."""

import re
from datetime import UTC, datetime, timedelta

from spoolctl.spool import UsageError

_AGE = re.compile(r"([0-9]{1,6})([mhd])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def moment_of(text: str, now: datetime) -> datetime:
    """The moment that *text* names, in UTC.

    Args:
        text: An age, counted back from *now*, or ISO 8601; what says no zone is this machine's local time.
        now: With its zone.

    Raises:
        UsageError: It is neither.
    """
    age = _AGE.fullmatch(text)
    try:
        if age:
            return (now - timedelta(**{_UNITS[age[2]]: int(age[1])})).astimezone(UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (
        ValueError,
        OverflowError,
        OSError,
    ):  # the last: a year that the system's zones do not know
        raise UsageError(
            f"'{text}' is no time",
            hint="say an age (90m, 12h, 2d), a day (2026-11-20) or a moment (2026-11-20T22:00)",
        ) from None
