"""The one place that writes to the terminal: text, tables, JSON.

Guarantees: stdout carries the answer, stderr everything else; with ``--json`` the answer is exactly one document (one a line while
watching); no colour off a terminal or with ``NO_COLOR``; there lines are neither wrapped nor cut. Control characters in
somebody's text never reach the terminal, where they could rewrite what is shown.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.live import Live
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

_WIDTH_OFF_TERMINAL = 4_000
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
_UNITS = ("B", "KiB", "MiB", "GiB")
_COLOURS = {
    "error": "bold red",
    "hint": "cyan",
    "failed": "red",
    "lost": "red",
    "silent?": "red",
    "gone": "red",
    "succeeded": "green",
    "running": "green",
    "cancelled": "yellow",
    "returned": "yellow",
}

Row = Sequence[str]


def clean(text: str) -> str:
    """Somebody's text without control characters; every kind of line end becomes a newline."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    return "".join(
        c if c == "\n" or (c >= " " and not "\x7f" <= c <= "\x9f") else "?" for c in unified
    )


def one_line(text: str) -> str:
    """Somebody's text on one line."""
    return " ".join(clean(text).split())


class Page:
    """The text form of an answer, built up line by line."""

    def __init__(self) -> None:
        self._parts: list[Text | Table] = []

    def line(self, text: str = "", *, style: str = "") -> None:
        """Add one line."""
        self._parts.append(Text(clean(text).replace("\n", " "), style=style))

    def heading(self, text: str) -> None:
        """Add an empty line and a heading."""
        if self._parts:
            self.line()
        self.line(text, style="bold")

    def verbatim(self, text: str, *, indent: str = "") -> None:
        """Add somebody's text with its line ends."""
        for line in clean(text).rstrip("\n").split("\n"):
            self._parts.append(Text(indent + line))

    def pairs(self, rows: Iterable[tuple[str, str | None]]) -> None:
        """Add lines of a word and what it says; those that say nothing are left out."""
        told = [(word, said) for word, said in rows if said]
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for word, said in told:
            table.add_row(Text(word), _cell(said))
        if told:
            self._parts.append(table)

    def table(self, columns: Sequence[str], rows: Iterable[Row], *, folds: Sequence[str]) -> None:
        """Add a table; where the terminal is narrow, the columns named in *folds* are wrapped and the others not."""
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
        for column in columns:
            if column in folds:
                table.add_column(column, overflow="fold")
            else:
                table.add_column(column, overflow="ellipsis", no_wrap=True)
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self._parts.append(table)

    def print_on(self, console: Console) -> None:
        """Write the page; trailing spaces, which tables are padded with, are cut off a terminal."""
        if console.is_terminal:
            for part in self._parts:
                console.print(part)
            return
        with console.capture() as captured:
            for part in self._parts:
                console.print(part)
        lines = captured.get().split("\n")
        sys.stdout.write("\n".join(line.rstrip() for line in lines))

    def __rich_console__(self, *_: object) -> Iterator[Text | Table]:
        yield from self._parts


def _cell(value: str) -> Text:
    return Text(one_line(value), style=_COLOURS.get(value, ""))


def stdout() -> Console:
    """The console of the answer; wide where nobody looks, so that no line is cut."""
    console = Console(file=sys.stdout, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OFF_TERMINAL
    return console


def stderr() -> Console:
    """The console of everything else."""
    return Console(file=sys.stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)


def answer(
    document: Mapping[str, Any],
    text: Callable[[Page], None],
    *,
    as_json: bool,
    quiet: Iterable[str] | None = None,
) -> None:
    """Give a command's answer.

    Args:
        document: The answer as JSON.
        text: Builds the answer as text.
        as_json: Whether ``--json`` was given.
        quiet: With ``--quiet``, the lines to print instead of the text.
    """
    if as_json:
        print_json(document)
    elif quiet is not None:
        for line in quiet:
            sys.stdout.write(f"{line}\n")
    else:
        _print(text, stdout())
    sys.stdout.flush()  # a reader that went away is noticed here, not while the interpreter ends


def _print(text: Callable[[Page], None], console: Console) -> None:
    page = Page()
    text(page)
    page.print_on(console)


def print_json(document: Mapping[str, Any], *, on_one_line: bool = False) -> None:
    """Write one JSON document; ASCII, so that no terminal's encoding can refuse it."""
    indent = None if on_one_line else 2
    sys.stdout.write(json.dumps(plain(document), indent=indent) + "\n")
    sys.stdout.flush()


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


def complain(word: str, text: str) -> None:
    """Write ``word: text`` to stderr."""
    console = stderr()
    console.print(Text(f"{word}:", style=_COLOURS.get(word, "")), Text(one_line(text)))


@contextmanager
def watching() -> Iterator[Callable[[Callable[[Page], None]], None]]:
    """A screen that is redrawn by each call of what this yields."""
    console = stdout()
    if not console.is_terminal:
        yield lambda text: _print(text, console)
        return
    with Live(console=console, auto_refresh=False, screen=True) as live:

        def show(text: Callable[[Page], None]) -> None:
            page = Page()
            text(page)
            live.update(page, refresh=True)

        yield show


@contextmanager
def progress(what: str, total: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    """A progress bar on stderr; yields the call that advances it by one."""
    console = stderr()
    if not (shown and console.is_terminal):
        yield lambda: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


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
