"""What a fact may be that the other run told: a text, a number, a truth. Anybody may have written it.

Guarantees: gives a value of that kind, short and on one line if it is a text, finite if it is a number; else raises ``TypeError`` or
``ValueError``, by which ``talk`` takes the whole word for not said.
"""

import math

from spoolctl.spool.records.base import told

_CHARS_MAX = 100


def text(value: object) -> str:
    """A text."""
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__}, not a text")
    return told(value, _CHARS_MAX)


def text_or_none(value: object) -> str | None:
    """A text, or nothing."""
    return None if value is None else text(value)


def number(value: object) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"a {type(value).__name__}, not a number")
    return float(value)


def number_or_none(value: object) -> float | None:
    """A finite number, or nothing."""
    return None if value is None else number(value)


def truth_or_text(value: object) -> bool | str:
    """True, false, or a text that says why neither."""
    return value if isinstance(value, bool) else text(value)
