"""StableNew's LearningPlan as axes of a plan, and what each step's job tells the corpus.

Pure. Guarantees: each step has the keys that ``spoolctl.controller.learning`` carries into the corpus. The mode
``prompt_optimizer_preset_comparison`` is refused: workers send prompts as they stand.

Source of the format: StableNew2, ``src/learning/learning_plan.py``, ``variable_metadata.py`` (names of variables).
"""

import re
from collections.abc import Mapping
from typing import Any

from spoolctl.spool import BadRecord, LearningPlan, slug

_WORDS = {
    "sampler_name": "sampler", "denoise_strength": "denoising_strength", "upscale_factor": "factor",
    "upscaling_resize": "factor", "images_per_prompt": "count", "base_model": "model",
    "adetailer_model": "detector", "adetailer_confidence": "confidence", "adetailer_denoise": "denoising_strength",
    "adetailer_steps": "steps", "adetailer_cfg": "cfg_scale", "adetailer_sampler": "sampler",
    "adetailer_mask_feather": "mask_blur",
}  # fmt: skip
"""StableNew's words for a stage's fields, where ours are others."""


def axes_of(plan: LearningPlan) -> dict[str, tuple[Any, ...]]:
    """What is tried, by its path in the base.

    Raises:
        BadRecord: The plan's mode and its variables do not fit together.
    """
    if plan.mode == "multi_variable_experiment" and plan.variables:
        found = {path_of(plan.stage, name): values for name, values in plan.variables.items()}
        if len(found) < len(plan.variables):
            raise BadRecord(
                "two of 'learning.variables' are the same field",
                hint=f"they mean {', '.join(found)}",
                field="learning.variables",
            )
        return found
    if plan.variables:
        raise BadRecord(
            f"'learning.variables' is for another mode than '{plan.mode}'",
            hint="a single_variable_sweep has 'target_variable' and 'sweep_values'",
            field="learning.variables",
        )
    if plan.target_variable is None or not plan.sweep_values:
        raise BadRecord(
            "the learning plan tries nothing",
            hint="give 'target_variable' and 'sweep_values', or 'variables' for several",
            field="learning.target_variable",
        )
    return {path_of(plan.stage, plan.target_variable): plan.sweep_values}


def path_of(stage: str, variable: str) -> str:
    """The path that a variable of StableNew's means; a path stays as it is.

    Raises:
        BadRecord: It is none that a job has.
    """
    if "." in variable:
        return variable
    word = re.sub(r"[^a-z0-9]+", "_", variable.lower()).strip("_")
    if word == "lora_strength":
        raise BadRecord(
            "'learning': the strength of a LoRA is no field of a stage, it stands in the prompt",
            hint="vary it as a prompt: 'variables: {prompt: [a fox <lora:x:0.5>, a fox <lora:x:0.8>]}'",
            field="learning.target_variable",
        )
    field = _WORDS.get(word, word)
    if field == "factor":
        return "upscale.factor"
    # StableNew's txt2img has one denoising strength, that of its second pass.
    return (
        "txt2img.hires.denoising_strength"
        if (stage, field) == ("txt2img", "denoising_strength")
        else f"{stage}.{field}"
    )


def experiment_of(plan: LearningPlan, *, name: str, digest: str) -> dict[str, Any]:
    """What all steps of the experiment tell.

    Args:
        plan: The learning plan.
        name: The plan's own name, where the experiment has none.
        digest: The plan's digest, from which an id is made where there is none.
    """
    said = plan.metadata
    called = said.get("experiment_name") or said.get("name") or name
    told = {
        "experiment_name": str(called),
        "experiment_id": str(
            said.get("experiment_id") or f"{slug(str(called)) or 'plan'}-{digest[:8]}"
        ),
        "experiment_description": str(said.get("experiment_description") or ""),
        "mode": plan.mode,
        "stage": plan.stage,
        "variable_under_test": plan.target_variable or ", ".join(plan.variables),
    }
    return {key: value for key, value in told.items() if value != ""}


def value_of(plan: LearningPlan, values: Mapping[str, Any]) -> object:
    """The variant's value: of one variable its own, of several a text that tells them all."""
    if len(values) == 1:
        return next(iter(values.values()))
    names = list(plan.variables)
    return ", ".join(f"{name}={one}" for name, one in zip(names, values.values(), strict=True))
