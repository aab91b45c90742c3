"""A job's ``options`` and the server's settings in a request. Pure.

Guarantees: an option that the server would ignore in silence is refused; a setting that one request overrides is overridden by
every request, since the server puts it back only if its own configuration file has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any

from spoolctl.spool import ADetailer, Code, Sampling
from spoolworker.backends.base import BackendError
from spoolworker.backends.webui.known import MODULES, Checkpoint, Known
from spoolworker.backends.webui.words import unknown_networks

_OWN = frozenset(
    {
        "prompt", "negative_prompt", "seed", "steps", "cfg_scale", "sampler_name", "sampler_index",
        "scheduler", "width", "height", "batch_size", "n_iter", "init_images", "image", "enable_hr",
        "hr_scale", "hr_upscaler", "hr_second_pass_steps", "denoising_strength", "refiner_checkpoint",
        "refiner_switch_at", "send_images", "save_images", "do_not_save_samples", "do_not_save_grid",
        "force_task_id", "infotext", "include_init_images", "override_settings_restore_afterwards",
        "upscaling_resize", "upscaler_1", "upscaling_resize_w", "upscaling_resize_h",
    }
)  # fmt: skip
"""Fields that the stage itself says, or that would break what it promises."""
_OWN_SETTINGS = frozenset(
    {"sd_model_checkpoint", "sd_vae", MODULES, "CLIP_stop_at_last_layers", "samples_format"}
)
_RESTORING = ("restore_faces", "gfpgan_visibility", "codeformer_visibility")
_HANDS = {
    "ad_model": "hand_yolov8n.pt", "ad_confidence": 0.3, "ad_denoising_strength": 0.25,
    "ad_mask_filter_method": "Area", "ad_mask_k": 6, "ad_mask_min_ratio": 0.003,
    "ad_mask_max_ratio": 1.0, "ad_dilate_erode": 6, "ad_mask_blur": 4, "ad_mask_merge_invert": "None",
    "ad_inpaint_only_masked": True, "ad_inpaint_only_masked_padding": 16,
    "ad_use_inpaint_width_height": False, "ad_use_steps": True, "ad_steps": 12,
    "ad_use_cfg_scale": True, "ad_cfg_scale": 5.0, "ad_use_sampler": True,
    "ad_sampler": "DPM++ 2M", "ad_scheduler": "Karras",
    "ad_prompt": "well-formed fingers, natural knuckles, correct hand anatomy, sharp details",
    "ad_negative_prompt": "extra fingers, fused fingers, broken fingers, deformed hands, missing fingers",
}  # fmt: skip
"""The second pass that StableNew runs for hands (its executor.py), whatever the first one says."""


@dataclass(frozen=True)
class Added:
    """What options brought with them."""

    marks: tuple[str, ...]
    scripts: bool
    warnings: tuple[str, ...]


def override_settings(
    said: Sampling, checkpoint: Checkpoint | None, known: Known
) -> tuple[dict[str, Any], str | None]:
    """The settings that every sampling request overrides, and the VAE's file that must then be loaded.

    Noise is drawn on the CPU: that of the card differs by card, and a job may run on any.
    """
    settings: dict[str, Any] = {
        "CLIP_stop_at_last_layers": said.clip_skip or 1,
        "eta_noise_seed_delta": 0,
        "randn_source": "CPU",
        "samples_format": "png",
    }
    if checkpoint is not None:
        settings["sd_model_checkpoint"] = checkpoint.name
    vae = said.vae or "Automatic"
    expected = None
    if known.is_forge:
        modules = list(known.options.get(MODULES) or ())
        if vae not in ("Automatic", "None"):
            expected = known.vae(vae)
            modules = [*_without_vaes(modules), expected]
        elif vae == "None":
            modules = _without_vaes(modules)
        settings[MODULES] = modules
    elif vae in ("Automatic", "None"):
        settings["sd_vae"] = vae
        expected = "" if vae == "None" else None
    else:
        expected = known.vae(vae)
        settings["sd_vae"] = PureWindowsPath(expected).name
    # A setting that a fork does not have would fail the whole request
    return {k: v for k, v in settings.items() if k in known.options}, expected


def add_options(path: str, body: dict[str, Any], options: Mapping[str, Any], known: Known) -> Added:
    """Put a job's options into a request.

    Raises:
        BackendError: ``bad_job`` for one that is the stage's own; ``backend_rejected`` for one that this server would ignore;
            ``model_missing`` for a script, style or setting that it does not have.
    """
    options = {key: value for key, value in options.items() if value is not None}
    fields = known.fields.get(path, frozenset())
    for key in options:
        if key in _OWN or (key == "resize_mode" and path == "extra-single-image"):
            raise BackendError(Code.BAD_JOB, f"option '{key}' is for the stage itself to say")
        if fields and key not in fields:
            # Another kind of server may: Forge has fields that A1111 has not
            raise BackendError(
                Code.BACKEND_REJECTED, f"option '{key}' is none that '{path}' knows here"
            )
    tab = "txt2img" if path == "txt2img" else "img2img"
    for style in _strings(options, "styles"):
        known.style(style)
    if options.get("script_name"):
        known.script(str(options["script_name"]), tab)
    scripts = _mapping(options, "alwayson_scripts")
    for name in scripts:
        known.script(name, tab)
    settings = _mapping(options, "override_settings")
    for key in settings:
        if key in _OWN_SETTINGS:
            raise BackendError(Code.BAD_JOB, f"setting '{key}' is for the stage itself to say")
        if key not in known.options:
            raise BackendError(Code.MODEL_MISSING, f"webui has no setting '{key}'")
    merged = {
        "alwayson_scripts": {**body.get("alwayson_scripts", {}), **scripts},
        "override_settings": {**body.get("override_settings", {}), **settings},
    }
    body.update(options)
    body.update({key: value for key, value in merged.items() if value})
    return Added(
        marks=_marks(scripts),
        scripts=bool(merged["alwayson_scripts"] or options.get("script_name")),
        warnings=_warnings(body),
    )


def detailing(
    stage: ADetailer, body: Mapping[str, Any], options: dict[str, Any], known: Known
) -> list[dict[str, Any]]:
    """ADetailer's tabs; takes what is for them out of *options*.

    Raises:
        BackendError: ``model_missing`` or ``backend_rejected``; one word that it does not know would switch it off in silence.
    """
    own = {key: options.pop(key) for key in list(options) if key.startswith("ad_")}
    hands = options.pop("enable_hands_pass", None)
    hands_model = options.pop("hands_model", None)
    tab = {
        "ad_model": stage.detector,
        "ad_confidence": stage.confidence,
        "ad_denoising_strength": stage.denoising_strength,
        "ad_mask_blur": stage.mask_blur,
        # Its pass would else be that of img2img, which is left out and has other settings meanwhile
        "ad_use_steps": True,
        "ad_steps": body["steps"],
        "ad_use_cfg_scale": True,
        "ad_cfg_scale": body["cfg_scale"],
        "ad_use_sampler": "sampler_name" in body,
        **({"ad_sampler": body["sampler_name"]} if "sampler_name" in body else {}),
        **({"ad_scheduler": body["scheduler"]} if "scheduler" in body else {}),
        **{key: value for key, value in own.items() if value is not None},
    }
    keys = known.detector_keys
    strange = sorted(set(tab) - keys) if keys is not None else []
    if strange:  # its versions differ in them
        message = f"option '{strange[0]}' is none that ADetailer knows here"
        raise BackendError(Code.BACKEND_REJECTED, message)
    tabs = [tab]
    if hands:
        second = _HANDS | ({"ad_model": hands_model} if hands_model else {})
        tabs.append({key: said for key, said in second.items() if keys is None or key in keys})
    for one in tabs:
        known.detector(str(one["ad_model"]))
    return tabs


def _without_vaes(modules: Sequence[str]) -> list[str]:
    """Forge's modules but those in a folder ``VAE``: text encoders stay."""
    return [one for one in modules if "vae" not in PureWindowsPath(one).parent.name.lower()]


def _marks(scripts: Mapping[str, Any]) -> tuple[str, ...]:
    """What the infotext must tell of scripts that say there what they did."""
    marks = []
    for name, script in scripts.items():
        args = script.get("args") if isinstance(script, Mapping) else None
        args = args if isinstance(args, list) else []
        if name.lower() == "adetailer" and args and args[0] is not False:
            marks.append("ADetailer model")
        if name.lower() == "controlnet" and any(
            isinstance(one, Mapping) and one.get("enabled", True) for one in args
        ):
            marks.append("ControlNet")
    return tuple(marks)


def _warnings(body: Mapping[str, Any]) -> tuple[str, ...]:
    warnings = []
    if any(body.get(key) for key in _RESTORING):
        warnings.append(
            "webui does not tell whether faces were restored: without its model it passes over"
        )
    warnings += [
        f"webui leaves <{kind}:...> out of the prompt: it knows no such thing"
        for kind in unknown_networks(str(body.get("prompt", "")))
    ]
    return tuple(warnings)


def _strings(options: Mapping[str, Any], key: str) -> list[str]:
    value = options.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BackendError(Code.BAD_JOB, f"option '{key}' is no list of names")
    return value


def _mapping(options: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = options.get(key, {})
    if not isinstance(value, Mapping):
        raise BackendError(Code.BAD_JOB, f"option '{key}' is no mapping")
    return value
