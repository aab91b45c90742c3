"""The one place where errors become messages and exit codes.

Guarantees: an operating error is told as ``error: ...`` and ``hint: ...`` on stderr, and with ``--json`` also as the one JSON document on
stdout; a bug shows its traceback. A command never prints an error itself, and never chooses an exit code.
"""

import sys
from typing import Any

import typer

from spoolctl.cli import rendering
from spoolctl.spool import BadRecord, SpoolError, from_share

INTERRUPTED = 130
_CommandLineProblem: Any = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)
"""What Typer raises for a command line that it cannot read; Typer itself does not export it."""


class Several(SpoolError):
    """More than one thing is wrong; ends with the first one's exit code.

    Args:
        message: What did not happen because of them.
        errors: What is wrong.
    """

    def __init__(self, message: str, errors: list[SpoolError], *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errors = errors
        self.exit_code = errors[0].exit_code


class InFile(SpoolError):
    """What is wrong with one of the files that a command was given."""

    def __init__(self, file: str, error: SpoolError) -> None:
        self.file = "standard input" if file == "-" else file
        self.line = error.line if isinstance(error, BadRecord) else None
        self.field = error.field if isinstance(error, BadRecord) else None
        line = f", line {self.line}" if self.line else ""
        super().__init__(f"'{self.file}'{line}: {error}", hint=error.hint)
        self.exit_code = error.exit_code


def document_of(error: SpoolError) -> dict[str, Any]:
    """An error as ``--json`` tells it."""
    document: dict[str, Any] = {
        "error": str(error),
        "hint": error.hint,
        "exit_code": error.exit_code,
    }
    if isinstance(error, InFile):
        document["file"] = error.file
    if isinstance(error, BadRecord | InFile):
        document |= {"line": error.line, "field": error.field}
    if isinstance(error, Several):
        document["errors"] = [document_of(one) for one in error.errors]
    return document


def tell(error: SpoolError) -> None:
    """Write an error and its hint to stderr."""
    for one in error.errors if isinstance(error, Several) else ():
        tell(one)
    rendering.complain("error", str(error))
    if error.hint:
        rendering.complain("hint", error.hint)


def ended_by(problem: BaseException, *, as_json: bool) -> int:
    """Tell what ended a command and give the exit code; a bug is raised again."""
    if isinstance(problem, KeyboardInterrupt | typer.Abort):
        rendering.complain("error", "interrupted")
        return INTERRUPTED
    if isinstance(problem, OSError):
        told: SpoolError = from_share(problem)
    elif isinstance(problem, _CommandLineProblem):
        told = _misuse(problem)
    elif isinstance(problem, SpoolError):
        told = problem
    else:
        raise problem
    sys.stdout.flush()  # what the command has said comes before why it ended
    if as_json:
        rendering.print_json(document_of(told))
    tell(told)
    return told.exit_code


def _misuse(error: Any) -> SpoolError:  # noqa: ANN401 - Typer does not export its class
    command = getattr(getattr(error, "ctx", None), "command_path", None) or "spoolctl"
    message = " ".join(error.format_message().split()).rstrip(".")
    problem = SpoolError(
        message[:1].lower() + message[1:], hint=f"'{command} --help' lists what it takes"
    )
    problem.exit_code = error.exit_code
    return problem
