"""The stated formula: how long work takes while nothing has been learned of it.

    a sampled stage   STAGE_S + images x IMAGE_S / speed + units x STEP_S x cost x (2 with a ControlNet) / speed
    a stage that does not sample   the same, as if it had UPSCALE_STEPS steps
    a text, a command  TEXT_S or COMMAND_S each
    a load             LOAD_S + the file's bytes / LOAD_BYTES_S

``units`` are steps x megapixels x images (``work``); ``speed`` is the card's, a 4090 being 1 (``cards``); ``cost`` is the model's, SDXL's
being 1 (``families``). The shape is that of AI-Horde's time to live (30 s + steps x 2 x megapixels, twice with ControlNet, three times
for Flux and Qwen, at least 150 s), which is a limit for any card; ours is an expectation for one, with a range.

Pure. ``sketch`` draws, and loads nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from spoolctl.scheduling.cards import speed_of
from spoolctl.scheduling.families import Family, family_of
from spoolctl.scheduling.work import Piece

STEP_S = 0.14
"""For one step of one megapixel of SDXL on an RTX 4090: 30 steps of 1024 x 1024 in some 4.4 s. Our guess from public times."""
IMAGE_S = 0.4
"""Decoding and saving an image, on a 4090. Our guess."""
STAGE_S = 1.0
"""Asking the backend, fetching and checking. Our guess."""
UPSCALE_STEPS = 5
"""An enlarging network, in steps of its result's size. Our guess."""
CONTROL_FACTOR = 2.0
"""AI-Horde's."""
TEXT_S, TEXT_BELOW, TEXT_ABOVE = 20.0, 10.0, 20.0
"""One answer of a language model; nothing is known of its length. Our guess."""
COMMAND_S, COMMAND_BELOW, COMMAND_ABOVE = 60.0, 60.0, 60.0
"""A program of which nothing is known."""
SKETCH_S, SKETCH_BELOW, SKETCH_ABOVE = 0.2, 10.0, 20.0
"""``sketch`` draws a megapixel in some tenths of a second; it may have been told to be slow."""
LOAD_S, LOAD_BYTES_S = 3.0, 250e6
"""From a SATA disk, or a wire of 2.5 Gbit/s: 30 s for SDXL. An NVMe disk is four times as fast, Gigabit Ethernet half. Our guess."""
LOAD_BELOW, LOAD_ABOVE = 5.0, 5.0


@dataclass(frozen=True)
class Estimate:
    """How long, in seconds of the worker's clock (or how often, of 1, for ``failure_rate``): most likely, and from where to where."""

    low: float
    mid: float
    high: float
    samples: int
    """How many measured attempts stand behind it; 0: none, it is the formula's."""
    source: str
    """For people, like ``14 runs on RTX 4090`` or ``formula: ...``."""

    @property
    def is_learned(self) -> bool:
        """True if something that ran stands behind it."""
        return self.samples > 0

    def times(self, factor: float) -> "Estimate":
        """So many times as long."""
        return replace(self, low=self.low * factor, mid=self.mid * factor, high=self.high * factor)


def run_formula(  # noqa: PLR0913 - the facts that the formula takes
    piece: Piece,
    *,
    kind: str,
    backend: str,
    gpu: str | None,
    vram_gb: float | None,
    family: Family,
    controls: int = 0,
) -> Estimate:
    """How long one stage takes."""
    if backend == "sketch":
        mid = SKETCH_S * piece.images * (0.5 + piece.megapixels)
        return _ranged(mid, SKETCH_BELOW, SKETCH_ABOVE, "sketch draws")
    if kind in ("text", "command"):
        each, below, above = {
            "text": (TEXT_S, TEXT_BELOW, TEXT_ABOVE),
            "command": (COMMAND_S, COMMAND_BELOW, COMMAND_ABOVE),
        }[kind]
        return _ranged(each * piece.images, below, above, f"nothing known of such a {kind}")
    speed = speed_of(gpu, vram_gb)
    units = piece.units * (1 if piece.steps else UPSCALE_STEPS)
    factor = family.cost * (CONTROL_FACTOR if controls else 1.0)
    mid = STAGE_S + (piece.images * IMAGE_S + units * STEP_S * factor) / speed.mid
    return _ranged(mid, speed.above, speed.below, f"{family.name} by {speed.by}")


def load_formula(model: str | None, file_bytes: int | None, backend: str) -> Estimate:
    """How long a model takes to get from its disk into the card's memory."""
    if not model or backend in ("sketch", "command"):
        return Estimate(0.0, 0.0, 0.0, 0, "formula: nothing to load")
    size = file_bytes or family_of(model).weights_gb * 2**30
    by = "its file's size" if file_bytes else "its name"
    return _ranged(LOAD_S + size / LOAD_BYTES_S, LOAD_BELOW, LOAD_ABOVE, by)


def _ranged(mid: float, below: float, above: float, by: str) -> Estimate:
    return Estimate(mid / below, mid, mid * above, 0, f"formula: {by}")


def total(parts: Iterable[Estimate]) -> Estimate:
    """One after the other. Its range is the sum of theirs, which is wider than it must be; it is as well founded as the worst of them."""
    every = list(parts)
    if not every:
        return Estimate(0.0, 0.0, 0.0, 0, "nothing to do")
    worst = min(every, key=lambda one: one.samples)
    return Estimate(
        sum(one.low for one in every),
        sum(one.mid for one in every),
        sum(one.high for one in every),
        worst.samples,
        worst.source,
    )
