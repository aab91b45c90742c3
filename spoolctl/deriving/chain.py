"""Chains of stages with other seeds, or at another size. Pure.

What a worker makes of a chain, whose rules these are: a stage that says a seed sows it (image i gets seed + i; -1 is drawn), a later
one that says none goes on with what was sown (``spoolworker.backends.chain``). With a ``subseed_strength`` the server keeps the seed for
all images, and counts the ``subseed``.
"""

import math
from collections.abc import Sequence
from typing import Any

from spoolctl.spool import (
    PIXELS_MAX,
    Img2Img,
    Manifest,
    Output,
    Sampling,
    Stage,
    StateForbids,
    Txt2Img,
    Upscale,
    UsageError,
    layout,
)

Json = dict[str, Any]
_SCALE_MAX = 8.0
_DENOISING = 0.4
"""Of a second pass that was not there before: enough to draw what was merely enlarged, too little for another composition. (The 0.7 of
``Hires`` is for latent enlarging, which needs more and changes more.)"""
_UPSCALER = "Lanczos"
"""Every backend has it, and it adds no model to what the job needs."""
_LATENT = 8
_RESIZES = ("hr_resize_x", "hr_resize_y")


def sown(stages: Sequence[Stage], seed: int) -> list[Json] | None:
    """The chain for one image, from *seed* throughout; ``None`` if no stage samples."""
    first = next((n for n, stage in enumerate(stages) if isinstance(stage, Sampling)), None)
    if first is None:
        return None
    chain = _written(stages)
    for stage in chain:
        stage.pop("seed", None)
    chain[first]["seed"] = seed
    return _of_one(chain)


def pinned(stages: Sequence[Stage], manifest: Manifest, image: Output) -> list[Json]:
    """The chain that makes this very image once more: the seeds that it had.

    Raises:
        StateForbids: A seed that was drawn is told nowhere.
    """
    sowing = _sowing(stages)
    chain = _written(stages)
    for number, stage in enumerate(stages):
        if not isinstance(stage, Sampling):
            continue
        if number in sowing:
            made = next(
                (one for one in manifest.outputs if _is_of(one, image, number, stage)), None
            )
            seed = made.seed_actual if made else None
            if seed is None and stage.seed is not None and stage.seed >= 0:
                seed = stage.seed + (0 if _varies(stage) else image.image_index)
            if seed is None and number == sowing[-1]:
                seed = image.seed_actual
            if seed is None:
                raise _untold(manifest, f"the seed that stage '{_name(stage)}' drew")
            chain[number]["seed"] = seed
        if _varies(stage):
            chain[number]["options"] = {
                **stage.options,
                "subseed": _subseed(stage, manifest, image),
            }
    return _of_one(chain)


def enlarged(chain: list[Json], stages: Sequence[Stage], factor: float) -> list[Json]:
    """The chain at *factor* times the size by the second pass of its first stage, which is txt2img.

    Raises:
        UsageError: The second pass, or what follows, cannot make it so large.
    """
    first = stages[0]
    assert isinstance(first, Txt2Img)  # noqa: S101 - the caller's to see to
    if first.hires is not None:
        scale = round(first.hires.scale * factor, 4)  # 1.5 x 1.1 is no 1.6500000000000001
        hires = {**chain[0]["hires"], "scale": scale}
    else:
        scale = factor
        upscaler = next((one.upscaler for one in stages if isinstance(one, Upscale)), _UPSCALER)
        hires = {"scale": scale, "upscaler": upscaler, "denoising_strength": _DENOISING}
    if scale > _SCALE_MAX:
        raise UsageError(
            f"its second pass enlarges by {scale / factor:g} already, and by {_SCALE_MAX:g} at most",
            hint=_largest(_SCALE_MAX / scale * factor),
        )
    options = chain[0].get("options", {})
    sides: dict[str, int] = {}
    if first.hires is not None:  # a size that goes before its scale
        sides = {k: round(options[k] * factor) for k in _RESIZES if _is_side(options.get(k))}
    if sides:
        chain[0]["options"] = options | sides
    chain[0]["hires"] = hires
    for said, stage in zip(chain, stages, strict=True):
        if isinstance(stage, Img2Img):  # or it would bring the image back to its own size
            for key in ("width", "height"):
                if said.get(key):
                    said[key] = round(said[key] * factor / _LATENT) * _LATENT
    _refuse_too_large(chain, stages, max(sides.values(), default=0), factor)
    return chain


def _refuse_too_large(
    chain: list[Json], stages: Sequence[Stage], side_said: int, factor: float
) -> None:
    first = stages[0]
    assert isinstance(first, Txt2Img)  # noqa: S101 - as above
    side = float(side_said or max(first.width, first.height) * chain[0]["hires"]["scale"])
    largest = side
    for said, stage in zip(chain, stages, strict=True):
        if isinstance(stage, Upscale):
            side *= stage.factor
        elif isinstance(stage, Img2Img):
            side = max(said.get("width") or 0, said.get("height") or 0) or side
        largest = max(largest, side)
    if largest > PIXELS_MAX:
        raise UsageError(
            f"the image would have {math.ceil(largest)} pixels a side, and may have {PIXELS_MAX}",
            hint=_largest(PIXELS_MAX / largest * factor),
        )


def _largest(factor: float) -> str:
    known = math.floor(factor * 100) / 100
    return (
        f"the largest factor is {known:g}"
        if known > 1
        else "it is as large as it can be sampled; enlarge the image as it is (--upscale FACTOR)"
    )


def _sowing(stages: Sequence[Stage]) -> list[int]:
    """The numbers, from 0, of the stages whose seed is their own."""
    found: list[int] = []
    for number, stage in enumerate(stages):
        if isinstance(stage, Sampling) and (stage.seed is not None or not found):
            found.append(number)
    return found


def _is_of(one: Output, image: Output, number: int, stage: Sampling) -> bool:
    """True if *one* is what this stage left of the image; files are called by image and stage."""
    name = layout.output_name(image.image_index, number + 1, _name(stage))
    return one.path.rpartition("/")[2] == name


def _varies(stage: Sampling) -> bool:
    return bool(stage.options.get("subseed_strength"))


def _subseed(stage: Sampling, manifest: Manifest, image: Output) -> int:
    """The one that the image had; of several images of one request it counts up."""
    subseed = stage.options.get("subseed")
    if not isinstance(subseed, int) or subseed < 0:
        raise _untold(manifest, f"the variation seed that stage '{_name(stage)}' drew")
    return subseed + (image.image_index if isinstance(stage, Txt2Img) else 0)


def _name(stage: Sampling) -> str:
    return str(getattr(stage, "stage", ""))


def _is_side(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _written(stages: Sequence[Stage]) -> list[Json]:
    return [one.model_dump(mode="json", exclude_unset=True, exclude_none=True) for one in stages]


def _of_one(chain: list[Json]) -> list[Json]:
    chain[0].pop("count", None)
    return chain


def _untold(manifest: Manifest, what: str) -> StateForbids:
    return StateForbids(
        f"the verdict on '{manifest.name}' does not tell {what}, so the image cannot be made again",
        hint="enlarge the image as it is (--upscale FACTOR)",
    )
