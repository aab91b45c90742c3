"""The contact sheet: every final image of the demo as a thumbnail with job, worker and seed under it.

Guarantees: one tile for each final output of a committed job, in the order of submission; an image that cannot be read is a tile that says
so. The tiles' number is also in the PNG's text field ``tiles``.
"""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps
from PIL.PngImagePlugin import PngInfo

from spoolctl.demo.news import short

COLUMNS = 7
TILE = (196, 148)
"""Width and height of a thumbnail, in pixels."""
_GAP, _MARGIN, _HEAD, _CAPTION = 14, 28, 78, 44
_GROUND, _INK, _FAINT, _TILE_GROUND = "#16181d", "#f2f2f0", "#9aa0aa", "#24272e"
_AGAIN = "#ffb454"


@dataclass(frozen=True)
class Tile:
    """One image of the sheet."""

    path: Path
    job: str
    worker: str
    seed: int | None
    attempt: int
    """Above 1, the caption tells it: this image was made after a failure."""


def draw_sheet(tiles: list[Tile], target: Path, *, title: str, subtitle: str) -> None:
    """Draw the sheet and write it to *target*, a PNG; raises OSError if it cannot be written."""
    rows = max(1, -(-len(tiles) // COLUMNS))
    width = 2 * _MARGIN + COLUMNS * TILE[0] + (COLUMNS - 1) * _GAP
    height = _HEAD + _MARGIN + rows * (TILE[1] + _CAPTION) + (rows - 1) * _GAP
    sheet = Image.new("RGB", (width, height), _GROUND)
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, 20), title, fill=_INK, font=_font(22))
    pen.text((_MARGIN, 50), subtitle, fill=_FAINT, font=_font(13))
    for number, tile in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        left = _MARGIN + column * (TILE[0] + _GAP)
        top = _HEAD + row * (TILE[1] + _CAPTION + _GAP)
        _place(sheet, pen, tile, (left, top))
    told = PngInfo()
    told.add_text("tiles", str(len(tiles)))
    sheet.save(target, pnginfo=told)


def _place(sheet: Image.Image, pen: ImageDraw.ImageDraw, tile: Tile, at: tuple[int, int]) -> None:
    left, top = at
    pen.rectangle((left, top, left + TILE[0] - 1, top + TILE[1] - 1), fill=_TILE_GROUND)
    try:
        with Image.open(tile.path) as image:
            thumbnail = ImageOps.contain(image.convert("RGB"), TILE)
    except OSError:
        pen.text((left + 10, top + 10), "cannot be read", fill=_AGAIN, font=_font(13))
    else:
        beside = (TILE[0] - thumbnail.width) // 2, (TILE[1] - thumbnail.height) // 2
        sheet.paste(thumbnail, (left + beside[0], top + beside[1]))
    again = f"   attempt {tile.attempt}" if tile.attempt > 1 else ""
    seed = "" if tile.seed is None else f"seed {tile.seed}"
    pen.text((left, top + TILE[1] + 5), short(tile.job), fill=_INK, font=_font(14))
    below = (left, top + TILE[1] + 23)
    pen.text(below, f"{tile.worker}   {seed}", fill=_FAINT, font=_font(12))
    if again:
        beyond = pen.textlength(f"{tile.worker}   {seed}", font=_font(12))
        pen.text((left + beyond, below[1]), again, fill=_AGAIN, font=_font(12))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
