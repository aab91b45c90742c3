"""The neutral chain of stages as every image backend walks it: its pictures, their seeds, and what each stage inherits.

Guarantees: image i of a chain keeps its index through all stages; a stage's seed and words are the same for every backend. Reads
no file and asks no server.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from spoolctl.spool import Code, ImageStage, OwnChain, Sampling, Txt2Img, Upscale
from spoolworker.backends.base import BackendError, Order

SEEDS = 2**64
_SEEDS_DRAWN = 2**32
"""WebUI draws its random seeds from as many; a larger one could not be typed into it again."""
_INHERITED = tuple(name for name in Sampling.model_fields if name != "options")


@dataclass
class Picture:
    """One image on its way through the chain."""

    index: int
    path: Path | None = None
    """The file that the stage before left; kept there and not in memory: a job may make 1000."""
    requested: int | None = None
    seed: int | None = None


class Step(NamedTuple):
    """One stage as it runs: what it says itself and what it took from those before it."""

    number: int
    """From 1."""
    stage: ImageStage
    said: Sampling
    last: bool


def begin(order: Order) -> list[Picture]:
    """The pictures that the chain is about: new ones, one for each input, or those of the stages that are done.

    Raises:
        BackendError: ``bad_job`` or ``input_missing``.
    """
    first, *later = order.stages
    if any(isinstance(stage, Txt2Img) for stage in later):
        raise BackendError(Code.BAD_JOB, "txt2img can only be the first stage of a chain")
    if order.done:
        return [
            Picture(one.image_index, one.path, one.seed_requested, one.seed_actual)
            for one in sorted(order.done[-1], key=lambda one: one.image_index)
        ]
    if isinstance(first, Txt2Img):
        return [Picture(index) for index in range(first.count)]
    if not order.inputs:
        raise BackendError(
            Code.INPUT_MISSING, f"a chain that begins with {first.stage} needs inputs"
        )
    return [Picture(index, path) for index, path in enumerate(order.inputs)]


def steps(order: Order) -> Iterator[Step]:
    """The stages yet to run, each with the words that hold in it: its own, else those of the last stage that said them.

    Raises:
        BackendError: ``backend_rejected``: a workload of another kind is no stage of a neutral chain.
    """
    said = Sampling()
    for number, stage in enumerate(order.stages, start=1):
        if isinstance(stage, OwnChain):
            message = (
                f"a job of kind '{stage.kind}' is no chain of images; it needs a backend of its own"
            )
            raise BackendError(Code.BACKEND_REJECTED, message)
        if isinstance(stage, Sampling):
            own = {name: getattr(stage, name) for name in _INHERITED}
            said = said.model_copy(update={k: v for k, v in own.items() if v is not None})
        if number > len(order.done):
            yield Step(number, stage, said, last=number == len(order.stages))


def draw_seed() -> int:
    """A random seed."""
    return random.SystemRandom().randrange(_SEEDS_DRAWN)


def sow(step: Step, pictures: Sequence[Picture], draw: Callable[[], int] = draw_seed) -> None:
    """Give each picture its seed, where this stage says one or needs the first."""
    asked = step.stage.seed if isinstance(step.stage, Sampling) else None
    sown = all(picture.seed is not None for picture in pictures)
    if isinstance(step.stage, Upscale) or (asked is None and sown):
        return
    drawn = asked is None or asked < 0
    base = draw() if asked is None or asked < 0 else asked
    for picture in pictures:
        picture.seed = (base + picture.index) % SEEDS
        picture.requested = asked if drawn else picture.seed
