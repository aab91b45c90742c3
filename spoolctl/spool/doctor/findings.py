"""Findings: making them, and turning an error of the share into one. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from spoolctl.spool.records import Finding, Severity

SEVERITIES: tuple[Severity, ...] = ("bad", "warning", "note", "ok")
"""The worst first."""


def ok(about: str, said: str, **facts: Any) -> Finding:  # noqa: ANN401 - JSON
    """As it should be."""
    return Finding(about=about, severity="ok", said=said, facts=facts or None)


def note(about: str, said: str, hint: str | None = None, **facts: Any) -> Finding:  # noqa: ANN401
    """Good to know; nothing has to be done."""
    return Finding(about=about, severity="note", said=said, hint=hint, facts=facts or None)


def warning(about: str, said: str, hint: str, **facts: Any) -> Finding:  # noqa: ANN401
    """A spool works so, but something should be changed."""
    return Finding(about=about, severity="warning", said=said, hint=hint, facts=facts or None)


def bad(about: str, said: str, hint: str, **facts: Any) -> Finding:  # noqa: ANN401
    """A spool must not be trusted to this, or a worker cannot work."""
    return Finding(about=about, severity="bad", said=said, hint=hint, facts=facts or None)


def reason(error: OSError) -> str:
    """An error of the share in a few words."""
    return error.strerror or str(error) or type(error).__name__


def tried(about: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """What *check* finds; if the share fails it, that is the finding: an error is not an answer."""
    try:
        return check()
    except OSError as error:
        return [
            bad(
                about,
                f"could not be tried to its end: {reason(error)}",
                "see that the share is mounted and writable for this user, then run it again",
                error=reason(error),
            )
        ]


def count(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings there are of each severity, the worst first."""
    found = Counter(finding.severity for finding in findings)
    return {severity: found[severity] for severity in SEVERITIES}


def is_bad(findings: Iterable[Finding]) -> bool:
    """True if any finding is *bad*."""
    return any(finding.severity == "bad" for finding in findings)
