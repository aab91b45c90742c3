"""What every property of this folder holds a reader to, and the settings under which all of them run.

Guarantees: the same inputs on every machine and in every run (no random seed, no database of former failures, no time limit that
a busy machine would miss). ``python -m tests.fuzz`` searches further, and differently each time.
"""

from hypothesis import HealthCheck, Phase, settings

from spoolctl.spool.errors import BadRecord, SpoolError

MESSAGE_CHARS_MAX = 700
HINT_CHARS_MAX = 400


def steady(max_examples: int, *, shrinks: bool = True) -> settings:
    """The settings of a property that tries *max_examples* inputs, always the same ones.

    Args:
        max_examples: How many.
        shrinks: Whether a failing input is made smaller; of whole loops that takes minutes.
    """
    phases = [phase for phase in Phase if shrinks or phase not in (Phase.shrink, Phase.explain)]
    return settings(
        max_examples=max_examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )


def assert_told_well(error: SpoolError, *, lines: int | None = None) -> None:
    """A refusal is one short line that any terminal can print, with a remedy, and speaks of a line that is in the file.

    Args:
        error: The refusal.
        lines: How many lines the file has.
    """
    said = [("message", str(error), MESSAGE_CHARS_MAX), ("hint", error.hint, HINT_CHARS_MAX)]
    if isinstance(error, BadRecord) and error.field is not None:
        said.append(("field", error.field, MESSAGE_CHARS_MAX))
    for what, text, chars_max in said:
        assert text, f"no {what}"
        assert text.isprintable(), f"{what}: {text!r}"
        assert len(text) <= chars_max, f"{what} of {len(text)} characters"
    line = error.line if isinstance(error, BadRecord) else None
    assert lines is None or line is None or 1 <= line <= lines + 2, f"line {line} of {lines}"
