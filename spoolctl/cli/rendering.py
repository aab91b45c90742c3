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
from typing import Any

from spoolctl.cli import page as _page
from spoolctl.views.plain import plain

Page = _page.Page
one_line = _page.one_line


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
