"""What the demo shows while it runs: a picture that is redrawn on a terminal, lines of news elsewhere.

Guarantees: only reads. Does not guarantee an instant's picture: jobs move while it is taken.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from spoolctl.cli import terminal
from spoolctl.cli.page import one_line
from spoolctl.demo.news import Item, short
from spoolctl.spool import Heartbeat

NEWS_MAX = 40
_LINES_AROUND_NEWS = 14
_BAR_WIDTH = 24
_STATES = ("queue", "waiting", "claimed", "finished", "done", "failed", "rejected")
_GONE = "killed"


@dataclass
class Picture:
    """What there is to see at one moment."""

    folder: str
    jobs: int
    counts: dict[str, int] = field(default_factory=dict)
    """Records in each state folder, and files in ``rejected/``."""
    beats: dict[str, Heartbeat | None] = field(default_factory=dict)
    """The workers' heartbeats by name; ``None`` for one that was killed."""


class Display:
    """Shows pictures and news."""

    def __init__(self, console: Console, live: Live | None, began: datetime) -> None:
        self._console = console
        self._live = live
        self._began = began
        self._news: deque[Item] = deque(maxlen=NEWS_MAX)

    def tell(self, item: Item) -> None:
        """Show one piece of news."""
        self._news.append(item)
        if self._live is None:
            self._console.print(self._line(item))
            self._console.file.flush()  # whoever reads a pipe wants it now

    def show(self, picture: Picture, now: datetime) -> None:
        """Show how things stand."""
        if self._live is not None:
            self._live.update(self._draw(picture, now), refresh=True)

    def _line(self, item: Item) -> Text:
        seconds = max(0.0, (item.at - self._began).total_seconds())
        text = Text(f"{seconds:6.1f} s  ", style="dim")
        return text.append(one_line(item.text), style=item.style or "default")

    def _draw(self, picture: Picture, now: datetime) -> Group:
        head = Table.grid(expand=True)
        head.add_column()
        head.add_column(justify="right", style="dim")
        passed = (now - self._began).total_seconds()
        head.add_row(Text("a spool at work", style="bold"), f"{passed:.0f} s")
        room = max(4, self._console.size.height - _LINES_AROUND_NEWS)
        news = [self._line(item) for item in tuple(self._news)[-room:]]
        for line in news:
            line.truncate(self._console.size.width - 1, overflow="ellipsis")
        return Group(
            head,
            Text(picture.folder, style="dim", overflow="ellipsis", no_wrap=True),
            Text(),
            _jobs(picture),
            Text(),
            _workers(picture),
            Text(),
            *news,
        )


def _jobs(picture: Picture) -> Group:
    line = Text()
    for state in _STATES:
        count = picture.counts.get(state, 0)
        style = {"done": "green", "failed": "red", "rejected": "yellow"}.get(state, "cyan")
        line.append(f"{state} ", style="dim")
        line.append(f"{count}   ", style=style if count else "dim")
    ended = sum(picture.counts.get(state, 0) for state in ("done", "failed", "cancelled"))
    row = Table.grid(padding=(0, 2))
    row.add_row(
        ProgressBar(total=picture.jobs, completed=ended, width=48),
        Text(f"{ended} of {picture.jobs} jobs have ended"),
    )
    return Group(line, row)


def _workers(picture: Picture) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    for column, width in (("WORKER", 8), ("STATE", 11), ("JOB", 18), ("STAGE", 10)):
        table.add_column(column, min_width=width, no_wrap=True)
    table.add_column("", width=_BAR_WIDTH)
    table.add_column("", width=5, justify="right")
    for name, beat in picture.beats.items():
        table.add_row(*_row(name, beat))
    return table


def _row(name: str, beat: Heartbeat | None) -> Iterator[str | Text | ProgressBar]:
    yield name
    if beat is None:
        yield Text(_GONE, style="bold red")
        return
    yield Text(str(beat.state), style="green" if beat.state == "running" else "dim")
    if beat.name is None:
        return
    again = f" ({beat.attempt})" if (beat.attempt or 1) > 1 else ""
    yield f"{short(beat.name)}{again}"
    yield beat.stage or ""
    progress = beat.progress or 0.0
    yield ProgressBar(total=1.0, completed=progress, width=_BAR_WIDTH)
    yield f"{progress:.0%}"


@contextmanager
def display(began: datetime, *, silent: bool) -> Iterator[Display]:
    """A display on standard output; with *silent* one that shows nothing."""
    console = terminal.stdout()
    if silent:
        console.quiet = True
    if silent or not console.is_terminal:
        yield Display(console, None, began)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield Display(console, live, began)
