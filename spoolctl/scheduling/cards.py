"""How fast a card probably is, by its name or its memory, while nothing has been measured on it.

Pure. One RTX 4090 is 1. The numbers are our guess, in the order of the cards' published FP16 rates and memory bandwidths, set by eye
against public times (SDXL, 30 steps: some 4 to 5 s on a 4090, 15 to 25 s on a 4060, ownrig.com); right within a factor of two at best,
which is what the ranges of ``formula`` say. Whatever ran on the card replaces them.
"""

import functools
import re
from dataclasses import dataclass

_NVIDIA = {
    "5090": 1.35, "5080": 0.75, "5070 ti": 0.6, "5070": 0.45, "5060 ti": 0.32, "5060": 0.27, "5050": 0.18,
    "4090": 1.0, "4080": 0.65, "4070 ti": 0.5, "4070": 0.38, "4060 ti": 0.27, "4060": 0.22, "4050": 0.15,
    "3090 ti": 0.5, "3090": 0.45, "3080 ti": 0.43, "3080": 0.38, "3070 ti": 0.28, "3070": 0.26,
    "3060 ti": 0.22, "3060": 0.17, "3050": 0.11,
    "2080 ti": 0.25, "2080": 0.19, "2070": 0.15, "2060": 0.12, "titan rtx": 0.28,
    "1080 ti": 0.1, "1080": 0.07, "1070": 0.055, "1060": 0.04, "1660": 0.05, "1650": 0.03,
    "h200": 1.8, "h100": 1.6, "a100": 0.85, "l40": 0.85, "l4": 0.22, "a6000": 0.45, "6000 ada": 0.9, "a5000": 0.38,
    "a4000": 0.24, "a10": 0.35, "v100": 0.35, "t4": 0.11, "p40": 0.05, "p100": 0.08, "m40": 0.02,
}  # fmt: skip
_OTHERS = {
    "7900 xtx": 0.4, "7900 xt": 0.34, "9070": 0.35, "7800 xt": 0.22, "7700 xt": 0.18, "6950": 0.2, "6900": 0.18,
    "6800": 0.16, "6700": 0.1, "b580": 0.16, "a770": 0.14, "a750": 0.12,
}  # fmt: skip
_NAMED = tuple(
    (re.compile(rf"(?<![0-9a-z]){re.escape(name).replace(chr(92) + ' ', ' ?')}(?![0-9])"), speed)
    for name, speed in sorted({**_NVIDIA, **_OTHERS}.items(), key=lambda one: -len(one[0]))
)
"""The longest name first: a 3090 Ti is no 3090."""
_BY_MEMORY = 0.4 / 24.0
_SLOWEST, _FASTEST = 0.05, 1.0
_UNSEEN = 0.15


@dataclass(frozen=True)
class Speed:
    """A guess at a card's speed, an RTX 4090 being 1."""

    mid: float
    below: float
    """Its range begins so many times slower ..."""
    above: float
    """... and ends so many times faster."""
    by: str


@functools.lru_cache(maxsize=1024)
def speed_of(gpu: str | None, vram_gb: float | None) -> Speed:
    """Guess. A card without a name may be a processor: its range begins a hundred times slower."""
    name = (gpu or "").lower()
    for pattern, speed in _NAMED:
        if pattern.search(name):
            return Speed(speed, 2.5, 2.0, "the card's name")
    if vram_gb:
        mid = min(_FASTEST, max(_SLOWEST, _BY_MEMORY * vram_gb))
        return Speed(mid, 5.0, 4.0, "the card's memory")
    return Speed(_UNSEEN, 100.0, 8.0, "nothing known of the card")
