"""Whether a backend left what was asked of it: every file is decoded before it is believed.

Guarantees after ``check``: there is one final image for each index that was asked for, and every
file that the backend named is a whole image of the size that it was said to have, of the size that
the chain asks for where the chain says it, and not all black, unless that is allowed; or, where the job may have texts, a text in
UTF-8 that is not blank.
Does not guarantee that an image shows what the prompt says.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from spoolctl.spool import (
    PIXELS_MAX,
    TEXT_BYTES_MAX,
    ADetailer,
    Code,
    ComfyUIWorkload,
    CommandWorkload,
    Img2Img,
    Stage,
    TextWorkload,
    Txt2Img,
    Upscale,
)
from spoolworker.backends.base import BackendError, Made, Product

# Pillow's own limit (89 million pixels) is below what a job may ask for. Set for the whole
# process, since Pillow knows no other way; beyond twice this it still refuses.
Image.MAX_IMAGE_PIXELS = PIXELS_MAX**2

FORMATS = ("PNG", "JPEG", "WEBP")
"""What backends leave. Pillow's other readers would only be more to attack: EPS starts Ghostscript."""
_LATENT = 8
"""A sampling stage works on squares of 8 x 8 pixels and drops what is over."""


def check(
    product: Product,
    *,
    images_asked: int,
    stages: Sequence[Stage],
    done: Sequence[Sequence[Made]] = (),
    refuse_black: bool = True,
) -> None:
    """Check all that a run left.

    Args:
        product: What the backend says it left, in the order in which the chain made it.
        images_asked: How many final images there must be, with the indexes 0 to that minus one.
        stages: The chain, which tells the sizes. A size that depends on an input is not checked.
        done: The chain's first stages, where an earlier attempt's were taken over.
        refuse_black: Refuse an image whose every pixel is black: what a model makes, without any
            error, when its numbers overflow.

    Raises:
        BackendError: ``output_incomplete`` (too few or too many images, a file missing or empty)
            or ``output_corrupt`` (not a whole image, wrong size, black), with the product's
            ``log_tail``.
    """
    try:
        _check_count(product, images_asked)
        sizes = _sizes(stages)
        seen = Counter((one.image_index, one.stage) for stage in done for one in stage)
        for made in product.made:
            which = seen[made.image_index, made.stage]
            seen[made.image_index, made.stage] += 1
            _check_there(made)
            _check_kind(made, stages)
            if made.is_text:
                _check_text(made)
                continue
            # Before anything is decoded: a file of 100 kB may claim 16384 x 16384 pixels, which are 800 MB decoded
            _check_size(made, _expected(made, which, stages, sizes))
            _check_file(made, refuse_black=refuse_black)
    except _Refused as refused:
        raise BackendError(
            refused.code, str(refused), log_tail=product.log_tail
        ) from refused.__cause__


def check_stages(
    done: Sequence[Sequence[Made]],
    stages: Sequence[Stage],
    *,
    images_asked: int,
    refuse_black: bool = True,
) -> None:
    """Check the first stages of a chain, as an earlier attempt left them; errors as for ``check``.

    Args:
        done: Their images, stage by stage.
        stages: The whole chain.
        images_asked: How many images each stage must have.
        refuse_black: As for ``check``.
    """
    sizes = _sizes(stages)
    try:
        for made, stage, size in zip(done, stages, sizes, strict=False):
            _check_whole(made, stage, images_asked)
            for one in made:
                _check_there(one)
                _check_size(one, size)
                _check_file(one, refuse_black=refuse_black)
    except _Refused as refused:
        raise BackendError(refused.code, str(refused)) from refused.__cause__


class _Refused(Exception):
    """Becomes a BackendError in the one place that has the log."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


def _check_count(product: Product, asked: int) -> None:
    indexes = sorted(made.image_index for made in product.made if made.final)
    if len(indexes) != asked:
        message = f"{len(indexes)} final images, but {asked} were asked for"
        raise _Refused(Code.OUTPUT_INCOMPLETE, message)
    if indexes != list(range(asked)):
        message = f"the final images have the indexes {indexes}, not 0 to {asked - 1}"
        raise _Refused(Code.OUTPUT_INCOMPLETE, message)


def _check_whole(made: Sequence[Made], stage: Stage, asked: int) -> None:
    found = sorted((one.image_index, one.stage) for one in made)
    if found != [(index, stage.stage) for index in range(asked)]:
        message = f"an earlier attempt's {stage.stage} has other images than were asked for"
        raise _Refused(Code.OUTPUT_INCOMPLETE, message)


def _check_there(made: Made) -> None:
    if _bytes(made.path) == 0:
        raise _Refused(Code.OUTPUT_INCOMPLETE, f"'{made.path.name}' is empty")


def _check_kind(made: Made, stages: Sequence[Stage]) -> None:
    stage = stages[-1]
    if isinstance(stage, CommandWorkload):
        return  # what it may leave is said by the worker's own configuration
    if made.is_text != isinstance(stage, TextWorkload):
        message = f"'{made.path.name}' is not what a stage '{stage.stage}' leaves"
        raise _Refused(Code.OUTPUT_CORRUPT, message)


def _check_text(made: Made) -> None:
    name = made.path.name
    if _bytes(made.path) > TEXT_BYTES_MAX:
        message = f"'{name}' is longer than {TEXT_BYTES_MAX} bytes"
        raise _Refused(Code.OUTPUT_CORRUPT, message)
    try:
        text = made.path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise _Refused(Code.OUTPUT_CORRUPT, f"'{name}' is no text in UTF-8") from error
    if not text.strip():
        raise _Refused(Code.OUTPUT_INCOMPLETE, f"'{name}' is blank")


def _check_file(made: Made, *, refuse_black: bool) -> None:
    name = made.path.name
    try:
        black = _is_black(made)
    except (_Refused, MemoryError):
        raise
    except Exception as error:
        # Pillow's readers raise whatever a damaged file leads them to: of a PNG without pixels it is an IndexError.
        # An OSError with a number is the disk's own, and says nothing about the image.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        message = f"'{name}' cannot be decoded: {error}"
        raise _Refused(Code.OUTPUT_CORRUPT, message) from error
    if black and refuse_black:
        raise _Refused(Code.OUTPUT_CORRUPT, f"'{name}' is all black")


def _is_black(made: Made) -> bool:
    """Decode the whole file; raises what Pillow raises if it is not a whole image."""
    with Image.open(made.path, formats=FORMATS) as image:
        image.verify()  # checksums and the end of the file, which decoding alone passes over
    with Image.open(made.path, formats=FORMATS) as image:
        told, size = f"{made.width}x{made.height}", f"{image.width}x{image.height}"
        if told != size:  # before anything is decoded: a header may claim any size
            message = f"'{made.path.name}' is {size}, but the backend said {told}"
            raise _Refused(Code.OUTPUT_CORRUPT, message)
        image.load()
        return image.convert("RGB").getbbox() is None


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError as error:
        message = f"'{path.name}' was reported but is not there"
        raise _Refused(Code.OUTPUT_INCOMPLETE, message) from error


@dataclass(frozen=True)
class _Side:
    """What a width or a height may be, in pixels."""

    low: int
    high: int

    def times(self, factor: float) -> "_Side":
        return _Side(max(1, math.floor(self.low * factor)), math.ceil(self.high * factor))

    def sampled(self) -> "_Side":
        return _Side(max(1, self.low // _LATENT * _LATENT), self.high)

    def allows(self, pixels: int) -> bool:
        """One pixel either way is rounding."""
        return self.low - 1 <= pixels <= self.high + 1


_Size = tuple[_Side | None, _Side | None]
"""Width and height; ``None`` where the chain does not say."""


def _sizes(stages: Sequence[Stage]) -> list[_Size]:
    """The sizes after each stage, as the chain asks for them."""
    sizes: list[_Size] = []
    size: _Size = (None, None)
    for stage in stages:
        size = _after(stage, size)
        sizes.append(size)
    return sizes


def _after(stage: Stage, before: _Size) -> _Size:
    width, height = before
    match stage:
        case Txt2Img():
            width, height = (_Side(side, side) for side in (stage.width, stage.height))
            if stage.hires:
                # 512 * 1.3 = 665 becomes 664: not the person's number, so not an error
                scale = stage.hires.scale
                return width.times(scale).sampled(), height.times(scale).sampled()
            return width, height
        case Img2Img():
            return _resampled(stage.width, width), _resampled(stage.height, height)
        case Upscale():
            # WebUI rounds an enlarged side down to eight pixels: 96 * 1.3 = 124.8 becomes 120
            larger = (side and side.times(stage.factor).sampled() for side in before)
            return tuple(larger)  # type: ignore[return-value]
        case ADetailer():
            return before
        case ComfyUIWorkload() | TextWorkload() | CommandWorkload():
            return None, None  # its backend checks what its outputs say


def _resampled(asked: int | None, before: _Side | None) -> _Side | None:
    if asked is not None:
        return _Side(asked, asked)
    return before.sampled() if before else None


def _expected(made: Made, which: int, stages: Sequence[Stage], sizes: Sequence[_Size]) -> _Size:
    """The size of one file: by its place in the chain, since a chain may hold a stage twice."""
    if made.final:
        return sizes[-1]
    places = [size for stage, size in zip(stages, sizes, strict=True) if stage.stage == made.stage]
    return places[which] if which < len(places) else (None, None)


def _check_size(made: Made, expected: _Size) -> None:
    for word, pixels, side in zip(
        ("wide", "high"), (made.width, made.height), expected, strict=True
    ):
        if side is not None and not side.allows(pixels):
            asked = f"{side.low}" if side.low == side.high else f"{side.low} to {side.high}"
            message = f"'{made.path.name}' is {pixels} pixels {word}, but {asked} were asked for"
            raise _Refused(Code.OUTPUT_CORRUPT, message)
