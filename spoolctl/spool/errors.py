"""Every error this project raises on purpose: what, where, which value, and a hint.

Guarantees: ``str(error)`` is one line; ``hint`` says what to do next; ``exit_code`` is what the
command line ends with (the table is in docs/CLI.md). An exception that is not a ``SpoolError`` is a
bug and may show a traceback; a ``SpoolError`` never does.
"""


class SpoolError(Exception):
    """Base of all operating errors.

    Args:
        message: One line: what failed, where, which value. Lower case, no full stop.
        hint: One line: what the person can do about it.
    """

    exit_code = 1
    hint = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class UsageError(SpoolError):
    """The command line or a configuration value makes no sense."""

    exit_code = 2


class NoSpool(SpoolError):
    """There is no spool at the given place."""

    exit_code = 10
    hint = "name one with --spool or SPOOL_ROOT, or make one with 'spoolctl init FOLDER'"


class FormatNotUnderstood(SpoolError):
    """A spool or record of a version that this program does not read."""

    exit_code = 11
    hint = "upgrade this program on this machine to the version that the spool was made with"


class ShareUnusable(SpoolError):
    """The share refuses an operation that the protocol cannot do without, or stopped answering."""

    exit_code = 12
    hint = "check that the share is mounted and writable, then try again"


class NoSuchJob(SpoolError):
    """No job of that name, or more than one begins with it."""

    exit_code = 20
    hint = "'spoolctl status --all' lists every job"


class StateForbids(SpoolError):
    """The job's decided state does not allow what was asked."""

    exit_code = 22


class BadRecord(SpoolError):
    """A file that cannot be read as the record it should be.

    Attributes:
        line: 1-based line of the fault in the file, where it is known.
        field: Dotted path of the field, where it is known.
    """

    exit_code = 23
    hint = "docs/FORMAT.md describes every field; 'spoolctl schema export' writes the JSON Schemas"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.line = line
        self.field = field


class NewerRecord(BadRecord):
    """A record whose schema version is newer than this program; it is left to wait, not rejected."""

    hint = "upgrade this program; until then the file waits untouched"


class NameTaken(SpoolError):
    """A name that the spool has seen before, or that somebody holds now."""

    exit_code = 24


def from_share(error: OSError) -> ShareUnusable:
    """An error of the share, as people are told it."""
    where = f" at '{error.filename}'" if error.filename else ""
    return ShareUnusable(f"the share did not do what was asked{where}: {error.strerror or error}")
