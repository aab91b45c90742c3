"""StableNew's presets as the base of jobs: the neutral chain of stages that its builder and runner make of one.

Pure. Guarantees: the stages are those that a StableNew job snapshot of the same settings gives (``stages_of``); what a later stage
would inherit anyway is left out, so that whoever changes the first stage's model or prompt changes the chain's. Does not guarantee the
settings that StableNew takes from its own defaults where a preset is silent: lay the preset over one that says everything.

Source of the format: StableNew2, ``src/pipeline/prompt_pack_job_builder.py`` (sections to stage chain).
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from spoolctl.spool import JOB_SCHEMA, BadRecord, Job, Stage, parse_job, stages_of

Json = dict[str, Any]
SECTIONS = ("txt2img", "img2img", "adetailer", "upscale", "pipeline")
_CHAIN = ("txt2img", "img2img", "adetailer", "upscale", "animatediff", "video_workflow")
_INHERITED = (
    "prompt", "negative_prompt", "model", "vae", "sampler", "scheduler", "steps", "cfg_scale", "seed", "clip_skip",
)  # fmt: skip
_PROMPT = "\ue000"
"""Stands where the prompt will be, for a chain without one is refused; of the private use area, so that it is nobody's."""
_FLAT = ("base_model", "sampler_name", "txt2img_enabled")
_FLAT_WORDS = {"base_model": "model", "sampler": "sampler_name"}


def is_preset(mapping: Mapping[str, Any]) -> bool:
    """True for a preset of StableNew's, in sections or flat, with or without the pack that it belongs to."""
    return any(key in mapping for key in (*SECTIONS, "preset_data", *_FLAT))


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> Json:
    """Two presets as one: what the upper one says goes before, section by section."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[key] = laid_over(under, value) if both else value  # type: ignore[arg-type]
    return merged


def sections_of(preset: Mapping[str, Any]) -> Json:
    """The preset in sections, whichever form it has."""
    said = preset.get("preset_data")
    preset = said if isinstance(said, Mapping) else preset
    if any(isinstance(preset.get(key), Mapping) for key in SECTIONS):
        return dict(preset)
    flat = {_FLAT_WORDS.get(key, key): value for key, value in preset.items()}
    return {
        "txt2img": flat,
        "adetailer": {k: v for k, v in flat.items() if k.startswith("adetailer_")},
        "pipeline": {
            "images_per_prompt": flat.get("batch_size"),
            **{k: v for k, v in flat.items() if k.endswith(("_enabled", "loop_count"))},
        },
    }


def loops_of(sections: Mapping[str, Any]) -> int:
    """How many jobs StableNew makes of each prompt."""
    said = _section(sections, "pipeline").get("loop_count")
    return said if isinstance(said, int) and not isinstance(said, bool) and said > 0 else 1


def base_of(sections: Mapping[str, Any]) -> Json:
    """A job record, but for its prompt, that does what the preset says.

    Raises:
        BadRecord: A value that no stage may have, or a stage that no image backend has.
    """
    txt2img, pipeline = _section(sections, "txt2img"), _section(sections, "pipeline")
    sampler = txt2img.get("sampler_name") or txt2img.get("sampler")
    told = {
        "positive_prompt": _PROMPT,
        "negative_prompt": txt2img.get("negative_prompt") or "",
        "base_model": txt2img.get("model"),
        "sampler_name": sampler,
        "images_per_prompt": pipeline.get("images_per_prompt"),
        "config": {**txt2img, "sampler": sampler, "hires_fix": sections.get("hires_fix")},
        "stage_chain": [_entry(name, sections) for name in _CHAIN],
    }
    snapshot = {"schema_version": "1.0", "normalized_job": told}
    try:
        job = parse_job(json.dumps(snapshot, allow_nan=False).encode())
    except ValueError:
        raise BadRecord("the preset holds a number that is none (NaN or infinity)") from None
    return {"schema": JOB_SCHEMA, "workload": image_workload(stages_of(job))}


def neutral(job: Job) -> Json:
    """A StableNew job as a record whose stages can be changed one by one.

    Its snapshot is not kept: each value stands in it up to four times, and which of them counts differs from value to value.
    """
    kept = job.model_dump(
        mode="json", by_alias=True, exclude_unset=True, exclude_none=True,
        exclude={"workload", "job_id", "randomizer"},
    )  # fmt: skip
    return {**kept, "workload": image_workload(stages_of(job))}


def image_workload(stages: Iterable[Stage]) -> Json:
    """The stages as a workload of our own, each without what it would inherit."""
    told: Json = {}
    chain: list[Json] = []
    for stage in stages:
        said = stage.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        if not said.get("options"):
            said.pop("options", None)
        for key in _INHERITED:
            if key in said and said[key] == told.get(key):
                del said[key]
        told |= {key: said[key] for key in _INHERITED if key in said}
        chain.append({"stage": stage.stage, **said})
    for said in chain:
        if said.get("prompt") == _PROMPT:
            del said["prompt"]
    return {"kind": "image", "stages": chain}


def _entry(name: str, sections: Mapping[str, Any]) -> Json:
    """One stage as StableNew's builder writes it into a chain."""
    section = _section(sections, name)
    pipeline = _section(sections, "pipeline")
    extra = dict(section)
    if name in ("img2img", "adetailer"):
        extra["denoising_strength"] = section.get("denoising_strength") or section.get(
            "adetailer_denoise"
        )
    if name == "adetailer":
        extra["prompt"] = section.get("adetailer_prompt")
        extra["negative_prompt"] = section.get("adetailer_negative_prompt")
        extra.pop("model", None)
        extra.pop("vae", None)
    # A detector's "model" and scheduler are not the checkpoint's.
    own = (
        {}
        if name == "adetailer"
        else {key: section.get(key) for key in ("model", "vae", "scheduler")}
    )
    return {
        "stage_type": name,
        "enabled": bool(pipeline.get(f"{name}_enabled", name == "txt2img")),
        "steps": section.get("steps"),
        "cfg_scale": section.get("cfg_scale"),
        "denoising_strength": section.get("denoising_strength"),
        "sampler_name": section.get("sampler_name") or section.get("sampler"),
        **own,
        "extra": {k: v for k, v in extra.items() if v not in (None, "", [])},
    }


def _section(sections: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    said = sections.get(name)
    return said if isinstance(said, Mapping) else {}
