"""How answers look on a terminal: colour, columns that fit, a screen that is redrawn, progress bars.

The only module of the command line that needs Rich; imported only where somebody looks.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import table as rich_table
from rich.console import Console, Group
from rich.live import Live
from rich.progress import Progress
from rich.text import Text

from spoolctl.cli.page import GAP, Line, Page, Row, Table

_WIDTH_OFF_TERMINAL = 4_000
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


def stdout() -> Console:
    """The console of the answer; wide where nobody looks, so that no line is cut."""
    console = Console(file=sys.stdout, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OFF_TERMINAL
    return console


def show(page: Page) -> None:
    """Write a page to standard output."""
    stdout().print(_drawn(page))


def complain(word: str, text: str) -> None:
    """Write ``word: text`` to standard error."""
    console = Console(file=sys.stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)
    console.print(Text(f"{word}:", style=_COLOURS.get(word, "")), Text(text))


@contextmanager
def screen() -> Iterator[Callable[[Page], None]]:
    """A screen that is redrawn by each call of what this yields."""
    with Live(console=stdout(), auto_refresh=False, screen=True) as live:
        yield lambda page: live.update(_drawn(page), refresh=True)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on standard error; yields the call that advances it by one."""
    with Progress(console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _drawn(page: Page) -> Group:
    return Group(*(_line(one) if isinstance(one, Line) else _table(one) for one in page.parts))


def _line(line: Line) -> Text:
    return Text(line.text, style=line.style)


def _table(table: Table) -> rich_table.Table:
    drawn = rich_table.Table(
        box=None, show_header=table.columns is not None, header_style="dim",
        padding=(0, GAP, 0, 0), pad_edge=False,
    )  # fmt: skip
    for number, column in enumerate(table.columns or ("word", "said")):
        folds = number in table.folds
        style = "dim" if table.columns is None and not folds else ""
        overflow = "fold" if folds else "ellipsis"
        drawn.add_column(column, style=style, overflow=overflow, no_wrap=not folds)  # type: ignore[arg-type]
    for row in table.rows:
        drawn.add_row(*_cells(row))
    return drawn


def _cells(row: Row) -> list[Text]:
    return [Text(value, style=_COLOURS.get(value, "")) for value in row]
