"""Our own neutral workload: a chain of image stages that every backend can be asked for.

The words are those of the AUTOMATIC1111 API, which the field's users know. A chain begins with
``txt2img``, or with ``img2img``, ``adetailer`` or ``upscale`` on the job's ``inputs``; each further
stage takes every image of the stage before it. What a stage leaves out it takes from the last
stage that said it (prompt, model, sampler, steps, cfg_scale, seed).
"""

from typing import Annotated, Literal

from pydantic import Field

from spoolctl.spool.records.base import JsonObject, Label, Submitted, Text

PIXELS_MAX = 16_384
SEED_MAX = 2**64 - 1
STAGES_MAX = 16
COUNT_MAX = 1_000

Pixels = Annotated[int, Field(ge=16, le=PIXELS_MAX)]
Seed = Annotated[int, Field(ge=-1, le=SEED_MAX)]
"""-1 lets the worker draw one; the manifest tells which it was."""
Fraction = Annotated[float, Field(ge=0, le=1)]


class Hires(Submitted):
    """The second pass inside txt2img."""

    scale: Annotated[float, Field(gt=1, le=8)] = 2.0
    upscaler: Label = "Latent"
    steps: Annotated[int, Field(ge=0, le=1_000)] = 0
    denoising_strength: Fraction = 0.7


class Refiner(Submitted):
    """A second checkpoint that takes over inside txt2img."""

    model: Label
    switch_at: Fraction = 0.8


class Sampling(Submitted):
    """What every sampling stage may say; ``None`` is inherited from the stage before."""

    prompt: Text | None = None
    negative_prompt: Text | None = None
    model: Label | None = None
    vae: Label | None = None
    sampler: Label | None = None
    scheduler: Label | None = None
    steps: Annotated[int, Field(ge=1, le=1_000)] | None = None
    cfg_scale: Annotated[float, Field(ge=0, le=100)] | None = None
    seed: Seed | None = None
    clip_skip: Annotated[int, Field(ge=0, le=12)] | None = None
    options: JsonObject = {}
    """Handed to the backend as it is (WebUI: further request fields)."""


class Txt2Img(Sampling):
    """Make images from words."""

    stage: Literal["txt2img"]
    width: Pixels = 512
    height: Pixels = 512
    count: Annotated[int, Field(ge=1, le=COUNT_MAX)] = 1
    """How many images; image i (from 0) gets seed + i."""
    hires: Hires | None = None
    refiner: Refiner | None = None


class Img2Img(Sampling):
    """Change each image by words. Without a size, the image keeps its own."""

    stage: Literal["img2img"]
    width: Pixels | None = None
    height: Pixels | None = None
    denoising_strength: Fraction = 0.5


class ADetailer(Sampling):
    """Find faces or hands in each image and paint them anew."""

    stage: Literal["adetailer"]
    detector: Label = "face_yolov8n.pt"
    confidence: Fraction = 0.3
    denoising_strength: Fraction = 0.4
    mask_blur: Annotated[int, Field(ge=0, le=256)] = 4


class Upscale(Submitted):
    """Make each image larger."""

    stage: Literal["upscale"]
    upscaler: Label = "Lanczos"
    factor: Annotated[float, Field(gt=0, le=8)] = 2.0
    denoising_strength: Fraction | None = None
    options: JsonObject = {}


ImageStage = Annotated[Txt2Img | Img2Img | ADetailer | Upscale, Field(discriminator="stage")]
STAGE_NAMES = ("txt2img", "img2img", "adetailer", "upscale")


class ImageWorkload(Submitted):
    """A chain of stages, run in the order in which it is written."""

    kind: Literal["image"]
    stages: Annotated[tuple[ImageStage, ...], Field(min_length=1, max_length=STAGES_MAX)]
