"""A job's own workflow: its declared inputs put in, and every file that it saves put under this attempt's name.

Pure. Guarantees: nothing but the declared inputs and the save nodes' ``filename_prefix`` is changed.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

from spoolctl.spool import Code, ComfyUIWorkload
from spoolworker.backends.base import BackendError
from spoolworker.backends.chain import draw_seed
from spoolworker.backends.comfyui.graph import Nodes, is_link


@dataclass(frozen=True)
class Prepared:
    """A workflow, ready to be sent."""

    nodes: Nodes
    promised: Mapping[str, int]
    seed_requested: int | None
    seed_actual: int | None


def prepare(workload: ComfyUIWorkload, uploaded: Mapping[int, str]) -> Prepared:
    """Put the declared inputs in.

    Args:
        workload: The job's.
        uploaded: Index of the job's input to what the server calls it.

    Raises:
        BackendError: ``input_missing``.
    """
    nodes: Nodes = copy.deepcopy(workload.workflow)
    requested = workload.said.seed
    seed = draw_seed() if requested is not None and requested < 0 else requested
    for name, place in workload.inputs.items():
        inputs = nodes[place.node]["inputs"]
        if place.file is not None:
            if place.file not in uploaded:
                message = (
                    f"input '{name}' takes the job's input {place.file}, which it does not have"
                )
                raise BackendError(Code.INPUT_MISSING, message)
            inputs[place.field] = uploaded[place.file]
        elif name == "seed" and seed is not None:
            inputs[place.field] = seed
        elif place.value is not None:
            inputs[place.field] = place.value
    promised = {node: output.count for node, output in workload.outputs.items()}
    return Prepared(nodes, promised, requested, seed)


def put_prefixes(nodes: Nodes, folder: str) -> dict[str, str]:
    """Let every node that saves under a ``filename_prefix`` save into *folder*; returns node to prefix.

    It also makes each attempt's workflow another one, so that the server cannot answer with the files of an earlier run.
    """
    prefixes = {}
    for number, (key, node) in enumerate(nodes.items()):
        if "filename_prefix" in node["inputs"] and not is_link(node["inputs"]["filename_prefix"]):
            prefixes[key] = f"{folder}/{number}"
            node["inputs"]["filename_prefix"] = prefixes[key]
    return prefixes
