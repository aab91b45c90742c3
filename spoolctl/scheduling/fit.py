"""Does a job fit a worker, and if not, why: every reason, with its numbers.

Pure. What a worker does not know of itself (its memory, its models) counts as not there only where a job asks for it. A model is
matched by its digest first, under whatever name it lies there, and by its name where no digest is asked for or known.
"""

from collections.abc import Iterable

from spoolctl.scheduling.model_names import plain_name, short_hash_said
from spoolctl.scheduling.work import loras_said, models_said
from spoolctl.spool import Job, Manifest, Node, Stage, Upscale, stages_of


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
    reasons.extend(_models(job, stages, node))
    reasons.extend(_named("LoRA", loras_said(stages), node.loras))
    upscalers = (s.upscaler for s in stages if isinstance(s, Upscale))
    reasons.extend(_named("upscaler", upscalers, node.upscalers))
    return tuple(dict.fromkeys(reasons))


def impossible(job: Job, nodes: Iterable[Node]) -> dict[str, tuple[str, ...]] | None:
    """Why no known worker can ever run *job*, by worker; ``None`` if one can, or if none is known at all.

    Raises:
        BadRecord: The job's chain of stages cannot be read.
    """
    reasons = {node.worker: misfits(job, node) for node in nodes}
    return reasons if reasons and all(reasons.values()) else None


def lacking_gb(job: Job, node: Node, previous: Manifest | None = None) -> float | None:
    """How much more memory the card would need, in GB; ``None`` if it is not short of any, or if nobody knows what it has."""
    has = node.vram_gb
    if has is None:
        return None
    above = previous.vram_gb_above if previous is not None and not previous.final else None
    short = max(job.requires.vram_gb - has, 0.0 if above is None else above - has)
    is_short = short > 0 or (above is not None and has <= above)
    return short if is_short else None


def _memory(vram_gb: float, node: Node, previous: Manifest | None) -> Iterable[str]:
    has = "unknown" if node.vram_gb is None else f"{node.vram_gb:g}"
    if vram_gb > 0 and (node.vram_gb is None or node.vram_gb < vram_gb):
        yield f"{has} of {vram_gb:g} GB"
    above = previous.vram_gb_above if previous is not None and not previous.final else None
    if above is not None and (node.vram_gb is None or node.vram_gb <= above):
        yield f"{has} GB, and it ran out of memory with {above:g} GB"


def _named(what: str, asked: Iterable[str], has: tuple[str, ...] | None) -> Iterable[str]:
    """What a worker's backend does not tell of is asked of nobody: it is found out when the job runs there."""
    if has is not None:
        here = {plain_name(name) for name in has}
        yield from (f"{what} {name} missing" for name in asked if plain_name(name) not in here)


def digests_required(job: Job) -> dict[str, str]:
    """The SHA-256 that the job requires of a model, by its plain name; its stages that say the name mean that one."""
    needs = reversed(job.requires.models)  # the first of two of one name counts
    return {plain_name(need.name): need.sha256 for need in needs if need.sha256}


def _models(job: Job, stages: Iterable[Stage], node: Node) -> Iterable[str]:
    if node.models is None:
        return
    checkpoints = [(model.name, model.sha256) for model in node.models]
    if job.requires.models:
        every = [*checkpoints, *_others(node)]
        for need in job.requires.models:
            yield from _model(need.name, need.sha256, every)
    digests = digests_required(job)
    for name in models_said(stages):
        yield from _model(name, digests.get(plain_name(name)), checkpoints)


def _others(node: Node) -> Iterable[tuple[str, str | None]]:
    for kind in ("loras", "vaes", "embeddings", "upscalers"):
        digests = (node.digests or {}).get(kind, {})
        for name in getattr(node, kind) or ():
            yield name, digests.get(name)


def _model(name: str, sha256: str | None, have: list[tuple[str, str | None]]) -> Iterable[str]:
    if sha256 and any(digest == sha256 for _, digest in have):
        return
    same_name = [digest for here, digest in have if plain_name(here) == plain_name(name)]
    wanted = sha256 or short_hash_said(name) or ""
    if not same_name:
        yield f"model {name} missing"
    elif not any(digest is None or digest.startswith(wanted) for digest in same_name):
        yield f"model {name} has other contents (SHA-256 {same_name[0]} here)"
