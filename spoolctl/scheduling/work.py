"""Work: what a job asks for, in the few facts by which jobs are chosen, matched and compared with what ran before.

Pure. Two jobs of equal ``Work`` are the same to everyone who chooses or estimates. A job whose stages cannot be read has no work:
``work_of`` raises, and whoever claims such a job says so in its verdict.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from spoolctl.scheduling.model_names import plain_name
from spoolctl.spool import (
    ADetailer,
    ComfyUIWorkload,
    CommandWorkload,
    Img2Img,
    Job,
    Sampling,
    Stage,
    TextWorkload,
    Txt2Img,
    Upscale,
    images_asked,
    stages_of,
)

STEPS_UNSAID = 20
"""What WebUI and ComfyUI begin with."""
MEGAPIXELS_UNSAID = 512 * 512 / 1e6
_LORA = re.compile(r"<lora:([^:<>]+)[:>]", re.IGNORECASE)


@dataclass(frozen=True)
class Piece:
    """One stage's part of the work."""

    stage: str
    images: int
    steps: int = 0
    """Sampling steps of one image, the second pass of a hires fix included; 0 for what does not sample."""
    megapixels: float = 0.0
    """Of one image as this stage leaves it, in units of a million pixels."""

    @property
    def units(self) -> float:
        """Steps times megapixels times images: what sampling time grows with; for what does not sample, its megapixels or files."""
        return max(1, self.steps) * (self.megapixels or 1.0) * self.images


@dataclass(frozen=True)
class Work:
    """What a job asks for."""

    kind: str
    """The workload's: ``image``, ``stablenew``, ``comfyui``, ``text``, ``command``."""
    model: str | None
    """The heavy model, by its plain name: what a worker must load, and keeps loaded for the next job."""
    loras: tuple[str, ...]
    """Plain names, sorted: cheap to change, but not free."""
    pieces: tuple[Piece, ...]
    batch: int = 1
    """How many images a stage holds in the card's memory at once."""
    controls: int = 0
    """ControlNets, which take memory and time beside the model."""

    @property
    def at_once(self) -> float:
        """Megapixels of its largest image times the images held at once: what memory grows with."""
        return self.megapixels * self.batch

    @property
    def units(self) -> float:
        """The sum over its pieces."""
        return sum(piece.units for piece in self.pieces)

    @property
    def megapixels(self) -> float:
        """Of the largest image that it holds."""
        return max((piece.megapixels for piece in self.pieces), default=0.0)


def work_of(job: Job) -> Work:
    """Say what *job* asks for.

    Raises:
        BadRecord: Its chain of stages cannot be read.
    """
    stages = stages_of(job)
    images = images_asked(job, inputs=max(1, len(job.inputs)))
    model = next(iter(models_said(stages)), None)
    return Work(
        kind=job.workload.kind,
        model=plain_name(model) if model else None,
        loras=tuple(sorted({plain_name(name) for name in loras_said(stages)})),
        pieces=tuple(_pieces(stages, images)),
        batch=max((_batch(stage) for stage in stages), default=1),
        controls=max((_controls(stage) for stage in stages), default=0),
    )


def models_said(stages: Iterable[Stage]) -> Iterable[str]:
    """The checkpoints (and language models) that *stages* ask for, as they are written there."""
    for stage in stages:
        words = stage.said if isinstance(stage, ComfyUIWorkload) else stage
        if isinstance(words, Sampling | TextWorkload) and words.model:
            yield words.model
        if isinstance(stage, Txt2Img) and stage.refiner:
            yield stage.refiner.model


def loras_said(stages: Iterable[Stage]) -> Iterable[str]:
    """The LoRAs that the prompts of *stages* call for, as they are written there."""
    for stage in stages:
        if isinstance(stage, Sampling):
            for prompt in (stage.prompt, stage.negative_prompt):
                yield from _LORA.findall(prompt or "")


def _pieces(stages: tuple[Stage, ...], images: int) -> Iterable[Piece]:
    size, steps = MEGAPIXELS_UNSAID, STEPS_UNSAID
    for stage in stages:
        words: Any = stage.said if isinstance(stage, ComfyUIWorkload) else stage
        width, height = getattr(words, "width", None), getattr(words, "height", None)
        if width and height:
            size = width * height / 1e6
        steps = getattr(words, "steps", None) or steps
        if isinstance(stage, TextWorkload | CommandWorkload):
            yield Piece(stage.stage, images)
        elif isinstance(stage, Upscale):
            size *= stage.factor**2
            resampled = steps if stage.denoising_strength else 0
            yield Piece(stage.stage, images, resampled, size)
        elif isinstance(stage, Txt2Img) and stage.hires is not None:
            first = size
            size *= stage.hires.scale**2
            second = (stage.hires.steps or steps) * stage.hires.denoising_strength
            # In steps of the larger size, so that one number stands for both passes.
            yield Piece(stage.stage, images, max(1, round(second + steps * first / size)), size)
        elif isinstance(stage, Img2Img | ADetailer):
            yield Piece(stage.stage, images, max(1, round(steps * stage.denoising_strength)), size)
        else:
            yield Piece(stage.stage, images, steps, size)


def _batch(stage: Stage) -> int:
    options = getattr(stage, "options", None) or {}
    told = options.get("batch_size")
    return told if isinstance(told, int) and told > 0 else 1


def _controls(stage: Stage) -> int:
    if isinstance(stage, ComfyUIWorkload):
        nodes = (str(node["class_type"]) for node in stage.workflow.values())
        return sum("ControlNetLoader" in name for name in nodes)
    scripts = (getattr(stage, "options", None) or {}).get("alwayson_scripts")
    script = (
        scripts.get("controlnet", scripts.get("ControlNet")) if isinstance(scripts, dict) else None
    )
    units = script.get("args") if isinstance(script, dict) else None
    every = units if isinstance(units, list) else []
    return sum(isinstance(one, dict) and one.get("enabled", True) is not False for one in every)
