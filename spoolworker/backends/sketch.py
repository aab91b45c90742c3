"""The embedded backend: runs every stage of a chain by drawing, without a GPU, a server or a model.

For trying a spool out, for tests, and for drills: its options make it slow, broken or dishonest in
one chosen way, so that whatever can go wrong with a real backend can be rehearsed on a desk.

Guarantees: the same job with the same seeds gives the same pixels (``drawing`` names the one
exception); no two stages or images share a file; it looks at ``Watch.interrupted`` before every
image and while it waits.
Does not look at it while it draws one image, which takes about a second for the largest.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from spoolctl.spool import (
    PIXELS_MAX,
    STAGE_NAMES,
    ADetailer,
    BackendUsed,
    Code,
    Img2Img,
    Sampling,
    Stage,
    StageTiming,
    Txt2Img,
    layout,
)
from spoolctl.spool.version import VERSION
from spoolworker.backends import drawing
from spoolworker.backends.base import (
    Abilities,
    BackendError,
    Interrupted,
    Made,
    Order,
    Product,
    Watch,
    filling,
)
from spoolworker.backends.chain import Picture, Step, begin, draw_seed, sow, steps
from spoolworker.backends.drills import Drills
from spoolworker.backends.infotext import Fields, describe, read_infotext, write_infotext

_SLICE_S = 0.2


def _wait_deaf(seconds: float) -> None:
    threading.Event().wait(seconds)


@dataclass
class _Picture(Picture):
    """One image on its way through the chain, and what its infotext tells."""

    told: Fields = field(default_factory=dict)
    """The fields of its infotext so far."""


class Sketch:
    """The ``sketch`` backend (the interface is ``base.Backend``).

    Args:
        drills: What to do wrong; nothing by default.
        clock: Seconds, for the timings only.
        draw_seed: What a seed of -1 becomes.
        pause: Waits that many seconds, deaf to interrupts (``ignore_interrupt_s`` only).
    """

    name = "sketch"

    def __init__(
        self,
        drills: Drills | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw_seed: Callable[[], int] = draw_seed,
        pause: Callable[[float], object] = _wait_deaf,
    ) -> None:
        self._drills = drills or Drills()
        self._clock = clock
        self._draw_seed = draw_seed
        self._pause = pause
        self._failed: Counter[tuple[str, ...]] = Counter()
        self._loaded: str | None = None

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> "Sketch":
        """Make one from options as text (``Drills`` lists them).

        Raises:
            UsageError: An option is not known or its value cannot be read.
        """
        return cls(Drills.from_text(options))

    def probe(self) -> Abilities:
        """All four stages, any model.

        Raises:
            BackendError: The ``unreachable`` drill.
        """
        self._reach()
        return Abilities(self.name, VERSION, STAGE_NAMES, models=None, loaded_model=self._loaded)

    def misfits(self, stages: Sequence[Stage]) -> tuple[str, ...]:
        """Nothing beyond what its card tells."""
        del stages
        return ()

    def run(self, order: Order, watch: Watch) -> Product:
        """Run the chain; every stage leaves its images in scratch.

        Raises:
            BackendError: An input is missing, the chain is impossible, the disk is full, or a drill.
            Interrupted: ``watch.interrupted`` was set.
        """
        self._reach()
        failing = self._fails_now(order)
        if failing and self._drills.fail_stage is None:
            raise self._failure()
        try:
            with filling(order.scratch):
                return self._run(order, watch, failing=failing)
        except MemoryError as error:
            raise BackendError(Code.OUT_OF_HOST_MEMORY, "no memory to draw in") from error

    def _run(self, order: Order, watch: Watch, *, failing: bool) -> Product:
        begun = [
            _Picture(one.index, one.path, one.requested, one.seed, _told(one) if order.done else {})
            for one in begin(order)
        ]
        pictures = begun[: -self._drills.short_by or None]
        pace = _Pace(self._drills, watch, self._pause, len(order.stages) * len(pictures))
        pace.begin_behind(len(order.done) * len(pictures))
        made: list[Made] = []
        timings: list[StageTiming] = []
        said = Sampling()
        for step in steps(order):
            name, said = step.stage.stage, step.said
            if failing and name == self._drills.fail_stage:
                raise self._failure()
            started = self._clock()
            self._loaded = said.model or "sketch"
            sow(step, pictures, self._draw_seed)
            for picture in pictures:
                pace.begin(name)
                made.append(self._make(step, picture, order.scratch))
                pace.end(name)
            seconds = max(0.0, self._clock() - started)
            timings.append(StageTiming(stage=name, seconds=seconds, images=len(pictures)))
            watch.on_stage(tuple(made[-len(pictures) :]), timings[-1])
        if self._drills.truncate and made:
            _cut_in_half(made[-1].path)
        used = BackendUsed(name=self.name, version=VERSION, model=self._loaded, vae=said.vae)
        log = "".join(
            f"sketch: {t.stage}: {t.images} images in {t.seconds:.2f} s\n" for t in timings
        )
        return Product(tuple(made), tuple(timings), used, log_tail=log, load_s=0.0)

    def _make(self, step: Step, picture: _Picture, scratch: Path) -> Made:
        """Make one picture's image of one stage, and leave it in scratch."""
        stage = step.stage
        image = _paint(step, picture)
        picture.told = describe(
            stage, step.said, seed=picture.seed, size=image.size, before=picture.told
        )
        if self._drills.black:
            image = Image.new("RGB", image.size)
        if self._drills.wrong_size and step.last:
            image = image.crop((0, 0, max(1, image.width - 8), max(1, image.height - 8)))
        said = step.said
        text = write_infotext(said.prompt or "", said.negative_prompt or "", picture.told)
        picture.path = scratch / layout.output_name(picture.index, step.number, stage.stage)
        info = PngInfo()
        info.add_text("parameters", text)
        image.save(picture.path, "PNG", compress_level=1, pnginfo=info)
        return Made(
            path=picture.path,
            stage=stage.stage,
            image_index=picture.index,
            final=step.last,
            width=image.width,
            height=image.height,
            seed_requested=picture.requested,
            seed_actual=picture.seed,
        )

    def _reach(self) -> None:
        if self._drills.unreachable:
            raise BackendError(Code.BACKEND_UNREACHABLE, "sketch was told to be unreachable")

    def _fails_now(self, order: Order) -> bool:
        drills = self._drills
        prompts = tuple(s.prompt or "" for s in order.stages if isinstance(s, Sampling))
        text = drills.fail_when_prompt
        if drills.fail is None or (text is not None and not any(text in p for p in prompts)):
            return False
        if drills.fail_stage not in (None, *(stage.stage for stage in order.stages)):
            return False
        # With fail_when_prompt each job must see its own N failures, whatever ran in between
        key = () if text is None else prompts
        self._failed[key] += 1
        return drills.fail_times is None or self._failed[key] <= drills.fail_times

    def _failure(self) -> BackendError:
        code = self._drills.fail or Code.INTERNAL
        message = f"sketch was told to fail with {code.value}"
        return BackendError(code, message, log_tail=f"sketch: {message}\n")


class _Pace:
    """Lets the time of each image pass, tells the progress, and notices interrupts."""

    def __init__(
        self, drills: Drills, watch: Watch, pause: Callable[[float], object], images: int
    ) -> None:
        self._drills = drills
        self._watch = watch
        self._pause = pause
        self._images = images
        self._done = 0
        self._told = -1.0

    def begin_behind(self, images: int) -> None:
        """So many images are there from an earlier attempt."""
        self._done = images

    def begin(self, stage: str) -> None:
        """Wait as long as an image is to take."""
        seconds = self._drills.seconds_per_image
        slices = max(1, math.ceil(seconds / _SLICE_S))
        for passed in range(slices):
            self._tell((self._done + passed / slices) / self._images, stage)
            if seconds:
                self._watch.interrupted.wait(seconds / slices)
            self._stop_if_asked()

    def end(self, stage: str) -> None:
        """One image more is there."""
        self._done += 1
        self._tell(self._done / self._images, stage)

    def _tell(self, fraction: float, stage: str) -> None:
        stall_at = self._drills.stall_at
        if stall_at is not None and fraction >= stall_at:
            while not self._watch.interrupted.wait(_SLICE_S):
                pass
            self._stop_if_asked()
        if self._drills.progress and fraction > self._told:
            self._told = fraction
            self._watch.on_progress(fraction, stage)

    def _stop_if_asked(self) -> None:
        if self._watch.interrupted.is_set():
            if self._drills.ignore_interrupt_s:
                self._pause(self._drills.ignore_interrupt_s)
            raise Interrupted


def _paint(step: Step, picture: _Picture) -> Image.Image:
    """The image that a stage makes of a picture."""
    stage, prompt, seed = step.stage, step.said.prompt or "", picture.seed or 0
    # Or img2img under the same prompt and seed would blend an image with itself
    layer = "" if step.number == 1 else f"{step.number}-{stage.stage}"
    if isinstance(stage, Txt2Img):
        image = drawing.draw(prompt, seed, stage.width, stage.height)
        return _enlarge(image, stage.hires.scale) if stage.hires else image
    image = _load(picture)
    if isinstance(stage, Img2Img):
        size = (stage.width or image.width, stage.height or image.height)
        if size != image.size:
            image = image.resize(size, Image.Resampling.LANCZOS)
        new = drawing.draw(prompt, seed, *size, layer=layer)
        return drawing.blend(image, new, stage.denoising_strength)
    if isinstance(stage, ADetailer):
        left, top, right, bottom = drawing.touch_up_box(*image.size)
        new = drawing.draw(prompt, seed, right - left, bottom - top, layer=layer)
        return drawing.touch_up(image, new, stage.denoising_strength, stage.mask_blur)
    return _enlarge(image, stage.factor)


def _enlarge(image: Image.Image, factor: float) -> Image.Image:
    if max(image.size) * factor > PIXELS_MAX:
        size = f"{image.width}x{image.height}"
        message = f"{size} times {factor:g} is more than {PIXELS_MAX} pixels a side"
        raise BackendError(Code.BAD_JOB, message)
    return drawing.enlarge(image, factor)


def _load(picture: _Picture) -> Image.Image:
    """Read what the stage before left, or the job's input."""
    path = picture.path
    assert path is not None, "only txt2img begins without a file"  # noqa: S101 - a bug, not an error
    try:
        with Image.open(path) as image:
            if max(image.size) > PIXELS_MAX:
                raise BackendError(
                    Code.BAD_JOB, f"'{path.name}' has a side over {PIXELS_MAX} pixels"
                )
            return image.convert("RGB")
    except FileNotFoundError as error:
        raise BackendError(Code.INPUT_MISSING, f"there is no file '{path}'") from error
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        # An OSError with a number is the disk's; Pillow's own, for a broken image, have none
        if isinstance(error, OSError) and error.errno is not None:
            raise
        message = f"'{path.name}' cannot be read as an image: {error}"
        raise BackendError(Code.BAD_JOB, message) from error


def _told(picture: Picture) -> Fields:
    """What the image that an earlier attempt left says of its making."""
    assert picture.path is not None, "a stage that is done has left a file"  # noqa: S101 - a bug, not an error
    with Image.open(picture.path) as image:
        return dict(read_infotext(str(image.info.get("parameters", ""))).fields)


def _cut_in_half(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
