"""Spans of time as people type them: ``90s``, ``45m``, ``2h``, ``1h30m``, ``3d``. Pure."""

import re

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
