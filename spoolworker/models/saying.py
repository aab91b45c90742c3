"""A job's stages in the words of the node that runs them. Pure.

A model that a job names with its digest may lie on this node under another name, and only that one means anything to this node's server.
"""

from collections.abc import Callable, Sequence

from spoolctl.scheduling.fit import digests_required
from spoolctl.scheduling.model_names import plain_name, short_hash_said
from spoolctl.spool import (
    ComfyUIWorkload,
    Job,
    ModelHere,
    Node,
    Sampling,
    Stage,
    TextWorkload,
    Txt2Img,
    stages_of,
)


def stages_here(job: Job, node: Node | None) -> tuple[Stage, ...]:
    """The job's stages, each model said as *node* calls it.

    A name is replaced where the job requires it with a digest, or says WebUI's short hash behind it, and a model of that digest is here;
    all other names stay as they are, and so does the record.

    Args:
        job: The record.
        node: The worker's card; ``None``, or one that tells no models: nothing is replaced.

    Raises:
        BadRecord: As ``stages_of``.
    """
    stages = stages_of(job)
    if node is None or not node.models:
        return stages
    digests, models = digests_required(job), node.models

    def local(name: str) -> str:
        return _called(name, digests.get(plain_name(name)), models)

    return tuple(_said(stage, local) for stage in stages)


def _called(name: str, digest: str | None, models: Sequence[ModelHere]) -> str:
    """Of several that will do the one whose name is nearest."""
    short = short_hash_said(name)
    if digest is not None:
        found = [one.name for one in models if one.sha256 == digest]
    elif short is not None:
        # Ten digits prove less than a name and ten digits.
        same = [one for one in models if plain_name(one.name) == plain_name(name)]
        found = [one.name for one in same if one.sha256 and one.sha256.startswith(short)]
    else:
        found = []
    wanted = plain_name(name)
    return min(found, key=lambda one: (one != name, plain_name(one) != wanted), default=name)


def _said(stage: Stage, local: Callable[[str], str]) -> Stage:
    if isinstance(stage, ComfyUIWorkload):
        return _said_in_workflow(stage, local)
    new: dict[str, object] = {}
    if isinstance(stage, Sampling | TextWorkload) and stage.model is not None:
        new["model"] = local(stage.model)
    if isinstance(stage, Txt2Img) and stage.refiner is not None:
        refiner = stage.refiner
        new["refiner"] = refiner.model_copy(update={"model": local(refiner.model)})
    return stage.model_copy(update=new)


def _said_in_workflow(stage: ComfyUIWorkload, local: Callable[[str], str]) -> ComfyUIWorkload:
    """Only what is declared as the input ``model``: what else stands in a workflow is its author's."""
    said = stage.said.model
    if said is None:
        return stage
    place = stage.inputs["model"].model_copy(update={"value": local(said)})
    return stage.model_copy(update={"inputs": {**stage.inputs, "model": place}})
