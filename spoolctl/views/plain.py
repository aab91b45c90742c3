"""Values as JSON has them, and as people read them: moments, durations, sizes, counts. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
_UNITS = ("B", "KiB", "MiB", "GiB")


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """*value* with records, moments and tuples as JSON has them."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return moment(value)
    return value


def moment(at: datetime | None) -> str:
    """A moment in UTC, for people and JSON; '' for none."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def duration(seconds: float | None) -> str:
    """A duration in words; '' if it is not known."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S:02d} s"
    if whole < 2 * _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S:02d} min"
    return f"{whole // _DAY_S} days"


def size(length: int) -> str:
    """A length in bytes, in words."""
    value, unit = float(length), 0
    while value >= 1024 and unit < len(_UNITS) - 1:  # noqa: PLR2004 - binary units
        value, unit = value / 1024, unit + 1
    return f"{length} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def counted(count: int, noun: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
