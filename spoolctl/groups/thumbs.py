"""Small pictures of a group's images, ``groups/<group>/thumbs/<job>-<image>.jpg``: made once, for the page on the share and for review.

Guarantees: a thumbnail is there whole or not; an image that is none, or is too large to be opened safely, gives none and stops nobody.
Does not guarantee that it shows what lies under the image's path now: it is made once, behind the merge that verified the image.
"""

import io
import os
import re
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image, UnidentifiedImageError

SIDE: Final = 320
"""Pixels of the longer side."""
PIXELS_MAX: Final = 80_000_000
"""Some 320 MB while it is made small; a controller may run on a small NAS."""
QUALITY: Final = 82
FOLDER: Final = "thumbs"
_NAME = re.compile(r"(?P<job>.+)-(?P<image>[0-9]{1,9})\.jpg\Z", re.DOTALL | re.ASCII)


class NoPicture(Exception):
    """The file cannot be shown; the message says why."""


def thumb_name(job: str, image_index: int) -> str:
    """What the thumbnail of one image is called."""
    return f"{job}-{image_index}.jpg"


def image_of_thumb(entry: str) -> tuple[str, int] | None:
    """The job and the image whose thumbnail bears this name; ``None`` for any other name."""
    found = _NAME.match(entry)
    return (found["job"], int(found["image"])) if found else None


def thumb_of(source: Path | BinaryIO) -> bytes:
    """A JPEG of at most ``SIDE`` pixels a side.

    Args:
        source: An image file on this machine, or one that is open; it is left open.

    Raises:
        NoPicture: It cannot be read as one.
        OSError: The file is not there.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            return thumb_of(file)
    if not os.fstat(source.fileno()).st_size:
        raise NoPicture("an empty file")
    try:
        with Image.open(source) as image:
            _refuse_large(image)
            image.draft("RGB", (SIDE, SIDE))
            image.thumbnail((SIDE, SIDE))
            flat = _on_grey(image)
    except NoPicture:
        raise
    except UnidentifiedImageError:  # whose text names the file, which is a copy for the moment
        raise NoPicture("no kind of image that is known") from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise whatever they meet: SyntaxError, struct.error, ValueError, ...
        raise NoPicture(f"{type(error).__name__}: {error}") from None
    made = io.BytesIO()
    flat.save(made, "JPEG", quality=QUALITY, optimize=True)
    return made.getvalue()


def _refuse_large(image: Image.Image) -> None:
    if image.width * image.height > PIXELS_MAX:
        raise NoPicture(f"{image.width} x {image.height} pixels")


def _on_grey(image: Image.Image) -> Image.Image:
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    ground = Image.new("RGB", clear.size, (128, 128, 128))
    ground.paste(clear, mask=clear.getchannel("A"))
    return ground
