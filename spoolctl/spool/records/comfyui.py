"""The workload of one server's own kind: a ComfyUI workflow, with what is put into it and what must come out.

The workflow is ComfyUI's *API format* (in its editor: "Export (API)"), not the format that the editor itself saves. Checked here is
only what needs no server: that it is that format, and that every node that is named is there. Which nodes and models a server has is
for the backend to say.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from spoolctl.spool.records.base import JsonObject, Label, Submitted
from spoolctl.spool.records.image import PIXELS_MAX, Sampling

NODES_MAX = 2_000
SAVED_MAX = 1_000
SAID = (
    "prompt", "negative_prompt", "model", "vae", "sampler", "scheduler", "steps", "cfg_scale", "seed", "clip_skip",
)  # fmt: skip
"""Names of inputs that say what a sampling stage says: told in the image's text and to the corpus. A ``seed`` of -1
lets the worker draw one, and the manifest tells it."""

NodeId = Annotated[str, Field(min_length=1, max_length=100)]


class WorkflowInput(Submitted):
    """One place in the workflow into which a value is put.

    The names in ``SAID`` mean something to the spool and must hold a value of that kind; all others are the submitter's.
    A value that belongs in several places is declared under several names.
    """

    node: NodeId
    field: Label
    """The node's own name for it, like ``text`` or ``noise_seed``."""
    value: JsonValue = None
    """What is put there; ``null`` leaves what the workflow has."""
    file: Annotated[int, Field(ge=0)] | None = None
    """Instead of a value: the index of one of the job's ``inputs``, which is uploaded and put there by its name on the server."""

    @model_validator(mode="after")
    def _one_source(self) -> "WorkflowInput":
        if self.value is not None and self.file is not None:
            msg = "has either 'value' or 'file' (one of the job's inputs), not both"
            raise ValueError(msg)
        return self


class WorkflowOutput(Submitted):
    """What one node that saves images must leave."""

    count: Annotated[int, Field(ge=1, le=SAVED_MAX)] = 1
    """Exactly so many images; fewer or more fail the attempt."""
    width: Annotated[int, Field(ge=1, le=PIXELS_MAX)] | None = None
    height: Annotated[int, Field(ge=1, le=PIXELS_MAX)] | None = None


class ComfyUIWorkload(Submitted):
    """A workflow in ComfyUI's API format, run as it is but for its declared inputs and its save nodes' ``filename_prefix``."""

    kind: Literal["comfyui"]
    workflow: Annotated[dict[str, JsonObject], Field(min_length=1, max_length=NODES_MAX)]
    """Node id to ``{class_type, inputs}``."""
    inputs: dict[Label, WorkflowInput] = {}
    outputs: Annotated[dict[str, WorkflowOutput], Field(min_length=1, max_length=100)]
    """Ids of nodes that save images. The job's images are theirs, in this order."""

    @property
    def stage(self) -> Literal["comfyui"]:
        """It is a chain of one stage, called so."""
        return "comfyui"

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of its nodes, sorted, each once."""
        return tuple(sorted({str(node["class_type"]) for node in self.workflow.values()}))

    @property
    def images(self) -> int:
        """How many images it leaves."""
        return sum(output.count for output in self.outputs.values())

    @property
    def said(self) -> Sampling:
        """What its inputs with a known name say: their own values, else those that stand in the workflow.

        Samplers and schedulers are in ComfyUI's words here, not in WebUI's.
        """
        values = {name: self._value(name) for name in SAID if name in self.inputs}
        return Sampling.model_validate({k: v for k, v in values.items() if v is not None})

    def _value(self, name: str) -> JsonValue:
        place = self.inputs[name]
        there = self.workflow[place.node]["inputs"].get(place.field)
        value = there if place.value is None else place.value
        return None if isinstance(value, list) else value  # a list is a link to another node

    @field_validator("workflow", mode="before")
    @classmethod
    def _not_the_editors(cls, value: Any) -> Any:  # noqa: ANN401 - raw input of a validator
        if isinstance(value, dict) and isinstance(value.get("nodes"), list):
            msg = "is in the editor's own format; export it there with 'Export (API)'"
            raise ValueError(msg)  # noqa: TRY004 - pydantic takes no other
        return value

    @model_validator(mode="after")
    def _is_a_workflow(self) -> "ComfyUIWorkload":
        for key, node in self.workflow.items():
            if not isinstance(node.get("class_type"), str) or not isinstance(
                node.get("inputs"), dict
            ):
                msg = f"node '{key}' needs 'class_type' (a text) and 'inputs' (a mapping)"
                raise ValueError(msg)  # noqa: TRY004 - pydantic takes no other
        for name, place in self.inputs.items():
            if place.node not in self.workflow:
                raise ValueError(f"input '{name}' names node '{place.node}', which is not there")
        for key in self.outputs:
            if key not in self.workflow:
                raise ValueError(f"output '{key}' is no node of the workflow")
        _ = self.said  # raises
        return self
