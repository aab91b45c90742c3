"""Pictures out of nothing but words and a number: what the ``sketch`` backend draws.

Guarantees: the same prompt, seed, size and layer give the same pixels on every machine and for
every version of numpy and Pillow: every step is integer arithmetic on values drawn by SHAKE-256.
Rejected: floats and ``numpy.random`` (rounding and streams differ by machine and version), and
Pillow's own gradients and blurs (whose rounding is Pillow's to change).
Does not guarantee that for ``enlarge``: it is Pillow's Lanczos, as it is.
Pure: no files, no clock, no randomness.
"""

import hashlib
import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
"""Height x width x 3, RGB."""

_GRID = 4
_SHAPES = 7
_BAND_ROWS = 64
"""Rows drawn at once: the temporaries stay in the processor's cache, and small."""
_ONE = 1 << 10
"""1.0 in the fixed-point numbers below."""


def draw(prompt: str, seed: int, width: int, height: int, *, layer: str = "") -> Image.Image:
    """Draw smooth colours with a few translucent ellipses on them.

    Args:
        prompt: The words; every character counts.
        seed: The image's own seed.
        width: In pixels.
        height: In pixels.
        layer: Tells apart drawings that one image is made of, such as its second stage's.
    """
    dice = _dice(prompt, seed, width, height, layer)
    # 40 and up: no drawing is ever near black, which is what a broken model makes
    colours = [
        [[40 + next(dice) % 200 for _ in range(3)] for _ in range(_GRID)] for _ in range(_GRID)
    ]
    shapes = [_Ellipse(dice, width, height) for _ in range(_SHAPES)]

    ground = _Gradient(np.array(colours, dtype=np.int32), width, height)
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    for top in range(0, height, _BAND_ROWS):
        band = ground.rows(top, min(top + _BAND_ROWS, height))
        for shape in shapes:
            shape.paint(band, top)
        canvas[top : top + _BAND_ROWS] = band
    return Image.fromarray(canvas)


def blend(under: Image.Image, over: Image.Image, strength: float) -> Image.Image:
    """Mix two pictures of one size: ``strength`` 0 leaves ``under``, 1 leaves ``over``."""
    weight = np.int32(round(strength * _ONE))
    return Image.fromarray(_mix(_pixels(under), _pixels(over), weight))


def touch_up(image: Image.Image, over: Image.Image, strength: float, blur: int) -> Image.Image:
    """Blend ``over`` into the ellipse in the middle of ``image``, and leave all else as it is.

    Args:
        image: The picture; it is not changed.
        over: A drawing of the size that ``touch_up_box`` tells.
        strength: 0 to 1, as in ``blend``.
        blur: How many pixels the edge takes to fade in; 0 is a hard edge.
    """
    left, top, right, bottom = touch_up_box(image.width, image.height)
    pixels = _pixels(image).copy()
    inside = pixels[top:bottom, left:right]
    mask = _ellipse_mask(right - left, bottom - top, blur)
    weight = mask * np.int32(round(strength * _ONE)) >> 10
    pixels[top:bottom, left:right] = _mix(inside, _pixels(over), weight[:, :, None])
    return Image.fromarray(pixels)


def touch_up_box(width: int, height: int) -> tuple[int, int, int, int]:
    """Where ``touch_up`` paints: left, top, right, bottom, the middle half each way."""
    left, top = width // 4, height // 4
    return left, top, width - left, height - top


def enlarge(image: Image.Image, factor: float) -> Image.Image:
    """Pillow's Lanczos to ``int(side * factor)``, as WebUI rounds; never under one pixel."""
    size = (max(1, int(image.width * factor)), max(1, int(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _dice(prompt: str, seed: int, width: int, height: int, layer: str) -> Iterator[int]:
    """Numbers 0..65535, for ever the same for the same picture."""
    # JSON keeps the fields apart: ("a", 11) must not collide with ("a1", 1)
    key = hashlib.sha256(json.dumps([prompt, seed, width, height, layer]).encode()).digest()
    stream = hashlib.shake_256(key).digest(1024)
    return iter(np.frombuffer(stream, dtype="<u2").tolist())


def _pixels(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("RGB"), dtype=np.uint8)


def _mix(under: Pixels, over: Pixels, weight: np.int32 | NDArray[np.int32]) -> Pixels:
    below = under.astype(np.int32)
    return (below + ((over - below) * weight >> 10)).astype(np.uint8)


class _Gradient:
    """A coarse grid of colours, joined by smoothstep curves (3t^2 - 2t^3)."""

    def __init__(self, grid: NDArray[np.int32], width: int, height: int) -> None:
        cell, weight = _smooth_steps(width)
        left, right = grid[:, cell], grid[:, cell + 1]
        self._across = left + ((right - left) * weight[None, :, None] >> 10)
        self._cells, self._weights = _smooth_steps(height)

    def rows(self, top: int, bottom: int) -> NDArray[np.int32]:
        cell, weight = self._cells[top:bottom], self._weights[top:bottom]
        above, below = self._across[cell], self._across[cell + 1]
        below -= above
        below *= weight[:, None, None]
        below >>= 10
        below += above
        return below


def _smooth_steps(length: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """For each pixel of a side: the grid cell that it lies in, and its weight there (0.._ONE)."""
    place = np.arange(length, dtype=np.int64) * ((_GRID - 1) * _ONE) // length
    cell, t = place // _ONE, place % _ONE
    return cell, (t * t * (3 * _ONE - 2 * t) >> 20).astype(np.int32)


class _Ellipse:
    """A translucent ellipse that fades towards its edge."""

    def __init__(self, dice: Iterator[int], width: int, height: int) -> None:
        side = min(width, height)
        self._x = next(dice) * width >> 16
        self._y = next(dice) * height >> 16
        self._rx = max(2, side * (8 + next(dice) % 28) // 100)
        self._ry = max(2, side * (8 + next(dice) % 28) // 100)
        self._colour = np.array([20 + next(dice) % 236 for _ in range(3)], dtype=np.int32)
        self._strength = np.int32(350 + next(dice) % 450)
        self._width = width

    def paint(self, band: NDArray[np.int32], top: int) -> None:
        """Blend itself into the rows of ``band``, whose first row is the picture's row ``top``."""
        first, last = max(0, self._y - self._ry - top), min(len(band), self._y + self._ry + 1 - top)
        left, right = max(0, self._x - self._rx), min(self._width, self._x + self._rx + 1)
        if first >= last:
            return
        across = _squares(np.arange(left, right) - self._x, self._rx)
        down = _squares(np.arange(first, last) + top - self._y, self._ry)
        room = _ONE - (down[:, None] + across[None, :])
        # Six times the room inside, cut at 1: a broad middle of one strength and a soft edge
        weight = np.clip(room * 6, 0, _ONE) * self._strength >> 10
        under = band[first:last, left:right]
        under += (self._colour - under) * weight[:, :, None] >> 10


def _ellipse_mask(width: int, height: int, blur: int) -> NDArray[np.int32]:
    """0.._ONE for each pixel of a box, with an edge about ``blur`` pixels wide."""
    across = _squares(2 * np.arange(width) + 1 - width, width)
    down = _squares(2 * np.arange(height) + 1 - height, height)
    room = _ONE - (down[:, None] + across[None, :])
    # Near the edge 1 - d^2 is 2(1 - d): that times the half side over twice the blur is the ramp
    ramp = room * min(width, height) // (4 * blur) if blur else room * _ONE
    return ramp.clip(0, _ONE).astype(np.int32)


def _squares(offsets: NDArray[np.int64], radius: int) -> NDArray[np.int32]:
    """(offset / radius) squared, as fixed point."""
    # Wide, as Windows with an older numpy counts in 32 bits
    return (offsets.astype(np.int64) ** 2 * _ONE // (radius * radius)).astype(np.int32)
