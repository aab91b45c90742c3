"""A learning run's result in StableNew's shape. Pure.

Source of the format: StableNew2, ``src/learning/learning_plan.py``: ``LearningPlan``, ``LearningRunStep``, ``LearningRunResult``.
"""

from collections.abc import Iterable
from typing import Any

from spoolctl.spool import GroupJob

JsonObject = dict[str, Any]


def learning_run(jobs: Iterable[GroupJob], plan: JsonObject) -> JsonObject | None:
    """``LearningRunResult``: the plan, a step for each value that was tried, an artifact for each image, and a summary.

    Args:
        jobs: Of one group, in the order of their plan.
        plan: What the group's definition says; its ``learning_plan`` is the plan as it was submitted; one that an older version
            wrote has none, and the plan is told as far as images do.

    Returns:
        ``None`` if no image belongs to an experiment.
    """
    jobs = list(jobs)
    images = [(job, image) for job in jobs for image in job.images if image.experiment]
    if not images:
        return None
    first = images[0][1]
    steps: dict[str, JsonObject] = {}
    artifacts = []
    for job, image in images:
        step = steps.setdefault(
            f"{image.variable}={image.value}",
            {"index": len(steps), "variable": image.variable, "value": image.value, "images": 0, "jobs": []},
        )  # fmt: skip
        step["images"] += 1
        if job.name not in step["jobs"]:
            step["jobs"].append(job.name)
        artifacts.append(
            {
                "step_index": step["index"], "path": image.path, "job": job.name, "image_index": image.image_index,
                "seed": image.seed, "variable": image.variable, "value": image.value,
            }
        )  # fmt: skip
    told = plan.get("learning_plan")
    values = [one["value"] for one in steps.values()]
    return {
        "plan": told
        if isinstance(told, dict)
        else {"target_variable": first.variable, "sweep_values": values},
        "experiment_name": first.experiment,
        "steps": list(steps.values()),
        "artifacts": artifacts,
        "summary": {
            "steps": len(steps),
            "images": len(artifacts),
            "jobs": len(jobs),
            "failed": [job.name for job in jobs if job.state == "failed"],
        },
    }
