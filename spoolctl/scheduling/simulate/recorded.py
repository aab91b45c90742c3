"""What the records of a simulated farm say: cards of workers, and jobs of one stage.

Pure. Not validated here: traces are sound by themselves, and of what a person describes the reader tells what is wrong.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from spoolctl.scheduling.simulate.farm import Model
from spoolctl.spool import JOB_SCHEMA, NODE_SCHEMA, JobClass

_GB = 1 << 30
_BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def card(name: str, models: Iterable[Model], **has: Any) -> dict[str, Any]:  # noqa: ANN401 - further fields of a card
    """The card of a worker that has *models*."""
    return {
        "schema": NODE_SCHEMA, "worker": name, "session": f"{name}-s1", "machine": name, "protocol": 1, "version": "1",
        "backend": "webui", "stages": ("txt2img",), "started_at": _BEGUN,
        "models": tuple({"name": one.name, "bytes": int(one.gb * _GB)} for one in models), **has,
    }  # fmt: skip


def image_job(
    job_class: JobClass,
    model: str,
    size: tuple[int, int, int],
    count: int,
    vram_gb: float,
    **says: Any,  # noqa: ANN401 - further fields of a job
) -> dict[str, Any]:
    """A job of one stage; *size* is its width, height and steps."""
    width, height, steps = size
    stage = {
        "stage": "txt2img", "prompt": "a lighthouse", "model": model, "width": width, "height": height, "steps": steps,
        "count": count,
    }  # fmt: skip
    return {
        "schema": JOB_SCHEMA, "class": job_class, "requires": {"vram_gb": vram_gb},
        "workload": {"kind": "image", "stages": (stage,)}, **says,
    }  # fmt: skip
