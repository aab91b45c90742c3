"""The text form of an answer, built up line by line, and how it looks off a terminal.

Guarantees: control characters in somebody's text never reach a terminal, where they could rewrite what is shown; the plain form has
no colour, and its lines are neither wrapped nor cut. How a page looks on a terminal is ``terminal.py``'s.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Row = Sequence[str]
GAP = 2
"""Blanks between two columns."""


@dataclass(frozen=True)
class Line:
    """One line, and Rich's style for it."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells, each on one line.

    Args:
        columns: Their headings; ``None`` for a table of words and what they say.
        folds: Numbers of the columns that are wrapped where a terminal is narrow; others are cut.
    """

    columns: Row | None
    rows: tuple[Row, ...]
    folds: frozenset[int]

    def lines(self) -> Iterator[str]:
        """The table as aligned text."""
        rows = [self.columns, *self.rows] if self.columns else list(self.rows)
        widths = [max(map(_cells, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            padded = (
                cell + " " * (width + GAP - _cells(cell))
                for cell, width in zip(row, widths, strict=True)
            )
            yield "".join(padded)


class Page:
    """The text form of an answer, built up line by line."""

    def __init__(self) -> None:
        self.parts: list[Line | Table] = []

    def line(self, text: str = "", *, style: str = "") -> None:
        """Add one line."""
        self.parts.append(Line(clean(text).replace("\n", " "), style))

    def heading(self, text: str) -> None:
        """Add an empty line and a heading."""
        if self.parts:
            self.line()
        self.line(text, style="bold")

    def verbatim(self, text: str, *, indent: str = "") -> None:
        """Add somebody's text with its line ends."""
        self.parts.extend(Line(indent + line) for line in clean(text).rstrip("\n").split("\n"))

    def pairs(self, rows: Iterable[tuple[str, str | None]]) -> None:
        """Add lines of a word and what it says; those that say nothing are left out."""
        told = tuple((word, one_line(said)) for word, said in rows if said)
        if told:
            self.parts.append(Table(None, told, frozenset({1})))

    def table(self, columns: Row, rows: Iterable[Row], *, folds: Sequence[str]) -> None:
        """Add a table; where the terminal is narrow, the columns named in *folds* are wrapped and the others not."""
        cells = tuple([one_line(value) for value in row] for row in rows)
        folded = frozenset(n for n, column in enumerate(columns) if column in folds)
        self.parts.append(Table(columns, cells, folded))

    def lines(self) -> Iterator[str]:
        """The page as plain text, without trailing blanks."""
        for part in self.parts:
            for line in part.lines() if isinstance(part, Table) else (part.text,):
                yield line.rstrip()


def clean(text: str) -> str:
    """Somebody's text without control characters; every kind of line end becomes a newline."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    return "".join(
        c if c == "\n" or (c >= " " and not "\x7f" <= c <= "\x9f") else "?" for c in unified
    )


def one_line(text: str) -> str:
    """Somebody's text on one line."""
    return " ".join(clean(text).split())


def _cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)
