"""``spoolctl demo``: a spool at work on this machine, with a worker that is killed on the way, checked at the end."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Never

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption, person
from spoolctl.demo import story
from spoolctl.demo.play import LIMIT_S, Play
from spoolctl.demo.watching import display
from spoolctl.spool import UsageError, open_spool


def demo(
    into: Annotated[
        Path | None,
        typer.Option(
            "--into", metavar="FOLDER", help="A new or empty folder; else a temporary one."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a spool at work on this machine; takes half a minute and needs no GPU.

    It starts a controller and two workers, submits a batch, kills one worker, and checks at the end that nothing was lost.
    """
    home = _home(into)
    with (
        _ending_in_order(),
        display(datetime.now(UTC), silent=as_json) as shown,
    ):
        course = Play(home, shown, limit_s=LIMIT_S).run()
    told = story.tell(open_spool(home / "spool", name=person()), home, course)
    rendering.answer(told.document, lambda page: story.write(page, told), as_json=as_json)
    if not told.went_well:
        raise typer.Exit(1)


def _home(into: Path | None) -> Path:
    if into is None:
        return Path(tempfile.mkdtemp(prefix="spool-demo-"))
    home = into.absolute()
    home.mkdir(parents=True, exist_ok=True)
    if any(home.iterdir()):
        raise UsageError(f"'{into}' is not empty", hint="give a new folder, or leave --into out")
    return home


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let a request to end be an interrupt, so that the demo ends what it started."""

    def interrupt(_number: int, _frame: object) -> Never:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt)
        for name in ("SIGTERM", "SIGHUP", "SIGBREAK")
        if (number := getattr(signal, name, None)) is not None
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
