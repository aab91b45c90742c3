"""StableNew's job snapshots: an envelope around one, and the neutral chain of stages it asks for.

Guarantees: a snapshot is never changed; any mapping gives a ``Job``, its stages, or a ``BadRecord``
that names the field; the chain is the one that StableNew's own runner would execute (its order, its
precedence of settings). Does not guarantee StableNew's pixels: its runner also rewrites prompts
while it runs (that machine's global negatives, the prompt optimizer). Here prompts are sent as they
stand in the snapshot. Aesthetic gradients and the detailer's second pass are not neutral stages;
the latter is told in ``options``.

Source of the format: StableNew2, ``src/utils/snapshot_builder_v2.py`` (schema_version 1.0),
``src/pipeline/run_plan.py`` (order), ``pipeline_runner.py``, ``executor.py`` (what wins).
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from spoolctl.spool.errors import BadRecord
from spoolctl.spool.records import (
    JOB_SCHEMA,
    STAGE_NAMES,
    Dropped,
    ImageWorkload,
    Input,
    Job,
    Stage,
)
from spoolctl.spool.records.base import told

Fields = Mapping[str, Any]
M = TypeVar("M", bound=BaseModel)

_JOB = "workload.snapshot.normalized_job"
_SIZE_UNSAID, _STEPS_UNSAID, _CFG_UNSAID, _UPSCALE_DENOISE_UNSAID = 1024, 20, 7.5, 0.35
"""What StableNew takes where a snapshot says nothing (pipeline_runner.py, executor.py)."""
_SHOWN_CHARS_MAX, _SAID_CHARS_MAX = 40, 200
_TXT2IMG_OPTIONS = (
    "subseed", "subseed_strength", "seed_resize_from_h", "seed_resize_from_w",
    "restore_faces", "tiling",
)  # fmt: skip
_HIRES_OPTIONS = ("hr_resize_x", "hr_resize_y", "hr_sampler_name")
_ADETAILER_OPTIONS = (
    "ad_mask_filter_method", "ad_mask_min_ratio", "ad_mask_max_ratio", "ad_dilate_erode",
    "ad_mask_merge_invert", "ad_inpaint_only_masked", "ad_inpaint_only_masked_padding",
    "ad_use_inpaint_width_height", "ad_inpaint_width", "ad_inpaint_height",
    "enable_hands_pass", "hands_model",
)  # fmt: skip
_IMG2IMG_OPTIONS = (
    "prompt", "negative_prompt", "sampler_name", "scheduler", "steps", "cfg_scale",
)  # fmt: skip
_UPSCALE_OPTIONS = ("gfpgan_visibility", "codeformer_visibility", "codeformer_weight")


def is_snapshot(mapping: Fields) -> bool:
    """True for a StableNew job snapshot without our envelope."""
    ours = str(mapping.get("schema", "")).startswith("spool.")
    return "normalized_job" in mapping and "schema_version" in mapping and not ours


def job_from_snapshot(mapping: Fields, *, inputs: Iterable[Input] = ()) -> Job:
    """Put our envelope around a StableNew snapshot.

    Start stage and input paths, which StableNew's own writer drops, are recovered where
    ``extra_metadata.reprocess`` still has them.

    Args:
        mapping: The snapshot as read from its file; carried as it is.
        inputs: Files in the spool that feed a chain which does not begin with txt2img.

    Raises:
        BadRecord: No prompt, no stage chain, a stage that no image backend has, a value out of
            bounds.
    """
    job = _mapping(mapping.get("normalized_job"))
    reprocess = _mapping(_mapping(job.get("extra_metadata")).get("reprocess"))
    requested = _list(reprocess.get("requested_stages"))
    dropped = {
        "start_stage": _text(*requested[:1]),
        "input_image_paths": _list(reprocess.get("input_image_paths")),
    }
    envelope = {
        "schema": JOB_SCHEMA,
        "job_id": _text(mapping.get("job_id"), job.get("job_id")),
        "inputs": [one.model_dump(mode="json") for one in inputs],
        "learning": learning_of_snapshot(mapping),
        "randomizer": _randomizer(job),
        "workload": {"kind": "stablenew", "snapshot": mapping, "dropped": dropped},
    }
    made = _validated(Job, envelope)
    stages_of_snapshot(mapping, _validated(Dropped, dropped))  # raises what only running would show
    return made


def stages_of_snapshot(snapshot: Fields, dropped: Dropped) -> tuple[Stage, ...]:
    """The enabled stages in StableNew's order of execution; txt2img if none is enabled.

    The number of images is ``images_per_prompt`` alone: StableNew makes a job of its own of each
    loop (``loop_count``) and of each batch copy.

    Raises:
        BadRecord: As for ``job_from_snapshot``; also a start stage that is not enabled.
    """
    reader = _Reader(snapshot)
    entries = _enabled(reader.job)
    if dropped.start_stage is not None:
        names = [name for name, _ in entries]
        if dropped.start_stage not in names:
            raise BadRecord(
                f"start_stage {_shown(dropped.start_stage)} is none of the snapshot's enabled stages, "
                f"{', '.join(names)}",
                hint="enable that stage in StableNew, or leave start_stage out",
                field="workload.dropped.start_stage",
            )
        entries = entries[names.index(dropped.start_stage) :]
    build = {
        "txt2img": reader.txt2img, "img2img": reader.img2img,
        "adetailer": reader.adetailer, "upscale": reader.upscale,
    }  # fmt: skip
    stages = []
    for name, entry in entries:
        said = _Layers(f"{_JOB}.stage_chain.{name}", _mapping(entry.get("extra")), entry)
        stages.append({"stage": name, **_said(build[name](said))})
    return _validated(ImageWorkload, {"kind": "image", "stages": stages}).stages


def learning_of_snapshot(snapshot: Fields) -> dict[str, Any] | None:
    """What the snapshot tells of the learning experiment it belongs to; ``None`` if to none.

    Keys, where told: experiment_name, experiment_id, variable_under_test, variant_value, stage,
    and whatever else ``extra_metadata.learning`` holds.
    """
    job = _mapping(snapshot.get("normalized_job"))
    extra, config = _mapping(job.get("extra_metadata")), _mapping(job.get("config"))
    nested = _mapping(extra.get("learning"))
    both = _Layers(_JOB, extra, config)
    told = {
        "experiment_name": extra.get("learning_experiment"),
        "experiment_id": config.get("learning_experiment_id"),
        "variable_under_test": both.get("learning_variable"),
        "variant_value": both.get("learning_variant_value"),
        "stage": extra.get("learning_stage"),
    }
    return _said(told) | {k: v for k, v in _said(nested).items() if k != "schema"} or None


class _Layers:
    """Mappings laid over each other. Numbers may stand as text, whole numbers as floats."""

    def __init__(self, where: str, *layers: Fields) -> None:
        self.where = where
        self.layers = layers

    def get(self, *keys: str) -> Any:  # noqa: ANN401 - raw JSON
        """The first of *keys* that says something, in the uppermost layer that does."""
        found = (layer.get(key) for key in keys for layer in self.layers)
        return next((value for value in found if value is not None and value != ""), None)

    def text(self, *keys: str) -> str | None:
        return _text(self.get(*keys))

    def number(self, *keys: str) -> float | None:
        return _number(self.get(*keys), f"{self.where}.{keys[0]}")

    def whole(self, *keys: str) -> int | None:
        return _whole(self.get(*keys), f"{self.where}.{keys[0]}")


class _Reader:
    """A snapshot with a prompt: gives each stage's fields. The job's model rules all stages."""

    def __init__(self, snapshot: Fields) -> None:
        self.job = _mapping(snapshot.get("normalized_job"))
        config = _mapping(self.job.get("config"))
        self.top = _Layers(_JOB, self.job, config)
        self.config = _Layers(f"{_JOB}.config", config)
        self.hires_fix = _Layers(f"{_JOB}.config.hires_fix", _mapping(config.get("hires_fix")))
        effective = _mapping(snapshot.get("effective_prompts"))
        prompt = _text(self.job.get("positive_prompt"), effective.get("positive"))
        if prompt is None:
            raise BadRecord(
                "the StableNew snapshot has no prompt (missing_prompt)",
                hint="fill in positive_prompt; StableNew refuses such a job too",
                field=f"{_JOB}.positive_prompt",
            )
        self.prompt = prompt
        self.negative = _text(self.job.get("negative_prompt"), effective.get("negative")) or ""

    def _shared(self, entry: _Layers) -> dict[str, Any]:
        seeds = (_Layers(_JOB, self.job).whole("seed"), self.config.whole("seed"))
        return {
            "prompt": self.prompt,
            "negative_prompt": self.negative,
            "model": self.top.text("base_model") or entry.text("model") or self.top.text("model"),
            "vae": self.top.text("vae") or entry.text("vae"),
            "sampler": entry.text("sampler_name") or self.top.text("sampler_name", "sampler"),
            "scheduler": self.top.text("scheduler") or entry.text("scheduler"),
            "steps": entry.whole("steps") or self.top.whole("steps") or None,
            "cfg_scale": entry.number("cfg_scale") or self.top.number("cfg_scale") or None,
            "seed": next((seed for seed in seeds if seed not in (None, -1)), None),
            "clip_skip": self.top.whole("clip_skip") or entry.whole("clip_skip") or None,
        }

    def txt2img(self, entry: _Layers) -> dict[str, Any]:
        shared = self._shared(entry)
        options = {key: self.config.get(key) for key in _TXT2IMG_OPTIONS}
        hires = self._hires()
        if hires is not None:
            options |= {key: self.config.get(key) or None for key in _HIRES_OPTIONS}
            if not self.config.get("hires_use_base_model"):
                options["hr_checkpoint_name"] = self.config.text("hr_checkpoint_name")
        return {
            **shared,
            "sampler": self.top.text("sampler_name", "sampler") or shared["sampler"],
            "steps": self.top.whole("steps") or shared["steps"] or _STEPS_UNSAID,
            "cfg_scale": self.top.number("cfg_scale") or shared["cfg_scale"] or _CFG_UNSAID,
            "seed": -1 if shared["seed"] is None else shared["seed"],
            "width": self.top.whole("width") or _SIZE_UNSAID,
            "height": self.top.whole("height") or _SIZE_UNSAID,
            "count": self.top.whole("images_per_prompt") or 1,
            "hires": hires,
            "refiner": self._refiner(),
            "options": {k: v for k, v in _said(options).items() if v != -1},
        }

    def _hires(self) -> dict[str, Any] | None:
        """Only ``enable_hr`` switches the second pass on, whatever the snapshot's flags say."""
        if not _is_on(self.config.get("enable_hr")):
            return None
        return _said(
            {
                "scale": self.config.number("hr_scale") or self.hires_fix.number("upscale_factor"),
                "upscaler": self.config.text("hr_upscaler") or self.hires_fix.text("upscaler_name"),
                "steps": self.config.whole("hr_second_pass_steps") or self.hires_fix.whole("steps"),
                "denoising_strength": self.config.number("denoising_strength"),
            }
        )

    def _refiner(self) -> dict[str, Any] | None:
        """Used if asked for, named, and 0 < switch_at < 1 (executor.py)."""
        model = self.config.text("refiner_checkpoint")
        if not _is_on(self.config.get("use_refiner")) or model in (None, "None"):
            return None
        switch_at = self.config.number("refiner_switch_at")
        switch_at = 0.8 if switch_at is None else switch_at
        return {"model": model, "switch_at": switch_at} if 0 < switch_at < 1 else None

    def img2img(self, entry: _Layers) -> dict[str, Any]:
        if entry.get("mask_image_path", "mask_path"):
            raise BadRecord(
                "the snapshot paints inside a mask that lies on the machine which wrote it",
                hint="run masked edits in StableNew itself",
                field=f"{entry.where}.extra.mask_image_path",
            )
        return self._shared(entry) | {"denoising_strength": entry.number("denoising_strength")}

    def adetailer(self, entry: _Layers) -> dict[str, Any]:
        """Its own prompts if it has any; "inherit" and "Use same ..." mean the job's."""
        sampler = entry.text("adetailer_sampler", "ad_sampler", "sampler_name")
        scheduler = entry.text("adetailer_scheduler", "ad_scheduler")
        shared = self._shared(entry)
        return {
            **shared,
            "prompt": entry.text("prompt", "adetailer_prompt") or self.prompt,
            "negative_prompt": entry.text("negative_prompt", "adetailer_negative_prompt")
            or self.negative,
            "sampler": self.top.text("sampler_name") if _inherits(sampler) else sampler,
            "scheduler": shared["scheduler"] if _inherits(scheduler) else scheduler,
            "steps": entry.whole("adetailer_steps", "ad_steps") or shared["steps"],
            "cfg_scale": entry.number("adetailer_cfg", "ad_cfg_scale") or shared["cfg_scale"],
            "detector": entry.text("adetailer_model", "ad_model"),
            "confidence": entry.number("adetailer_confidence", "ad_confidence"),
            "denoising_strength": entry.number("adetailer_denoise", "denoising_strength"),
            "mask_blur": entry.whole("ad_mask_blur", "adetailer_mask_feather"),
            "options": _said(
                {key: entry.get(key) for key in _ADETAILER_OPTIONS}
                | {"ad_mask_k": entry.whole("ad_mask_k_largest")}  # its runner's own renaming
            ),
        }

    def upscale(self, entry: _Layers) -> dict[str, Any]:
        """Mode "single" only enlarges; "img2img" samples too, told by a ``denoising_strength``."""
        fields: dict[str, Any] = {
            "upscaler": entry.text("upscaler"),
            "factor": entry.number("upscaling_resize"),
            "options": _said({key: entry.number(key) for key in _UPSCALE_OPTIONS}),
        }
        if entry.get("upscale_mode") == "img2img":
            denoise = entry.number("denoising_strength")
            fields["denoising_strength"] = _UPSCALE_DENOISE_UNSAID if denoise is None else denoise
            fields["options"] = _said({key: entry.get(key) for key in _IMG2IMG_OPTIONS})
        return fields


def _enabled(job: Fields) -> list[tuple[str, Fields]]:
    """The chain's enabled entries with their names, stably sorted as in run_plan.py."""
    chain = _list(job.get("stage_chain"))
    if not chain:
        raise BadRecord(
            "the StableNew snapshot has no stages (missing_stage_chain)",
            hint="save the job anew in a current StableNew; early snapshots have no stage_chain",
            field=f"{_JOB}.stage_chain",
        )
    enabled: list[tuple[str, Fields]] = []
    for number, entry in enumerate(chain):
        field = f"{_JOB}.stage_chain.{number}"
        if not isinstance(entry, Mapping):
            raise BadRecord(f"stage {number} of the StableNew snapshot is no mapping", field=field)
        if not _is_on(entry.get("enabled")):
            continue
        name = entry.get("stage_type")
        if name not in STAGE_NAMES:
            raise BadRecord(
                f"the snapshot asks for stage {_shown(name)}, which no image backend has",
                hint=f"run it in StableNew itself; workers do {', '.join(STAGE_NAMES)}",
                field=f"{field}.stage_type",
            )
        enabled.append((name, entry))
    enabled.sort(key=lambda item: STAGE_NAMES.index(item[0]))
    return enabled or [("txt2img", {})]


def _randomizer(job: Fields) -> dict[str, Any] | None:
    """The variant's place among its siblings, if the job is one of several."""
    summary, slots = (
        _mapping(job.get("randomizer_summary")),
        _mapping(job.get("matrix_slot_values")),
    )
    if not slots and job.get("variant_total") in (None, 0, 1) and not summary.get("enabled"):
        return None
    places = ("variant_index", "variant_total", "batch_index", "batch_total")
    return {**summary, **{k: job.get(k) for k in places}, "matrix_slot_values": slots}


def _validated(kind: type[M], fields: dict[str, Any]) -> M:
    try:
        return kind.model_validate_json(json.dumps(fields, allow_nan=False))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = told(".".join(map(str, first["loc"])), _SAID_CHARS_MAX) or "(top level)"
        said = f"'{field}': {told(first['msg'], _SAID_CHARS_MAX)}"
        raise BadRecord(f"the StableNew snapshot, read as a job: {said}", field=field) from None
    except (TypeError, ValueError, RecursionError) as error:
        said = f"holds a value that no record can hold: {told(str(error), _SAID_CHARS_MAX)}"
        raise BadRecord(f"the StableNew snapshot {said}", field="workload.snapshot") from None


def _mapping(value: object) -> Fields:
    """*value* if it is a mapping, else an empty one: StableNew writes null for "nothing"."""
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _said(fields: Fields) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _text(*values: object) -> str | None:
    """The first that is text and not blank: StableNew writes "" for "not chosen"."""
    return next((value for value in values if isinstance(value, str) and value.strip()), None)


def _shown(value: object) -> str:
    """*value* for a message: short text on one line; of anything else only the kind."""
    is_text = isinstance(value, str)
    return f"'{told(str(value), _SHOWN_CHARS_MAX)}'" if is_text else f"a {type(value).__name__}"


def _inherits(name: str | None) -> bool:
    return name is None or name.lower() == "inherit" or name.lower().startswith("use same")


def _is_on(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() in ("true", "1", "yes", "on"))


def _number(value: object, field: str) -> float | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    try:
        number = float(value) if isinstance(value, str | float) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadRecord(f"'{field}' is {_shown(value)}, not a number", field=field)
    return number


def _whole(value: object, field: str) -> int | None:
    """A whole number; as text too, without a detour over float, which has no room for a seed."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value):
        return int(value)
    number = _number(value, field)
    if number is not None and number != int(number):
        raise BadRecord(f"'{field}' is {number!r}, not a whole number", field=field)
    return None if number is None else int(number)
