"""The jobs that are derived from one image of a committed job. Pure.

Guarantees: the same image and wish give the same jobs; each is about this one image, whatever else its job made, and says in its
``metadata`` where it comes from (``derived_from``: job, image_index, how). A StableNew snapshot becomes the chain of stages that it
stands for (``stages_of``), because a value stands in it up to four times and a snapshot that is changed in part would be StableNew's no
longer. What is only true of the image's own job is left out: its ``job_id``, what it waited for, its times and its place in an
experiment or a plan, so that no learning run counts an image which nobody planned.

Seeds are those that the verdict tells, never the -1 of a record: image i of a chain has its stage's seed + i.

 - **Variations** take seeds drawn from the image (``spool.pick/1``) that its job did not use, counting up. Not the next ones behind the
   job's own: a plan's other jobs have the same words with just those seeds, and all images of a job would give the same variations.
 - **Larger** begins with txt2img at the *same* size and seed, for the first noise decides the composition, and noise of another size gives
   another picture; a second pass (``hires``) then samples it anew, enlarged. A chain with a second pass has its scale multiplied.
 - **UpscaleOnly** takes the image as it lies there.

Does not guarantee the same pixels: servers differ a little with how many images they make at once.
"""

from collections.abc import Mapping
from typing import Any

from spoolctl.deriving.chain import Json, enlarged, pinned, sown
from spoolctl.deriving.wanted import Larger, UpscaleOnly, Variations, Wanted
from spoolctl.expansion.picks import SEED_BELOW, key_of
from spoolctl.spool import (
    JOB_SCHEMA,
    PIXELS_MAX,
    ComfyUIWorkload,
    ImageWorkload,
    Job,
    Manifest,
    Output,
    StableNewWorkload,
    StateForbids,
    Txt2Img,
    Upscale,
    UsageError,
    stages_of,
)

_WORDS_FACTS = ("prompt_pack", "prompt_pack_row_index", "matrix_slot_values", "wildcards")
"""Of the place in a plan, what is said of the words alone and stays true."""


def derived(job: Job, manifest: Manifest, image_index: int, wanted: Wanted) -> list[Json]:
    """The job records, without class and group.

    Args:
        job: The pinned record.
        manifest: Its commit.
        image_index: Which of the images, from 0.
        wanted: What is to be made of it.

    Raises:
        StateForbids: There is no such image, or its job is of a kind that this cannot be made of; the hint says what can.
        UsageError: It would become larger than any stage can make it.
        BadRecord: The job's stages cannot be read.
    """
    image = image_in(manifest, image_index)
    if isinstance(wanted, UpscaleOnly):
        return [_upscale(job, manifest, image, wanted.factor)]
    if isinstance(wanted, Larger):
        return [_larger(job, manifest, image, wanted.factor)]
    return _variations(job, manifest, image, wanted)


def image_in(manifest: Manifest, image_index: int | None) -> Output:
    """One of a commit's images; ``None`` stands for the only one.

    Raises:
        StateForbids: There is none of that number, or none at all.
        UsageError: There are several, and no number was given.
    """
    images = manifest.images
    name = manifest.name
    if not images:
        raise StateForbids(
            f"'{name}' left no image", hint="only images can be varied, enlarged or sampled anew"
        )
    if image_index is None and len(images) > 1:
        raise UsageError(
            f"'{name}' has {len(images)} images",
            hint=f"say which one, like {name}:{images[0].image_index}",
        )
    for one in images:
        if image_index in (None, one.image_index):
            return one
    raise StateForbids(
        f"'{name}' has no image {image_index}",
        hint=f"'spoolctl show {name}' lists them; the first has the number 0",
    )


def _variations(job: Job, manifest: Manifest, image: Output, wanted: Variations) -> list[Json]:
    seeds = _fresh_seeds(manifest, image, wanted)
    if isinstance(job.workload, ComfyUIWorkload):
        if "seed" not in job.workload.inputs:
            raise StateForbids(
                f"'{manifest.name}' is a workflow that does not say where its seed is",
                hint="declare it under 'inputs' (seed: {node: ..., field: ...}) and submit it anew",
            )
        base = job.workload.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        place = base["inputs"]["seed"]
        workloads = [
            base | {"inputs": base["inputs"] | {"seed": place | {"value": seed}}} for seed in seeds
        ]
        inputs = _inputs(job)
    else:
        _refuse_other_kinds(job, manifest, "varied")
        stages = stages_of(job)
        chains = [sown(stages, seed) for seed in seeds]
        if chains[0] is None:
            raise StateForbids(
                f"'{manifest.name}' only enlarged an image, without any seed to vary",
                hint=f"vary the image that it was made of{_told_inputs(job)}",
            )
        workloads = [{"kind": "image", "stages": chain} for chain in chains]
        inputs = (
            _inputs(job) if isinstance(stages[0], Txt2Img) else [_own_input(job, manifest, image)]
        )
    kept = _kept(job, "requires", "limits")
    return [
        _record(job, manifest, image, "variation", {**kept, "inputs": inputs}, one)
        for one in workloads
    ]


def _larger(job: Job, manifest: Manifest, image: Output, factor: float) -> Json:
    _refuse_other_kinds(job, manifest, "sampled anew at another size")
    stages = stages_of(job)
    if not isinstance(stages[0], Txt2Img):
        raise StateForbids(
            f"'{manifest.name}' begins with {stages[0].stage}, not with txt2img, so it has no second pass that could be larger",
            hint="enlarge the image as it is (--upscale FACTOR)",
        )
    chain = enlarged(pinned(stages, manifest, image), stages, factor)
    # Its own limits of time were meant for its own size.
    fields = {**_kept(job, "requires"), "inputs": _inputs(job)}
    return _record(job, manifest, image, "larger", fields, {"kind": "image", "stages": chain})


def _upscale(job: Job, manifest: Manifest, image: Output, factor: float) -> Json:
    side = max(image.width or 0, image.height or 0)
    if side * factor > PIXELS_MAX:
        raise UsageError(
            f"{image.width}x{image.height} times {factor:g} has more than {PIXELS_MAX} pixels a side",
            hint=f"the largest factor is {int(PIXELS_MAX / side * 100) / 100:g}",
        )
    upscaler = next((one.upscaler for one in stages_of(job) if isinstance(one, Upscale)), None)
    stage = {"stage": "upscale", "factor": factor} | ({"upscaler": upscaler} if upscaler else {})
    # What a model needs nobody needs for enlarging; where the job may run is still its submitter's to say.
    tags = list(job.requires.tags)
    fields: Json = {
        "requires": {"tags": tags} if tags else {},
        "inputs": [{"job": manifest.name, "image_index": image.image_index}],
    }
    return _record(job, manifest, image, "upscale", fields, {"kind": "image", "stages": [stage]})


def _refuse_other_kinds(job: Job, manifest: Manifest, what: str) -> None:
    if not isinstance(job.workload, ImageWorkload | StableNewWorkload):
        raise StateForbids(
            f"'{manifest.name}' is of kind '{job.workload.kind}', whose images cannot be {what} from here",
            hint="change its own record and submit it; or enlarge the image as it is (--upscale FACTOR)",
        )


def _record(  # noqa: PLR0913, PLR0917 - the parts of one record
    job: Job, manifest: Manifest, image: Output, how: str, fields: Json, workload: Json
) -> Json:
    origin = {"job": manifest.name, "image_index": image.image_index, "how": how}
    made: Json = {
        **fields,
        "randomizer": _words_facts(job),
        "metadata": {**job.metadata, "derived_from": origin},
    }
    return {
        "schema": JOB_SCHEMA,
        **{key: value for key, value in made.items() if value},
        "workload": workload,
    }


def _kept(job: Job, *fields: str) -> Json:
    kept: Json = job.model_dump(
        mode="json", by_alias=True, exclude_unset=True, exclude_none=True, include=set(fields)
    )
    return kept


def _inputs(job: Job) -> list[Json]:
    return [one.model_dump(mode="json", exclude_none=True) for one in job.inputs]


def _own_input(job: Job, manifest: Manifest, image: Output) -> Json:
    """The one input that this image was made of: the i-th, where each of the inputs is one file."""
    is_each_one = all(one.path is not None or one.image_index is not None for one in job.inputs)
    if not is_each_one or image.image_index >= len(job.inputs):
        raise StateForbids(
            f"'{manifest.name}' changed whatever images another job had, and that one does not tell them any more",
            hint=f"vary the image that it was made of{_told_inputs(job)}",
        )
    return _inputs(job)[image.image_index]


def _told_inputs(job: Job) -> str:
    names = list(dict.fromkeys(one.job for one in job.inputs if one.job))
    return f", an image of '{names[0]}'" if len(names) == 1 else ""


def _words_facts(job: Job) -> Json:
    facts: Json = {
        key: value for key, value in (job.randomizer or {}).items() if key in _WORDS_FACTS
    }
    if isinstance(job.workload, StableNewWorkload):
        told: Any = job.workload.snapshot.get("normalized_job")
        pack = told.get("prompt_pack_name") if isinstance(told, Mapping) else None
        facts |= {"prompt_pack": pack} if isinstance(pack, str) and pack else {}
    return {key: value for key, value in facts.items() if value}


def _fresh_seeds(manifest: Manifest, image: Output, wanted: Variations) -> list[int]:
    used = {one.seed_actual for one in manifest.outputs}
    place = ("variations", manifest.name, image.image_index, wanted.turn)
    seed = key_of(image.seed_actual or 0, *place) % SEED_BELOW
    found: list[int] = []
    while len(found) < wanted.count:
        if seed not in used:
            found.append(seed)
        seed = (seed + 1) % SEED_BELOW
    return found
