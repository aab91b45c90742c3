"""Findings as lines of text, for every command line of the project. Pure.

Guarantees: no line is longer than *width* unless one word is; without a width each finding and each hint is one line.
"""

import textwrap
from collections.abc import Iterable, Sequence

from spoolctl.spool.doctor.findings import count
from spoolctl.spool.records import Finding, Severity

_SEVERITY_CHARS = len("warning") + 2
_ABOUT_CHARS = 18
_INDENT = " " * (_SEVERITY_CHARS + _ABOUT_CHARS)
_WORDS = (("bad", "bad"), ("warning", "warnings"), ("note", "notes"), ("ok", "ok"))


def lines(findings: Sequence[Finding], width: int | None) -> list[tuple[Severity, str]]:
    """The lines that tell *findings*, each with the severity of what it belongs to.

    Args:
        findings: In the order in which they are told.
        width: Columns; ``None`` for lines that are not wrapped.
    """
    told: list[tuple[Severity, str]] = []
    for one in findings:
        head = f"{one.severity:<{_SEVERITY_CHARS}}{one.about:<{_ABOUT_CHARS - 1}} "
        said = _wrapped(head, one.said, width)
        hint = _wrapped(f"{_INDENT}hint: ", one.hint, width) if one.hint else []
        told += [(one.severity, line) for line in (*said, *hint)]
    return told


def _wrapped(head: str, text: str, width: int | None) -> list[str]:
    line = " ".join(text.split())
    if width is None:
        return [head + line]
    indent = _INDENT + (" " * len("hint: ") if head.endswith("hint: ") else "")
    return textwrap.wrap(
        line, max(width, len(_INDENT) + 20), initial_indent=head, subsequent_indent=indent,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def summary(findings: Iterable[Finding]) -> str:
    """One line: how many findings of each severity, and whether the share may be trusted."""
    found = count(findings)
    numbers = ", ".join(
        f"{found[key]} {key if found[key] == 1 else plural}" for key, plural in _WORDS if found[key]
    )
    return f"{sum(found.values())} findings: {numbers}"
