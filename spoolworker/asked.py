"""What an attempt asked of its backend, on one line for its verdict.

Pure. Guarantees: no prompt is in it, and nothing of ``options`` or a command's arguments, which may hold some. Says what the job said: what
a backend fills in by itself (a sampler, twenty steps) is not told.
"""

from collections.abc import Iterator

from spoolctl.spool import (
    ADetailer,
    ComfyUIWorkload,
    CommandWorkload,
    ImageStage,
    Img2Img,
    OwnChain,
    Sampling,
    TextWorkload,
    Txt2Img,
    Upscale,
)
from spoolworker.backends.base import Order
from spoolworker.backends.chain import steps


def asked(order: Order) -> str:
    """One line, like ``txt2img 512x768 x4, 20 steps, Euler a, dreamshaper; upscale x2 by Lanczos``.

    Stages that an earlier attempt made are not in it. A stage tells its words only where they differ from those of the stage before.
    """
    first = order.stages[0]
    told = [_own(first, order)] if isinstance(first, OwnChain) else list(_chain(order))
    fed = len(order.done[-1]) if order.done else len(order.inputs)
    if fed:
        told[0] += f", from {fed} file{'s' if fed > 1 else ''}"
    return "; ".join(told)


def _chain(order: Order) -> Iterator[str]:
    before: tuple[str, ...] = ()
    for step in steps(order):
        told = [_named(step.stage)]
        if isinstance(step.stage, Sampling):
            words = _words(step.said)
            told += [word for word in words if word not in before]
            before = words
        if isinstance(step.stage, Txt2Img) and step.stage.refiner:
            told.append(f"refiner {step.stage.refiner.model}")
        yield ", ".join(told)


def _named(stage: ImageStage) -> str:
    match stage:
        case Txt2Img():
            name = f"txt2img {stage.width}x{stage.height}{_times(stage.count)}"
            hires = stage.hires
            return f"{name}, hires x{hires.scale:g} by {hires.upscaler}" if hires else name
        case Img2Img():
            resized = stage.width or stage.height
            size = f" {stage.width or 'own'}x{stage.height or 'own'}" if resized else ""
            return f"img2img{size}"
        case ADetailer():
            return f"adetailer {stage.detector}"
        case Upscale():
            return f"upscale x{stage.factor:g} by {stage.upscaler}"


def _own(workload: OwnChain, order: Order) -> str:
    match workload:
        case ComfyUIWorkload():
            name = f"comfyui{_times(workload.images)}"
            return ", ".join((name, *_words(workload.said)))
        case TextWorkload():
            return f"text{_times(workload.texts(len(order.inputs)))}, {workload.model}"
        case CommandWorkload():
            return f"{workload.stage}{_times(workload.count)}"


def _words(said: Sampling) -> tuple[str, ...]:
    steps_told = f"{said.steps} steps" if said.steps else None
    sampler = " ".join(word for word in (said.sampler, said.scheduler) if word)
    return tuple(word for word in (steps_told, sampler, said.model) if word)


def _times(count: int) -> str:
    return f" x{count}" if count > 1 else ""
