"""A contact sheet: many thumbnails on one PNG, each with a line under it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFont

PER_SHEET: Final = 96
SHEETS_MAX: Final = 20
COLUMNS: Final = 8
_CELL, _LINE, _GAP, _HEAD = 240, 20, 10, 34
_CAPTION_CHARS = 120
_GROUND, _INK, _FAINT = (24, 24, 27), (228, 228, 231), (161, 161, 170)


@dataclass(frozen=True)
class Cell:
    """One image of a sheet."""

    thumb: bytes | None
    """A JPEG; ``None`` leaves an empty frame."""
    caption: str


def sheet(title: str, cells: Sequence[Cell]) -> bytes:
    """A PNG of at most ``PER_SHEET`` cells, in rows of ``COLUMNS``, with *title* above."""
    columns = min(COLUMNS, max(1, len(cells)))
    rows = -(-len(cells) // columns)
    size = (_GAP + columns * (_CELL + _GAP), _HEAD + rows * (_CELL + _LINE + _GAP) + _GAP)
    page = Image.new("RGB", size, _GROUND)
    draw = ImageDraw.Draw(page)
    draw.text(
        (_GAP, 9), _cut(draw, title, size[0] - 2 * _GAP, _font(16)), fill=_INK, font=_font(16)
    )
    for number, cell in enumerate(cells):
        left = _GAP + number % columns * (_CELL + _GAP)
        top = _HEAD + number // columns * (_CELL + _LINE + _GAP)
        _put(page, draw, cell, left, top)
    made = io.BytesIO()
    page.save(made, "PNG", optimize=True)
    return made.getvalue()


def _put(page: Image.Image, draw: ImageDraw.ImageDraw, cell: Cell, left: int, top: int) -> None:
    if cell.thumb is None:
        draw.rectangle((left, top, left + _CELL - 1, top + _CELL - 1), outline=_FAINT)
    else:
        with Image.open(io.BytesIO(cell.thumb)) as image:
            image.thumbnail((_CELL, _CELL))
            page.paste(
                image, (left + (_CELL - image.width) // 2, top + (_CELL - image.height) // 2)
            )
    font = _font(12)
    draw.text(
        (left, top + _CELL + 3), _cut(draw, cell.caption, _CELL, font), fill=_FAINT, font=font
    )


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _cut(
    draw: ImageDraw.ImageDraw,
    text: str,
    width: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> str:
    """*text* as far as it fits; letters that the font has not are boxes."""
    text = " ".join(
        text[:_CAPTION_CHARS].split()
    )  # measured letter by letter: a prompt of two thousand took seconds
    if draw.textlength(text, font=font) <= width:
        return text
    while text and draw.textlength(f"{text}…", font=font) > width:
        text = text[:-1]
    return f"{text}…"
