"""Does a job fit a worker, and if not, why: every reason, with its numbers.

Pure. What a worker does not know of itself (its memory, its models) counts as not there only where a job asks for it.
"""

import re
from collections.abc import Iterable

from spoolctl.spool import (
    ComfyUIWorkload,
    Job,
    Manifest,
    Node,
    Sampling,
    Stage,
    TextWorkload,
    Upscale,
    stages_of,
)

_LORA = re.compile(r"<lora:([^:<>]+)[:>]", re.IGNORECASE)
_HASH = re.compile(r" \[[0-9a-f]{8,64}\]\Z")
_SUFFIX = re.compile(r"\.(safetensors|ckpt|pt|pth|sft|gguf)\Z", re.IGNORECASE)


def misfits(job: Job, node: Node, previous: Manifest | None = None) -> tuple[str, ...]:
    """Why *job* cannot run on *node*; empty if it can.

    Args:
        job: The record.
        node: The worker's card.
        previous: The verdict on the job's last attempt; after running out of memory it asks for a bigger card.

    Raises:
        BadRecord: The job's chain of stages cannot be read.
    """
    needs = job.requires
    reasons = [*_memory(needs.vram_gb, node, previous)]
    if needs.backends and node.backend not in needs.backends:
        reasons.append(f"backend is {node.backend}, wanted {' or '.join(needs.backends)}")
    stages = stages_of(job)
    wanted = dict.fromkeys((*(stage.stage for stage in stages), *needs.stages))
    reasons.extend(f"stage {stage} missing" for stage in wanted if stage not in node.stages)
    reasons.extend(f"tag {tag} missing" for tag in needs.tags if tag not in node.tags)
    asked = [(need.name, need.sha256) for need in needs.models]
    words = [s.said if isinstance(s, ComfyUIWorkload) else s for s in stages]
    asked += [(s.model, None) for s in words if isinstance(s, Sampling | TextWorkload) and s.model]
    reasons.extend(_models(asked, node))
    reasons.extend(_named("LoRA", _loras(stages), node.loras))
    upscalers = (s.upscaler for s in stages if isinstance(s, Upscale))
    reasons.extend(_named("upscaler", upscalers, node.upscalers))
    return tuple(dict.fromkeys(reasons))


def _memory(vram_gb: float, node: Node, previous: Manifest | None) -> Iterable[str]:
    has = "unknown" if node.vram_gb is None else f"{node.vram_gb:g}"
    if vram_gb > 0 and (node.vram_gb is None or node.vram_gb < vram_gb):
        yield f"{has} of {vram_gb:g} GB"
    above = previous.vram_gb_above if previous is not None and not previous.final else None
    if above is not None and (node.vram_gb is None or node.vram_gb <= above):
        yield f"{has} GB, and it ran out of memory with {above:g} GB"


def _loras(stages: Iterable[Stage]) -> Iterable[str]:
    for stage in stages:
        if isinstance(stage, Sampling):
            for prompt in (stage.prompt, stage.negative_prompt):
                yield from _LORA.findall(prompt or "")


def _named(what: str, asked: Iterable[str], has: tuple[str, ...] | None) -> Iterable[str]:
    """What a worker's backend does not tell of is asked of nobody: it is found out when the job runs there."""
    if has is not None:
        here = {_plain(name) for name in has}
        yield from (f"{what} {name} missing" for name in asked if _plain(name) not in here)


def _plain(model: str) -> str:
    """A model's name as people and servers write it: with its file's suffix or folder, or WebUI's short hash, or without."""
    name = _HASH.sub("", model).replace("\\", "/").rpartition("/")[2]
    return _SUFFIX.sub("", name).casefold()


def _models(asked: list[tuple[str, str | None]], node: Node) -> Iterable[str]:
    if node.models is None:
        return
    for name, sha256 in asked:
        same_name = [model for model in node.models if _plain(model.name) == _plain(name)]
        if not same_name:
            yield f"model {name} missing"
        elif sha256 and all(model.sha256 not in (None, sha256) for model in same_name):
            yield f"model {name} has other contents (SHA-256 {same_name[0].sha256} here)"
