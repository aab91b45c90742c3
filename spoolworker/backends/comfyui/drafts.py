"""One image of one stage of the neutral chain as a ComfyUI workflow.

Pure. Guarantees: the words mean what they mean to WebUI, as far as ComfyUI has them: the steps of a pass that changes an image are those
that WebUI
takes, a refiner takes over in the second pass if there is one, and "Automatic" is the sampler's own schedule. What cannot be had is
refused, or
told among ``warnings`` where the picture is still the one that was asked for. The same seed gives another picture than WebUI's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spoolctl.spool import (
    PIXELS_MAX,
    ADetailer,
    Code,
    ImageStage,
    Img2Img,
    Sampling,
    Txt2Img,
    Upscale,
)
from spoolworker.backends.base import BackendError
from spoolworker.backends.chain import Step, draw_seed
from spoolworker.backends.comfyui.catalogue import Catalogue
from spoolworker.backends.comfyui.graph import Graph, Nodes, Template
from spoolworker.backends.comfyui.wording import Said, Values, Wording, is_named
from spoolworker.backends.comfyui.words import enlargement_of, plain_name

_LATENT = 8
_OWN_OPTIONS = "comfyui"
"""The key among a stage's ``options`` that is for this backend: ``node.field`` of the template to value."""

Size = tuple[int, int]


@dataclass
class Draft:
    """A workflow, and what is known of it beforehand."""

    nodes: Nodes
    save: str
    said: Sampling
    """What holds in it, nothing left unsaid that it needs."""
    seed: int | None = None
    size: Size | None = None
    """The image must have this size; ``None``: that of the one before, or what the sampler makes of it."""
    model: str | None = None
    vae: str | None = None
    facts: dict[str, str | float | None] = field(default_factory=dict)
    """More fields for the image's text, by WebUI's names."""
    warnings: tuple[str, ...] = ()


class Drafting:
    """Makes workflows for one server.

    Args:
        catalogue: What the server has.
        templates: By name.
        model: The checkpoint of chains that name none.
    """

    def __init__(
        self, catalogue: Catalogue, templates: Mapping[str, Template], model: str | None
    ) -> None:
        self._catalogue = catalogue
        self._templates = templates
        self._wording = Wording(catalogue, model)

    def draft(
        self, step: Step, seed: int | None, image: str | None = None, size: Size | None = None
    ) -> Draft:
        """The workflow that makes one image of a stage.

        Args:
            step: The stage.
            seed: The image's own.
            image: What the server calls the image of the stage before; ``None`` for txt2img.
            size: That image's.

        Raises:
            BackendError: ``bad_job``, ``model_missing`` or ``backend_rejected``.
        """
        stage = step.stage
        if isinstance(stage, Txt2Img):
            drafted = self._txt2img(step, stage, seed or 0)
        else:
            assert image is not None and size is not None  # noqa: S101, PT018 - a bug, not an error
            if isinstance(stage, Upscale):
                drafted = self._upscale(step, stage, seed, image, size)
            elif isinstance(stage, Img2Img):
                drafted = self._img2img(step, stage, seed or 0, image, size)
            else:
                drafted = self._adetailer(step, stage, seed or 0, image)
        drafted.warnings += _apply_options(drafted.nodes, stage)
        self._catalogue.complete(drafted.nodes)
        return drafted

    def _txt2img(self, step: Step, stage: Txt2Img, seed: int) -> Draft:
        words = self._wording.read(step.said, seed)
        _refuse_odd(stage.width, stage.height)
        graph = self._begin("txt2img", words)
        values: Values = {**words.values, "width": stage.width, "height": stage.height}
        drafted = self._drafted(graph, words, seed, size=(stage.width, stage.height))
        steps = int(words.values["steps"])
        if stage.hires:
            more, size = self._hires(graph, stage, steps)
            values |= more
            drafted.size = size
        if stage.refiner:
            values |= self._refiner(graph, stage, steps, drafted)
        graph.fill(values)
        return drafted

    def _hires(self, graph: Graph, stage: Txt2Img, steps: int) -> tuple[Values, Size]:
        hires = stage.hires
        assert hires is not None  # noqa: S101 - the caller asked
        width, height = (
            int(side * hires.scale) // _LATENT * _LATENT for side in (stage.width, stage.height)
        )
        _refuse_huge(width, height)
        how = enlargement_of(hires.upscaler)
        values: Values = {
            "hires_width": width,
            "hires_height": height,
            "hires_denoise": hires.denoising_strength,
            "hires_steps": hires.steps or steps,
        }
        if how.latent:
            graph.graft(self._templates["hires_latent"])
            values["hires_method"] = how.latent
        elif how.method:
            graph.graft(self._templates["hires_image"])
            values["hires_method"] = how.method
        else:
            graph.graft(self._templates["hires_model"])
            values["hires_upscaler"] = self._upscaler(how.model or "")
        return values, (width, height)

    def _refiner(self, graph: Graph, stage: Txt2Img, steps: int, drafted: Draft) -> Values:
        refiner, hires = stage.refiner, stage.hires
        assert refiner is not None  # noqa: S101 - the caller asked
        model = self._catalogue.file("CheckpointLoaderSimple", "ckpt_name", refiner.model)
        taken = (hires.steps or steps) if hires else steps
        denoise = hires.denoising_strength if hires else 1.0
        total = int(taken / denoise) if denoise > 0 else taken
        switch = max(1, round(taken * refiner.switch_at))
        if switch >= taken or denoise <= 0:
            drafted.warnings += (
                f"the refiner never takes over: {taken} steps, switch at {refiner.switch_at:g}",
            )
            return {}
        graph.graft(self._templates["hires_refiner" if hires else "refiner"])
        drafted.facts |= {"Refiner": plain_name(model), "Refiner switch at": refiner.switch_at}
        begin = total - taken
        return {
            "refiner": model, "refiner_start": begin, "refiner_switch": begin + switch, "refiner_steps": total,
        }  # fmt: skip

    def _img2img(self, step: Step, stage: Img2Img, seed: int, image: str, size: Size) -> Draft:
        words = self._wording.read(step.said, seed, stage.denoising_strength)
        graph = self._begin("img2img", words)
        values: Values = {**words.values, "image": image, "denoise": stage.denoising_strength}
        asked = (stage.width or size[0], stage.height or size[1])
        if asked != size:
            _refuse_odd(*asked)
            graph.graft(self._templates["resize"])
            values |= {"width": asked[0], "height": asked[1]}
        graph.fill(values)
        return self._drafted(graph, words, seed)

    def _adetailer(self, step: Step, stage: ADetailer, seed: int, image: str) -> Draft:
        words = self._wording.read(step.said, seed, stage.denoising_strength)
        graph = self._begin("adetailer", words)
        detector = self._catalogue.file("UltralyticsDetectorProvider", "model_name", stage.detector)
        own: Values = {
            "image": image, "detector": detector, "confidence": stage.confidence,
            "denoise": stage.denoising_strength, "mask_blur": stage.mask_blur,
        }  # fmt: skip
        graph.fill({**words.values, **own})
        return self._drafted(graph, words, seed)

    def _upscale(
        self, step: Step, stage: Upscale, seed: int | None, image: str, size: Size
    ) -> Draft:
        width, height = (max(1, int(side * stage.factor)) for side in size)
        _refuse_huge(width, height)
        how = enlargement_of(stage.upscaler)
        if how.latent:
            message = f"upscaler '{stage.upscaler}' works inside a second pass only"
            raise BackendError(Code.BAD_JOB, message)
        graph = Graph.of(self._templates["upscale" if how.method else "upscale_model"])
        values: Values = {"image": image, "width": width, "height": height}
        if how.method:
            values["method"] = how.method
        else:
            values["upscaler"] = self._upscaler(how.model or "")
        drafted = Draft(graph.nodes, graph.save, step.said, size=(width, height))
        if stage.denoising_strength is not None:
            seed = draw_seed() if seed is None else seed
            words = self._wording.read(step.said, seed, stage.denoising_strength)
            graph.graft(self._templates["resample"])
            self._dress(graph, words)
            values |= {**words.values, "denoise": stage.denoising_strength}
            drafted = self._drafted(graph, words, seed, size=(width, height))
            drafted.facts["Denoising strength"] = stage.denoising_strength
        graph.fill(values)
        return drafted

    def _begin(self, name: str, words: Said) -> Graph:
        graph = Graph.of(self._templates[name])
        self._dress(graph, words)
        return graph

    def _dress(self, graph: Graph, words: Said) -> None:
        """Put VAE, LoRAs and clip skip between the checkpoint and those who take it."""
        if is_named(words.said.vae):
            graph.graft(self._templates["vae"])
            graph.fill({"vae": self._catalogue.file("VAELoader", "vae_name", words.said.vae or "")})
        for number, lora in enumerate(words.loras, start=1):
            graph.graft(self._templates["lora"], f"-{number}")
            graph.fill({
                f"lora-{number}": self._catalogue.file("LoraLoader", "lora_name", lora.name),
                f"lora_strength-{number}": lora.model,
                f"lora_clip_strength-{number}": lora.clip,
            })  # fmt: skip
        if (words.said.clip_skip or 1) > 1:
            graph.graft(self._templates["clip_skip"])
            graph.fill({"clip_layer": -(words.said.clip_skip or 1)})

    def _upscaler(self, name: str) -> str:
        return self._catalogue.file("UpscaleModelLoader", "model_name", name)

    def _drafted(self, graph: Graph, words: Said, seed: int, *, size: Size | None = None) -> Draft:
        vae = words.said.vae if is_named(words.said.vae) else None
        return Draft(
            graph.nodes, graph.save, words.said, seed, size, words.said.model, vae, warnings=words.warnings
        )  # fmt: skip


def _refuse_odd(width: int, height: int) -> None:
    for side in (width, height):
        if side % _LATENT:
            message = f"{width}x{height}: a side must be a multiple of {_LATENT}, or the image would be smaller"
            raise BackendError(Code.BAD_JOB, message)


def _refuse_huge(width: int, height: int) -> None:
    if max(width, height) > PIXELS_MAX:
        raise BackendError(
            Code.BAD_JOB, f"{width}x{height} is more than {PIXELS_MAX} pixels a side"
        )


def _apply_options(nodes: Nodes, stage: ImageStage) -> tuple[str, ...]:
    """Set what the stage's options say for this backend; a warning about those that are another's."""
    own: Any = stage.options.get(_OWN_OPTIONS, {})
    for place, value in own.items() if isinstance(own, dict) else ():
        node, _, key = str(place).partition(".")
        if node not in nodes or not key:
            message = f"option '{_OWN_OPTIONS}': there is no place '{place}' in this workflow"
            raise BackendError(Code.BAD_JOB, message)
        nodes[node]["inputs"][key] = value
    others = [
        k for k, v in stage.options.items() if k != _OWN_OPTIONS and v not in (None, False, 0, "")
    ]
    told = f"{stage.stage}: ComfyUI has no use for the options {', '.join(sorted(others))}"
    return (told,) if others else ()
