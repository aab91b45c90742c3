"""How much of a card's memory work needs: predicted from the model's family, learned from what ran, raised by what ran out.

Pure. What is *predicted*, and what is learned from peaks, is advice: to rank cards by it and to tell near misses, never to keep a job
from a card. For a guess by a name may be wrong, and a backend that keeps what it once took shows a peak above its need. Only
``Need.above_gb`` forbids, as does what a job says itself: work like this, or smaller, ran out of memory with so much of a card for
itself. It forbids nothing where nobody with a larger card takes such jobs (``taking``): then the small one may try, or the job would
wait for ever.

An out-of-memory stops counting once work as large as that ran on a card with no more memory. It was something else's fault then.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from spoolctl.scheduling.families import Family
from spoolctl.scheduling.work import Work
from spoolctl.spool import LOAD, Code, FigureRow, Sample

CONTEXT_GB = 0.5
"""What a CUDA context and the allocator's waste take. Our guess."""
WEIGHTS_FACTOR = 1.05
"""What is loaded beside the file's own tensors: buffers, a VAE in 32 bits. Our guess."""
LORA_GB = 0.2
"""A LoRA's file, which is merged or held. Our guess."""
TEXT_CONTEXT_GB = 1.0
"""A language model's context. Our guess."""
KEPT_GB = 1.0
"""What a card keeps for its driver and the desktop: so much that is missing is missed by nobody. Our guess."""
LIKE = 1.5
"""Work that holds up to so many times more, or less, needs about as much."""
_SAME = 1.001
OUT_OF_MEMORY = Code.OUT_OF_MEMORY.value


@dataclass(frozen=True)
class Need:
    """What work needs of a card's memory, in units of 2**30 bytes."""

    gb: float
    """Advice; 0: nothing is known."""
    source: str
    """For people."""
    above_gb: float | None = None
    """It ran out of memory with so much: only a card with more will do, if there is one."""
    samples: int = 0
    """How many measured attempts stand behind ``gb``; 0: it is predicted."""


def predicted(work: Work, family: Family, file_bytes: int | None) -> Need:
    """By the stated formula, to the nearest half GB.

    Context + weights x 1.05 + activation x megapixels held at once + ControlNets + LoRAs.
    """
    if work.kind == "text":
        if not file_bytes:
            return Need(0.0, "formula: the model's size is not known")
        gb = TEXT_CONTEXT_GB + file_bytes / 2**30 * WEIGHTS_FACTOR
        return Need(_nearest(gb), "formula: the model's size")
    if work.kind == "command" or work.model is None:
        return Need(0.0, "formula: no model is named")
    weights_gb = min(file_bytes / 2**30 if file_bytes else family.weights_gb, family.weights_max_gb)
    gb = (
        CONTEXT_GB
        + weights_gb * WEIGHTS_FACTOR
        + family.activation_gb * work.at_once
        + family.control_gb * work.controls
        + LORA_GB * len(work.loras)
    )
    return Need(_nearest(gb), f"formula: {family.name} at {work.at_once:.2g} megapixels")


def learned(work: Work, rows: Iterable[FigureRow], guess: Need) -> Need:
    """What *rows*, those of the same model, tell beyond *guess*."""
    every = [(row, one) for row in rows if row.stage != LOAD for one in row.samples]
    above_gb = _ran_out_with(work, every)
    peaks: dict[tuple[str, float | None], list[float]] = {}
    for row, one in every:
        if (
            not one.outcome
            and one.peak_gb
            and work.at_once / LIKE <= one.at_once <= work.at_once * LIKE
        ):
            peaks.setdefault((row.card, row.vram_gb), []).append(one.peak_gb)
    gb, source, samples = guess.gb, guess.source, 0
    if peaks:
        # On a large card a backend keeps more than it needs, so the card on which it got by with the least tells.
        (card, _), seen = min(peaks.items(), key=lambda item: (max(item[1]), item[0][0]))
        gb, samples = _rounded(max(seen)), sum(map(len, peaks.values()))
        source = f"peak of {len(seen)} {_runs(len(seen))} on {card}"
    if above_gb is not None and gb <= above_gb:
        gb, source = _rounded(above_gb + 0.1), f"it ran out of memory with {above_gb:g} GB"
    return Need(gb, source, above_gb, samples)


def _ran_out_with(work: Work, every: list[tuple[FigureRow, Sample]]) -> float | None:
    """The most memory with which work no larger than this ran out, unless work no smaller ran with as little."""
    ran_out = [
        one.peak_gb
        for _, one in every
        if one.outcome == OUT_OF_MEMORY and one.peak_gb and one.at_once <= work.at_once * _SAME
    ]
    ran_on = [
        row.vram_gb
        for row, one in every
        if not one.outcome and row.vram_gb and one.at_once * _SAME >= work.at_once
    ]
    most = max(ran_out, default=None)
    return None if most is None or min(ran_on, default=math.inf) <= most else most


def _nearest(gb: float) -> float:
    return round(gb * 2) / 2


def _rounded(gb: float) -> float:
    return math.ceil(gb * 2) / 2


def _runs(count: int) -> str:
    return "run" if count == 1 else "runs"
