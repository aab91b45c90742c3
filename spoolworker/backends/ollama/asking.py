"""What Ollama is asked for: a request's JSON out of a workload. Pure.

Ollama ignores options that it does not know (its log tells, its answer does not), so they are refused here. It would also cut a prompt
that is longer than its context, from the front, where the system prompt stands; ``truncate: false`` makes that an error.
"""

import base64
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spoolctl.spool import Code, TextWorkload
from spoolworker.backends.base import BackendError

_SEEDS = 2**32
_OPTIONS = (
    "num_keep", "top_k", "top_p", "min_p", "typical_p", "repeat_last_n", "temperature", "repeat_penalty", "presence_penalty",
    "frequency_penalty", "stop", "num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict",
    # Of older servers, some of which are still about:
    "tfs_z", "mirostat", "mirostat_tau", "mirostat_eta", "penalize_newline", "numa", "low_vram", "f16_kv", "vocab_only", "use_mlock",
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """One text that is to be made."""

    index: int
    seed: int
    image: Path | None


def wanted(workload: TextWorkload, inputs: Sequence[Path], drawn: int) -> list[Wanted]:
    """Every text of a job, in order; *drawn* is its seed if it names none."""
    base = drawn if workload.seed < 0 else workload.seed
    images: list[Path | None] = [*inputs] or [None]
    return [
        Wanted(index, (base + index) % _SEEDS, image)
        for index, image in enumerate(image for image in images for _ in range(workload.count))
    ]


def refuse_unknown_options(workload: TextWorkload) -> None:
    """Refuse what the server would ignore.

    Raises:
        BackendError: ``bad_job``.
    """
    for name in workload.options:
        if name not in _OPTIONS:
            near = difflib.get_close_matches(name, _OPTIONS, n=1)
            meant = f"; did the job mean '{near[0]}'?" if near else ""
            raise BackendError(Code.BAD_JOB, f"ollama has no option '{name}'{meant}")


def request(workload: TextWorkload, one: Wanted, keep_alive: float | str | None) -> dict[str, Any]:
    """The body of ``POST /api/generate``.

    Raises:
        OSError: The image cannot be read.
    """
    options = {**workload.options, "seed": one.seed}
    if workload.num_predict is not None:
        options["num_predict"] = workload.num_predict
    said = {
        "system": workload.system,
        "format": workload.format,
        "think": workload.think,
        "keep_alive": keep_alive,
        "images": [base64.b64encode(one.image.read_bytes()).decode()] if one.image else None,
    }
    return {
        "model": workload.model,
        "prompt": workload.prompt,
        "stream": True,
        "truncate": False,
        "options": options,
        **{key: value for key, value in said.items() if value is not None},
    }
