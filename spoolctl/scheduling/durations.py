"""Spans of time as people type them (``90s``, ``45m``, ``2h``, ``1h30m``, ``3d``), and moments of the past. Pure."""

import contextlib
import re
from datetime import UTC, datetime, timedelta

from spoolctl.spool import UsageError

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PARTS = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?")


def parse_duration(text: str) -> float:
    """Read a span.

    Returns:
        Seconds, more than 0.

    Raises:
        UsageError: It is none, or has no length.
    """
    found = _PARTS.fullmatch(text.strip().lower().replace(" ", ""))
    parts = found.groups(default="0") if found else ()
    seconds = sum(int(part) * size for part, size in zip(parts, _UNITS.values(), strict=False))
    if seconds <= 0:
        raise UsageError(
            f"'{text[:50]}' is no span of time", hint="write it like 90s, 45m, 2h, 1h30m or 3d"
        )
    return float(seconds)


def parse_moment(text: str, now: datetime) -> datetime:
    """Read a moment in the past: a span before *now* (``12h``), or a date, with a time or without, in UTC unless it says otherwise.

    Raises:
        UsageError: It is neither.
    """
    with contextlib.suppress(UsageError, OverflowError):
        return now - timedelta(seconds=parse_duration(text))
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"'{text[:50]}' is no moment",
            hint="write it like 12h (so long ago), or 2026-11-20T20:00",
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
