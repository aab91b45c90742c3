"""``spoolctl logs``: what the backend said during an attempt."""

import errno
from typing import Annotated

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JobArgument, JsonOption, SpoolOption, opened
from spoolctl.spool import Actor, NoSuchJob, attempt_numbers, layout
from spoolctl.spool import attempt as read_attempt
from spoolctl.spool.overview import resolve

_LOG_BYTES_MAX = 64 << 20


def logs(
    job: JobArgument,
    attempt: Annotated[
        int | None,
        typer.Option("--attempt", metavar="N", min=1, help="Which attempt; the last if left out."),
    ] = None,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the log of a job's attempt."""
    actor = opened(spool)
    name = resolve(actor, job)
    numbers = attempt_numbers(actor, name)
    number = attempt or max(numbers, default=0)
    if not numbers:
        raise NoSuchJob(f"'{name}' has no attempt yet", hint=f"see 'spoolctl show {name}'")
    if number not in numbers:
        told = ", ".join(map(str, numbers))
        raise NoSuchJob(f"'{name}' has no attempt {number}", hint=f"it has {told}")
    source, text = _log(actor, name, number)
    if text is None:
        raise NoSuchJob(
            f"attempt {number} of '{name}' left no log",
            hint=f"'spoolctl show {name}' tells what is known of it",
        )
    document = {"job": name, "attempt": number, "source": source, "log": text}
    rendering.answer(document, lambda page: page.verbatim(text), as_json=as_json)


def _log(actor: Actor, name: str, number: int) -> tuple[str, str | None]:
    """Where the text is from, and the text: the whole log, or the tail that the verdict keeps."""
    if layout.LOG in actor.files.names(layout.attempt(name, number)):
        path = layout.log(name, number)
        try:
            data = actor.files.read(path, bytes_max=_LOG_BYTES_MAX)
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
        else:
            return path, data.decode(errors="replace")
    verdict = read_attempt(actor, name, number).verdict
    return layout.manifest(name, number), verdict.log_tail if verdict else None
