"""The requests that stages become, and what must be true of their answers. Pure: reads no file and asks no server.

Guarantees: every name in a request is one that the server has, as it writes it; whatever a request could leave to the server's own
settings or to a job before it, it says itself. A job's ``options`` may add fields, never replace what the stage itself says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from spoolctl.spool import ADetailer, Code, Img2Img, Sampling, Txt2Img, Upscale
from spoolworker.backends.base import BackendError
from spoolworker.backends.chain import Picture, Step
from spoolworker.backends.webui.known import Checkpoint, Known
from spoolworker.backends.webui.options import add_options, detailing, override_settings
from spoolworker.backends.webui.parts import cut, move_subseed, take_batch
from spoolworker.backends.webui.words import loras_of

STEPS, CFG_SCALE = 20, 7.0
"""What WebUI's page begins with; its API would take 50 steps."""
_LATENT = 8
_RESIZERS = ("None", "Lanczos", "Nearest")
"""Upscalers that only resize."""
_TOLD = (
    "n_iter", "batch_size", "width", "height", "steps", "sampler_name", "scheduler", "seed", "denoising_strength",
    "hr_scale", "hr_upscaler", "upscaler_1", "upscaling_resize",
)  # fmt: skip
"""Fields of a request that a log may hold; prompts and pictures are none."""
_SAME = ("", "Use same checkpoint", "Use same sampler", "Use same scheduler")


class Source(NamedTuple):
    """The picture that a request changes."""

    base64: str
    width: int
    height: int


@dataclass(frozen=True)
class Ask:
    """One request and what its answer must show."""

    path: str
    """Behind ``/sdapi/v1/``."""
    body: Mapping[str, Any]
    images: int = 1
    seeds: tuple[int, ...] | None = None
    """The images' own; ``None`` if the request's options say otherwise."""
    size: tuple[int, int] | None = None
    checkpoint: Checkpoint | None = None
    vae: str | None = None
    """The file that must be loaded; "" for none beside the checkpoint's own; ``None`` for any."""
    sampler: str | None = None
    scheduler: str | None = None
    loras: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    """Begins of fields that the infotext must have, or what they tell of did not happen."""
    warnings: tuple[str, ...] = ()
    scripts: bool = False
    """True if extensions take part, whose failures the server logs and passes over."""
    same_means_nothing_found: bool = False
    resized_means_failed: bool = False
    """An upscaler with weights takes part, in whose place the server resizes in silence."""

    @property
    def summary(self) -> str:
        """The request on one line, for a log."""
        told = [f"{key} {self.body[key]}" for key in _TOLD if key in self.body]
        told += [f"model {self.checkpoint.name}"] if self.checkpoint else []
        return f"'{self.path}': {', '.join(told)}"


@dataclass
class _Draft:
    """A request as it is put together."""

    step: Step
    known: Known
    path: str
    body: dict[str, Any]
    options: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)

    def done(
        self,
        *,
        marks: tuple[str, ...] = (),
        warnings: tuple[str, ...] = (),
        **facts: Any,  # noqa: ANN401 - the other fields of Ask
    ) -> Ask:
        """The request, its options added."""
        added = add_options(self.path, self.body, self.options, self.known)
        if self.options.get("script_name"):  # such a script makes what it likes
            facts |= {"seeds": None, "size": None}
        return Ask(
            path=self.path,
            body=self.body,
            scripts=added.scripts,
            marks=(*marks, *added.marks),
            warnings=(*warnings, *added.warnings),
            **{**self.facts, **facts},
        )


def txt2img(step: Step, pictures: Sequence[Picture], known: Known, *, at_once: int) -> list[Ask]:
    """The requests that make the pictures, each at most *at_once* of them (or one ``batch_size``)."""
    stage = step.stage
    assert isinstance(stage, Txt2Img)  # noqa: S101 - a bug, not an error
    _divisible(stage.width, stage.height)
    options = dict(stage.options)
    batch = take_batch(options)
    varies = bool(options.get("subseed_strength"))
    asks = []
    for part in cut(pictures, batch, at_once):
        draft = _sampling(step, known, "txt2img", dict(options))
        draft.body |= {"width": stage.width, "height": stage.height}
        draft.body |= {"batch_size": min(batch, len(part)), "n_iter": -(-len(part) // batch)}
        marks = _passes(stage, draft)
        first = part[0]
        draft.body["seed"] = first.seed
        if varies:  # then the server keeps the seed and counts the subseed
            draft.body["seed"] = pictures[0].seed
            move_subseed(draft.options, first.index - pictures[0].index)
        asks.append(
            draft.done(
                images=len(part),
                seeds=None if varies else tuple(one.seed or 0 for one in part),
                size=None if stage.hires else (stage.width, stage.height),
                marks=marks,
            )
        )
    return asks


def img2img(step: Step, picture: Picture, source: Source, known: Known) -> Ask:
    """The request that changes one picture by words."""
    stage = step.stage
    assert isinstance(stage, Img2Img)  # noqa: S101 - a bug, not an error
    _divisible(stage.width, stage.height)
    width = stage.width or _floor(source.width)
    height = stage.height or _floor(source.height)
    draft = _sampling(step, known, "img2img", dict(stage.options))
    _feed(draft, picture, source, (width, height), stage.denoising_strength)
    return draft.done(seeds=_own(draft, picture), size=(width, height))


def adetailer(step: Step, picture: Picture, source: Source, known: Known) -> Ask:
    """The request that paints anew what ADetailer finds in one picture, and leaves the rest to the pixel."""
    stage = step.stage
    assert isinstance(stage, ADetailer)  # noqa: S101 - a bug, not an error
    known.script("ADetailer", "img2img")
    draft = _sampling(step, known, "img2img", dict(stage.options))
    size = (_floor(source.width), _floor(source.height))
    _feed(draft, picture, source, size, stage.denoising_strength)
    tabs = detailing(stage, draft.body, draft.options, known)
    # The script leaves out img2img itself, which it does by a pass of its own under other settings
    draft.facts |= {"sampler": None, "scheduler": None, "loras": ()}
    draft.body["alwayson_scripts"] = {"ADetailer": {"args": [True, True, *tabs]}}
    return draft.done(
        seeds=_own(draft, picture), marks=("ADetailer model",), same_means_nothing_found=True
    )


def upscale(step: Step, picture: Picture, source: Source, known: Known) -> Ask:
    """The request that enlarges one picture; with a ``denoising_strength`` it is sampled anew at its new size."""
    stage = step.stage
    assert isinstance(stage, Upscale)  # noqa: S101 - a bug, not an error
    # As the server rounds, modules/upscaler.py
    width = int(source.width * stage.factor // _LATENT * _LATENT)
    height = int(source.height * stage.factor // _LATENT * _LATENT)
    if not width or not height:
        raise BackendError(Code.BAD_JOB, f"nothing is left of a picture times {stage.factor:g}")
    name = known.upscaler(stage.upscaler)
    if stage.denoising_strength is None:
        body = {
            "image": source.base64, "resize_mode": 0, "upscaling_resize": stage.factor,
            "upscaler_1": name,
        }  # fmt: skip
        draft = _Draft(step, known, "extra-single-image", body, dict(stage.options))
        # Of this call alone no setting can be overridden
        form = str(known.options.get("samples_format", "png")).lower()
        lossy = f"webui's setting samples_format is {form}, so the enlarged pictures lost quality"
        return draft.done(
            size=(width, height),
            warnings=() if form == "png" else (lossy,),
            resized_means_failed=name not in _RESIZERS,
        )
    own = {k: v for k, v in stage.options.items() if k in _SAID}
    rest = {k: v for k, v in stage.options.items() if k not in _SAID}
    said = step.said.model_copy(update={_SAID[k]: v for k, v in own.items() if v is not None})
    draft = _sampling(step._replace(said=said), known, "img2img", rest)
    _feed(draft, picture, source, (width, height), stage.denoising_strength)
    draft.body["override_settings"]["upscaler_for_img2img"] = name
    return draft.done(seeds=_own(draft, picture), size=(width, height))


_SAID = {
    "prompt": "prompt", "negative_prompt": "negative_prompt", "sampler_name": "sampler",
    "scheduler": "scheduler", "steps": "steps", "cfg_scale": "cfg_scale",
}  # fmt: skip
"""What an upscale's options may say for its sampling, since that stage has no such words of its own."""


def _sampling(step: Step, known: Known, path: str, options: dict[str, Any]) -> _Draft:
    """What every sampling request says."""
    said: Sampling = step.said
    checkpoint = _checkpoint(said, known)
    sampler, by_name = known.sampler(said.sampler) if said.sampler else (None, None)
    scheduler = by_name
    if scheduler is None and (said.scheduler or known.schedulers):  # old versions have none
        scheduler = known.scheduler(said.scheduler or "Automatic")
    settings, vae = override_settings(said, checkpoint, known)
    prompt = said.prompt or ""
    body: dict[str, Any] = {
        "prompt": prompt,
        "negative_prompt": said.negative_prompt or "",
        "steps": said.steps or STEPS,
        "cfg_scale": CFG_SCALE if said.cfg_scale is None else said.cfg_scale,
        # None would be the server's own setting
        "restore_faces": False,
        "tiling": False,
        "send_images": True,
        "save_images": False,
        "override_settings": settings,
        "override_settings_restore_afterwards": True,
    }
    if sampler:
        body["sampler_name"] = sampler
    if scheduler:
        body["scheduler"] = scheduler
    loras = loras_of(prompt, str(options.get("hr_prompt") or ""))
    for lora in loras:
        known.lora(lora)
    facts = {
        "checkpoint": checkpoint, "vae": vae, "sampler": sampler, "scheduler": scheduler,
        "loras": loras if known.options.get("lora_add_hashes_to_infotext") else (),
    }  # fmt: skip
    return _Draft(step, known, path, body, options, facts)


def _checkpoint(said: Sampling, known: Known) -> Checkpoint | None:
    """The one that the job asks for, or else the one that the server's settings name: never what a job before left loaded."""
    name = said.model or known.options.get("sd_model_checkpoint")
    return known.checkpoint(name) if name else None


def _passes(stage: Txt2Img, draft: _Draft) -> tuple[str, ...]:
    """Add the second pass and the refiner; what the infotext must then tell."""
    marks = []
    body, known, options = draft.body, draft.known, draft.options
    body["enable_hr"] = stage.hires is not None
    if stage.hires:
        body["hr_scale"] = stage.hires.scale
        body["hr_upscaler"] = known.upscaler(stage.hires.upscaler, latent=True)
        body["hr_second_pass_steps"] = stage.hires.steps
        body["denoising_strength"] = stage.hires.denoising_strength
        marks.append("Hires upscale" if not options.get("hr_resize_x") else "Hires resize")
        if options.get("hr_checkpoint_name", "") not in _SAME:
            options["hr_checkpoint_name"] = known.checkpoint(options["hr_checkpoint_name"]).name
        if options.get("hr_sampler_name", "") not in _SAME:
            options["hr_sampler_name"] = known.sampler(options["hr_sampler_name"])[0]
        if options.get("hr_scheduler", "") not in _SAME:
            options["hr_scheduler"] = known.scheduler(options["hr_scheduler"])
    if stage.refiner:
        refiner = known.checkpoint(stage.refiner.model)
        if stage.refiner.switch_at >= 1 or refiner is draft.facts["checkpoint"]:
            message = f"refiner '{stage.refiner.model}' would never take over"
            raise BackendError(
                Code.BAD_JOB, f"{message}: it is the model itself, or begins at the end"
            )
        body["refiner_checkpoint"] = refiner.name
        body["refiner_switch_at"] = stage.refiner.switch_at
        marks.append("Refiner")
    return tuple(marks)


def _feed(
    draft: _Draft, picture: Picture, source: Source, size: tuple[int, int], strength: float
) -> None:
    """Add the picture that is changed."""
    draft.body |= {
        "init_images": [source.base64], "width": size[0], "height": size[1], "resize_mode": 0,
        "denoising_strength": strength, "seed": picture.seed, "batch_size": 1, "n_iter": 1,
    }  # fmt: skip
    if "upscaler_for_img2img" in draft.known.options:
        draft.body["override_settings"]["upscaler_for_img2img"] = "None"


def _own(draft: _Draft, picture: Picture) -> tuple[int, ...] | None:
    return None if draft.options.get("subseed_strength") else (picture.seed or 0,)


def _divisible(*sides: int | None) -> None:
    for side in sides:
        if side is not None and side % _LATENT:
            message = f"{side} pixels: webui rounds a side down to a multiple of {_LATENT}"
            raise BackendError(Code.BAD_JOB, f"{message} and does not say so")


def _floor(side: int) -> int:
    return side // _LATENT * _LATENT
