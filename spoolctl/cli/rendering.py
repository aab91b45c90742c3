"""The one place that writes to the terminal: text, tables, JSON.

Guarantees: stdout carries the answer, stderr everything else; with ``--json`` the answer is exactly one document (one a line while
watching); no colour off a terminal or with ``NO_COLOR``; there lines are neither wrapped nor cut. Rich is imported only where
somebody looks.
"""

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from spoolctl.cli import page as _page

Page = _page.Page
one_line = _page.one_line

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
_UNITS = ("B", "KiB", "MiB", "GiB")


def terminal() -> Any:  # noqa: ANN401 - a module
    """``terminal.py``, imported when it is first needed."""
    return importlib.import_module("spoolctl.cli.terminal")


def width() -> int | None:
    """The terminal's width in columns; None off a terminal, where nothing is wrapped."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


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
        _print(text)
    sys.stdout.flush()  # a reader that went away is noticed here, not while the interpreter ends


def _print(text: Callable[[Page], None]) -> None:
    page = Page()
    text(page)
    if sys.stdout.isatty():
        terminal().show(page)
    else:
        sys.stdout.writelines(f"{line}\n" for line in page.lines())


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
    if sys.stderr.isatty():
        terminal().complain(word, one_line(text))
    else:
        sys.stderr.write(f"{word}: {one_line(text)}\n")


@contextmanager
def watching() -> Iterator[Callable[[Callable[[Page], None]], None]]:
    """A screen that is redrawn by each call of what this yields."""
    if not sys.stdout.isatty():
        yield _print
        return
    with terminal().screen() as draw:

        def show(text: Callable[[Page], None]) -> None:
            page = Page()
            text(page)
            draw(page)

        yield show


def progress(what: str, total: int, *, shown: bool) -> AbstractContextManager[Callable[[], None]]:
    """A progress bar on stderr; gives the call that advances it by one."""
    if not (shown and sys.stderr.isatty()):
        return nullcontext(lambda: None)
    bar: AbstractContextManager[Callable[[], None]] = terminal().progress(what, total)
    return bar


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
