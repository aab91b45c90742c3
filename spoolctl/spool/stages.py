"""Which stages a job asks for, whatever its kind of workload: one neutral chain for every backend.

Pure. Backends, the corpus and the command line all read a job through ``stages_of`` and never look into a workload.
"""

from spoolctl.spool.records import (
    ComfyUIWorkload,
    CommandWorkload,
    ImageWorkload,
    Job,
    OwnChain,
    Stage,
    TextWorkload,
    Txt2Img,
)
from spoolctl.spool.stablenew import stages_of_snapshot


def stages_of(job: Job) -> tuple[Stage, ...]:
    """The job's enabled stages, in the order in which they run; at least one.

    Raises:
        BadRecord: A StableNew snapshot without a prompt, a chain, or with a stage that no image backend has.
    """
    if isinstance(job.workload, ImageWorkload):
        return job.workload.stages
    if isinstance(job.workload, OwnChain):
        return (job.workload,)
    return stages_of_snapshot(job.workload.snapshot, job.workload.dropped)


def images_asked(job: Job, *, inputs: int) -> int:
    """How many images (or texts) the job leaves if it succeeds; *inputs* is how many files feed its first stage."""
    first = stages_of(job)[0]
    if isinstance(first, ComfyUIWorkload):
        return first.images
    if isinstance(first, TextWorkload):
        return first.texts(inputs)
    if isinstance(first, CommandWorkload):
        return first.count
    return first.count if isinstance(first, Txt2Img) else inputs


def needs_inputs(job: Job) -> bool:
    """True if the chain begins with a stage that changes images rather than making them."""
    first = stages_of(job)[0]
    if isinstance(first, ComfyUIWorkload):
        return any(place.file is not None for place in first.inputs.values())
    return not isinstance(first, Txt2Img | TextWorkload | CommandWorkload)


def counts_inputs(job: Job) -> bool:
    """True if what the job leaves depends on how many files feed it."""
    return isinstance(job.workload, TextWorkload) or needs_inputs(job)
