"""One order walked to its end: the neutral chain image by image, or a job's own workflow.

Guarantees: every image is on the local disk before the next begins, and each stage is told when it is whole.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from spoolctl.spool import (
    BackendUsed,
    Code,
    ComfyUIWorkload,
    Sampling,
    StageTiming,
    Txt2Img,
    Upscale,
    layout,
)
from spoolworker.backends import chain
from spoolworker.backends.base import BackendError, Interrupted, Made, Order, Product, Watch
from spoolworker.backends.comfyui.drafts import Draft, Drafting
from spoolworker.backends.comfyui.pictures import size_of_file
from spoolworker.backends.comfyui.session import Session, keep
from spoolworker.backends.comfyui.words import plain_name
from spoolworker.backends.comfyui.workflow import prepare
from spoolworker.backends.infotext import Fields, describe, write_infotext

_FIELDS_MIN = 3
"""An infotext with fewer fields is read as prompt."""


@dataclass
class _Image(chain.Picture):
    """One image on its way through the chain, and how it is known on the server."""

    remote: str | None = None
    told: Fields = field(default_factory=dict)


@dataclass
class Walk:
    """One run."""

    session: Session
    order: Order
    watch: Watch
    version: str | None
    clock: Callable[[], float] = time.monotonic
    made: list[Made] = field(default_factory=list)
    timings: list[StageTiming] = field(default_factory=list)
    warnings: dict[str, None] = field(default_factory=dict)
    model: str | None = None
    vae: str | None = None

    def run_chain(self, drafting: Drafting) -> Product:
        """Walk the neutral chain.

        Raises:
            BackendError: As the interface says.
            Interrupted: The run was stopped.
        """
        images = [
            _Image(**{f.name: getattr(one, f.name) for f in dataclasses.fields(one)})
            for one in chain.begin(self.order)
        ]
        with self._telling():
            for step in chain.steps(self.order):
                began, made = self.clock(), []
                chain.sow(step, images)
                for image in images:
                    if self.watch.interrupted.is_set():
                        raise Interrupted
                    made.append(self._image(drafting, step, image, len(images)))
                self._stage_over(tuple(made), step.stage.stage, began)
        return self._product()

    def run_workflow(self, workload: ComfyUIWorkload) -> Product:
        """Run a job's own workflow.

        Raises:
            BackendError: As the interface says.
            Interrupted: The run was stopped.
        """
        with self._telling():
            self._workflow(workload)
        return self._product()

    def _workflow(self, workload: ComfyUIWorkload) -> None:
        began = self.clock()
        files = {place.file for place in workload.inputs.values() if place.file is not None}
        uploaded = {
            index: self.session.upload(self.order.inputs[index])
            for index in sorted(files) if index < len(self.order.inputs)
        }  # fmt: skip
        prepared = prepare(workload, uploaded)
        pictures = self.session.make(
            "workflow", prepared.nodes, prepared.promised, lambda done: done, workload.stage
        )
        said = workload.said
        self.model, self.vae = said.model, said.vae
        made = []
        for index, picture in enumerate(pictures):
            asked = workload.outputs[picture.node]
            _refuse_size(picture.size, (asked.width, asked.height))
            path = self.order.scratch / layout.output_name(index, 1, workload.stage)
            fields: Fields = {
                "Steps": said.steps, "Sampler": said.sampler, "Schedule type": said.scheduler,
                "CFG scale": said.cfg_scale, "Seed": prepared.seed_actual,
                "Size": f"{picture.size[0]}x{picture.size[1]}", "Model": plain_name(said.model), "VAE": said.vae,
                "Clip skip": said.clip_skip, "Version": self._version(),
            }  # fmt: skip
            keep(picture.png, path, _text(said, fields))
            made.append(
                Made(
                    path, workload.stage, index, True, *picture.size,  # noqa: FBT003 - final
                    prepared.seed_requested, prepared.seed_actual,
                )
            )  # fmt: skip
        self._stage_over(tuple(made), workload.stage, began)

    def _image(self, drafting: Drafting, step: chain.Step, image: _Image, images: int) -> Made:
        """Make one image of one stage."""
        stage, size = step.stage, None
        if not isinstance(stage, Txt2Img):
            assert image.path is not None  # noqa: S101 - only txt2img begins without a file
            size = size_of_file(image.path)
            image.remote = image.remote or self.session.upload(image.path)
        draft = drafting.draft(step, image.seed, image.remote, size)
        image.seed = draft.seed if image.seed is None else image.seed
        done = (step.number - 1) * images + image.index
        whole = len(self.order.stages) * images
        [picture] = self.session.make(
            f"{step.number}-{image.index}",
            draft.nodes,
            {draft.save: 1},
            lambda fraction: (done + fraction) / whole,
            stage.stage,
        )
        if draft.size is not None:
            _refuse_size(picture.size, draft.size)
        self._learn(draft)
        image.told = self._fields(step, image, draft, picture.size)
        image.path = self.order.scratch / layout.output_name(image.index, step.number, stage.stage)
        image.remote = picture.remote
        keep(picture.png, image.path, _text(draft.said, image.told))
        return Made(
            image.path, stage.stage, image.index, step.last, *picture.size, image.requested, image.seed
        )  # fmt: skip

    def _fields(
        self, step: chain.Step, image: _Image, draft: Draft, size: tuple[int, int]
    ) -> Fields:
        before = image.told
        told = describe(step.stage, draft.said, seed=image.seed, size=size, before=before)
        if not isinstance(step.stage, Upscale) or not before:
            told |= {"Model": plain_name(draft.said.model), "Version": self._version()}
        return {**told, **draft.facts}

    def _version(self) -> str:
        return f"ComfyUI {self.version}" if self.version else "ComfyUI"

    def _learn(self, draft: Draft) -> None:
        self.model, self.vae = draft.model or self.model, draft.vae or self.vae
        self.warnings |= dict.fromkeys(draft.warnings)

    def _stage_over(self, made: tuple[Made, ...], stage: str, began: float) -> None:
        seconds = max(0.0, self.clock() - began)
        timing = StageTiming(stage=stage, seconds=seconds, images=len(made))
        self.made += made
        self.timings.append(timing)
        self.watch.on_stage(made, timing)

    def _product(self) -> Product:
        self.session.tidy()
        self.warnings |= dict.fromkeys(self.session.warnings)
        used = BackendUsed(name="comfyui", version=self.version, model=self.model, vae=self.vae)
        return Product(
            tuple(self.made), tuple(self.timings), used, tuple(self.warnings),
            log_tail=self._log(), load_s=self.session.load_time.seconds,
        )  # fmt: skip

    def _log(self) -> str:
        return "".join(
            f"comfyui: {one.stage}: {one.images} images in {one.seconds:.2f} s\n"
            for one in self.timings
        )

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Have the log of a failure tell what was done and asked, before what the server said."""
        try:
            yield
        except (BackendError, Interrupted) as error:
            error.log_tail = f"{self._log()}{self.session.asked}{error.log_tail}"
            raise


def _refuse_size(size: tuple[int, int], asked: tuple[int | None, int | None]) -> None:
    if any(want is not None and want != have for want, have in zip(asked, size, strict=True)):
        told = "x".join(str(side) if side is not None else "any" for side in asked)
        message = f"comfyui made an image of {size[0]}x{size[1]}, and {told} was asked for"
        raise BackendError(Code.OUTPUT_CORRUPT, message)


def _text(said: Sampling, fields: Fields) -> str | None:
    if sum(value is not None for value in fields.values()) < _FIELDS_MIN:
        return None
    return write_infotext(said.prompt or "", said.negative_prompt or "", fields)
