"""What was derived, on one line of English. Pure."""

from collections.abc import Sequence

from spoolctl.spool import (
    ComfyUIWorkload,
    Job,
    Output,
    Sampling,
    Txt2Img,
    Upscale,
    images_asked,
    stages_of,
)


def summary_of(jobs: Sequence[Job], image: Output) -> str:
    """Like ``4 txt2img jobs, 832x1216, seeds 42 to 45``.

    Args:
        jobs: As they were derived; they differ in their seeds only.
        image: What they were derived from.
    """
    stages = stages_of(jobs[0])
    chain = " > ".join(one.stage for one in stages)
    parts = [f"{len(jobs)} {chain} {'job' if len(jobs) == 1 else 'jobs'}"]
    each = images_asked(jobs[0], inputs=len(jobs[0].inputs))
    if each > 1:
        parts.append(f"{each} images each")
    first = stages[0]
    if isinstance(first, Txt2Img):
        again = f" times {first.hires.scale:g} in a second pass" if first.hires else ""
        parts.append(f"{first.width}x{first.height}{again}")
    elif isinstance(first, Upscale):
        size = f"{image.width}x{image.height} " if image.width and image.height else ""
        parts.append(f"{size}times {first.factor:g} by {first.upscaler}")
    seeds = [seed for seed in map(_seed_of, jobs) if seed is not None]
    if seeds:
        parts.append(_told(seeds))
    return ", ".join(parts)


def _seed_of(job: Job) -> int | None:
    first, *_ = stages_of(job)
    if isinstance(first, ComfyUIWorkload):
        return first.said.seed
    sampling = (one.seed for one in stages_of(job) if isinstance(one, Sampling))
    return next((seed for seed in sampling if seed is not None), None)


def _told(seeds: list[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if seeds == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {', '.join(map(str, seeds))}"
