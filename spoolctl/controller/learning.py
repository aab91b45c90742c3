"""What a committed job tells StableNew's learning system: one record for each image, not yet rated.

Pure. Guarantees: every record has the 16 keys of StableNew's ``LearningRecord`` with the types that
all its readers bear; the same commit gives the same records, byte for byte, on every machine; what
was not committed gives none. Rating is a person's: neither ``user_rating`` nor ``record_kind`` is
written, so StableNew loads and counts the records and recommends nothing by them until then.

Source of the format: StableNew2, ``src/learning/learning_record.py``; its readers
``recommendation_engine.py`` and ``learning_analytics.py``.
"""

import json
import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

from spoolctl.controller.ran import ran
from spoolctl.spool import (
    ComfyUIWorkload,
    Job,
    Manifest,
    Output,
    StableNewWorkload,
    Stage,
    Txt2Img,
    learning_of_snapshot,
    stages_of,
)

_NAMESPACE = uuid.UUID("6f1c7a52-1f7e-5c0e-9a63-0d8b7c1e54aa")
"""Ours, drawn once: ``run_id`` = uuid5 of spool, job and image, so that a second merge is seen."""
_INHERITED = (
    "prompt", "negative_prompt", "model", "sampler", "scheduler", "steps", "cfg_scale",
)  # fmt: skip

JsonObject = dict[str, Any]


def corpus_records(
    *, spool_id: str, location_of_results: str, job: Job, manifest: Manifest
) -> list[JsonObject]:
    """The records of a committed job, one for each final image, in the order of the images.

    Args:
        spool_id: Of ``spool.yaml``; part of each ``run_id``.
        location_of_results: The job's results folder as image paths shall begin,
            ``results/<shelf>/<name>``.
        job: The pinned record.
        manifest: The commit. Any other verdict gives no records.

    Raises:
        BadRecord: The job's stages cannot be read, so that it cannot have been committed.
    """
    if not manifest.succeeded:
        return []
    stages = stages_of(job)
    learning = _learning(job)
    wanted = learning.get("stage")
    primary = next((i for i, stage in enumerate(stages) if stage.stage == wanted), 0)
    settings = _settings(stages, primary, manifest)
    finals = manifest.images
    return [
        {
            "run_id": run_id(spool_id, manifest.name, output.image_index),
            "timestamp": _timestamp(manifest),
            "base_config": _base_config(settings, output),
            "variant_configs": _variant_configs(learning),
            "randomizer_mode": "learning_experiment" if learning else _text(job, "mode"),
            "randomizer_plan_size": _plan_size(job),
            "primary_model": settings["model"] or "",
            "primary_sampler": settings["sampler"] or "",
            "primary_scheduler": settings["scheduler"] or "",
            "primary_steps": settings["steps"] or 0,
            "primary_cfg_scale": float(settings["cfg_scale"] or 0),
            "metadata": {
                **learning,
                **_metadata(settings, output, f"{location_of_results}/{output.path}"),
                "pack_name": _pack_name(job),
                **_spool_facts(spool_id, job, manifest, output),
            },
            "stage_plan": [stage.stage for stage in stages],
            "stage_events": [
                {
                    "stage": stage.stage, "phase": "exit", "image_index": output.image_index + 1,
                    "total_images": len(finals), "cancelled": False,
                }
                for stage in stages
            ],
            "outputs": [_output(output, f"{location_of_results}/{output.path}")],
            "sidecar_priors": {},
        }
        for output in finals
    ]  # fmt: skip


def run_id(spool_id: str, name: str, image_index: int) -> str:
    """The record's identity: the same for ever for one image of one job of one spool."""
    return str(uuid.uuid5(_NAMESPACE, f"{spool_id}/{name}/{image_index}"))


def encode_lines(records: Iterable[JsonObject]) -> bytes:
    """Records as JSON lines: keys sorted, ASCII only, a newline after each, as StableNew's own."""
    lines = (json.dumps(one, sort_keys=True, allow_nan=False) + "\n" for one in records)
    return "".join(lines).encode("ascii")


def history_line(job: Job | None, manifest: Manifest, earlier: Sequence[Manifest] = ()) -> bytes:
    """One line of history for a job that has ended: what it was, who ran it, how it went.

    Args:
        job: The pinned record; ``None`` if it cannot be read (then only the manifest speaks).
        manifest: The final verdict.
        earlier: Those on the attempts before it, back to the job's end before (``ran.earlier_attempts``).
    """
    told: JsonObject = {
        "name": manifest.name,
        "job_id": manifest.job_id,
        "group": manifest.group,
        "class": manifest.class_,
        "kind": job.workload.kind if job else None,
        "priority": job.priority if job else None,
        "submitted_by": job.submitted_by if job else None,
        "verdict": manifest.verdict.value,
        "code": manifest.code.value if manifest.code else None,
        "attempts": manifest.attempt,
        "failures": manifest.counts.failures,
        "crashes": manifest.counts.crashes,
        "deferrals": manifest.counts.deferrals,
        "worker": manifest.worker,
        "model": manifest.backend.model if manifest.backend else None,
        "started_at": manifest.started_at.isoformat() if manifest.started_at else None,
        "ended_at": manifest.ended_at.isoformat() if manifest.ended_at else None,
        "duration_s": manifest.duration_s,
        "images": len(manifest.images),
        "day": manifest.day,
        "ran": ran(job, (*earlier, manifest)),
    }
    return encode_lines([told])


def _settings(stages: tuple[Stage, ...], primary: int, manifest: Manifest) -> JsonObject:
    """What the primary stage ran with: its own words, or those of the last stage that said them."""
    settings: JsonObject = dict.fromkeys(_INHERITED)
    settings |= {"stage": stages[primary].stage, "width": None, "height": None}
    for stage in stages[: primary + 1]:
        words = stage.said if isinstance(stage, ComfyUIWorkload) else stage
        said = {key: getattr(words, key, None) for key in _INHERITED}
        settings |= {key: value for key, value in said.items() if value is not None}
        if isinstance(stage, Txt2Img):
            settings |= {"width": stage.width, "height": stage.height}
    if settings["model"] is None and manifest.backend is not None:
        settings["model"] = manifest.backend.model
    return settings


def _base_config(settings: JsonObject, output: Output) -> JsonObject:
    size = {
        "width": settings["width"] or output.width or 0,
        "height": settings["height"] or output.height or 0,
    }
    told = {
        "model": settings["model"] or "",
        "steps": settings["steps"] or 0,
        "cfg_scale": float(settings["cfg_scale"] or 0),
        **size,
    }
    return {
        **told,
        "stage": settings["stage"],
        "prompt": settings["prompt"] or "",
        "negative_prompt": settings["negative_prompt"] or "",
        settings["stage"]: {
            **told,
            "sampler_name": settings["sampler"] or "",
            "scheduler": settings["scheduler"] or "",
        },
    }


def _metadata(settings: JsonObject, output: Output, path: str) -> JsonObject:
    return {
        "stage": settings["stage"],
        "prompt": settings["prompt"] or "",
        "image_path": path,
        "seed": -1 if output.seed_actual is None else output.seed_actual,
        "tags": "",
        "user_notes": "",
    }


def _spool_facts(spool_id: str, job: Job, manifest: Manifest, output: Output) -> JsonObject:
    facts = {
        "job_id": manifest.job_id,
        "worker_id": manifest.worker,
        "spool_id": spool_id,
        "spool_job": manifest.name,
        "spool_group": manifest.group,
        "spool_attempt": manifest.attempt,
        "spool_adopted_from": manifest.adopted_from,
        "spool_worker": manifest.worker,
        "spool_image_index": output.image_index,
        "spool_image_sha256": output.sha256,
        "spool_seed_requested": output.seed_requested,
        "spool_model_reported": manifest.backend.model if manifest.backend else None,
        "spool_derived_from": _derived_from(job),
    }
    return {key: value for key, value in facts.items() if value is not None}


def _derived_from(job: Job) -> str | None:
    """The image that this job was derived from, as people name one; whatever else a submitter left under that key tells nothing."""
    told = job.metadata.get("derived_from")
    told = told if isinstance(told, dict) else {}
    name, index = told.get("job"), told.get("image_index")
    known = isinstance(name, str) and isinstance(index, int) and not isinstance(index, bool)
    return f"{name}:{index}" if known else None


def _output(output: Output, path: str) -> JsonObject:
    return {"path": path, "output_path": path, "stage": output.stage}


def _learning(job: Job) -> JsonObject:
    """The experiment as StableNew's readers bear it: text, and one scalar as the variant's value.

    Empty if the job belongs to no experiment. Only known keys pass: a rating, a ``record_kind`` or
    a nested value that a submitter put here would be read as a person's or break every reader.
    """
    told = job.learning
    if told is None and isinstance(job.workload, StableNewWorkload):
        told = learning_of_snapshot(job.workload.snapshot)
    name = _scalar((told or {}).get("experiment_name"))
    if told is None or name is None:
        return {}
    variable, value = _scalar(told.get("variable_under_test")), _scalar(told.get("variant_value"))
    learning: JsonObject = {
        "experiment_name": str(name),
        "experiment_description": str(_scalar(told.get("experiment_description")) or ""),
        "variable_under_test": "" if variable is None else str(variable),
        "variant_value": value,
        "learning_context": {
            "experiment_id": str(_scalar(told.get("experiment_id")) or name),
            "variant_id": "" if value is None else str(value),
            "variant_name": f"{variable}={value}",
        },
    }
    stage = _scalar(told.get("stage"))
    return learning | ({"stage": stage} if isinstance(stage, str) and stage else {})


def _variant_configs(learning: JsonObject) -> list[JsonObject]:
    """The tested setting by its configuration key: "CFG Scale" is ``cfg_scale``."""
    key = re.sub(r"[^a-z0-9]+", "_", learning.get("variable_under_test", "").lower()).strip("_")
    return [{key: learning["variant_value"]}] if key else []


def _scalar(value: object) -> str | int | float | bool | None:
    """*value* if it is one value; lists and mappings as JSON text, which can be compared."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, sort_keys=True)


def _pack_name(job: Job) -> str:
    """The prompt pack that the job is of; of none: the group."""
    name = (job.randomizer or {}).get("prompt_pack")
    if isinstance(job.workload, StableNewWorkload):
        name = job.workload.snapshot["normalized_job"].get("prompt_pack_name")
    return name if isinstance(name, str) and name else job.group or ""


def _text(job: Job, key: str) -> str:
    value = (job.randomizer or {}).get(key)
    return value if isinstance(value, str) else ""


def _plan_size(job: Job) -> int:
    value = (job.randomizer or {}).get("variant_total")
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 1


def _timestamp(manifest: Manifest) -> str:
    """UTC without a zone, all that StableNew parses; the day's begin if no time is known."""
    moment = manifest.ended_at or manifest.started_at
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" if moment else f"{manifest.day}T00:00:00"
