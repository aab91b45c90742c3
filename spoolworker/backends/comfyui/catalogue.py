"""What one ComfyUI server has: its node classes, and the files and names that their inputs may take.

Pure. Guarantees: a workflow of which ``problems`` finds none names only classes, inputs and choices that the server listed.
Does not guarantee that the server takes it: nodes check for themselves, and files may have come or gone since.

Source: ``GET /object_info`` of ComfyUI 0.3.64. A choice is ``[[...], {...}]``, of newer nodes ``["COMBO", {"options": [...]}]``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spoolctl.spool import Code, ModelHere
from spoolworker.backends.base import Abilities, BackendError
from spoolworker.backends.comfyui.graph import GRAFTS, WHOLE, Nodes, Template, is_link
from spoolworker.backends.comfyui.words import files_called, upscalers_of

_FILE_FIELD = re.compile(r"(?!sampler_)\w*_name[0-9]?\Z")
_FILE = re.compile(r"\.(safetensors|ckpt|pt|pth|bin|sft|gguf|onnx)\Z", re.IGNORECASE)
_CHOICES_TOLD = 12
_STAGES = {
    "txt2img": ("txt2img",),
    "img2img": ("img2img",),
    "adetailer": ("adetailer",),
    "upscale": ("upscale",),
}


@dataclass(frozen=True)
class Problem:
    """Why a workflow cannot run here."""

    code: Code
    text: str


class Catalogue:
    """One answer to ``/object_info``, and the embeddings.

    Args:
        info: Class name to its description.
        embeddings: Names without suffix.
    """

    def __init__(self, info: Mapping[str, Any], embeddings: tuple[str, ...] = ()) -> None:
        self._info = info
        self.embeddings = embeddings

    @property
    def classes(self) -> frozenset[str]:
        """Every node class."""
        return frozenset(self._info)

    def choices(self, class_type: str, field: str) -> tuple[str, ...] | None:
        """What an input may take; ``None`` if it is no closed choice, or the class or the input is not there."""
        spec = self._inputs(class_type).get(field)
        return _choices(spec) if spec is not None else None

    def file(self, class_type: str, field: str, name: str) -> str:
        """The server's own name for a file that a job names.

        Raises:
            BackendError: ``model_missing``: none is called so, or several are.
        """
        have = self.choices(class_type, field) or ()
        found = files_called(name, have)
        if len(found) == 1:
            return found[0]
        why = f"may be any of {_told(found)}" if found else f"is not here; {field}: {_told(have)}"
        raise BackendError(Code.MODEL_MISSING, f"model '{name}' {why}")

    def complete(self, nodes: Nodes) -> None:
        """Give required inputs that *nodes* leave out the class's own default: a custom node's next version may have more."""
        for node in nodes.values():
            for field, spec in self._inputs(node["class_type"], "required").items():
                default = _options(spec).get("default")
                if default is not None:
                    node["inputs"].setdefault(field, default)

    def problems(self, nodes: Nodes) -> tuple[Problem, ...]:
        """Everything that speaks against running *nodes* here."""
        found = [problem for key in nodes for problem in self._of_node(key, nodes)]
        return tuple(dict.fromkeys(found))

    def abilities(self, version: str | None, templates: Mapping[str, Template]) -> Abilities:
        """What a worker with this server tells of itself."""
        stages = [
            stage for stage, names in _STAGES.items()
            if all(templates[name].classes <= self.classes for name in names)
        ]  # fmt: skip
        checkpoints = self.choices("CheckpointLoaderSimple", "ckpt_name") or ()
        custom = {
            name for name, about in self._info.items()
            if str(_mapping(about).get("python_module", "")).startswith("custom_nodes.")
        }  # fmt: skip
        return Abilities(
            "comfyui",
            version,
            (*stages, "comfyui"),
            tuple(ModelHere(name=name) for name in checkpoints),
            vaes=self.choices("VAELoader", "vae_name") or (),
            loras=self.choices("LoraLoader", "lora_name") or (),
            embeddings=self.embeddings,
            upscalers=upscalers_of(self.choices("UpscaleModelLoader", "model_name") or ()),
            samplers=self.choices("KSampler", "sampler_name") or (),
            extensions=tuple(sorted(custom)),
        )

    def _inputs(self, class_type: str, *groups: str) -> dict[str, Any]:
        about = _mapping(_mapping(self._info.get(class_type)).get("input"))
        return {
            name: spec
            for group in groups or ("required", "optional")
            for name, spec in _mapping(about.get(group)).items()
        }

    def _of_node(self, key: str, nodes: Nodes) -> list[Problem]:
        class_type, inputs = nodes[key]["class_type"], nodes[key]["inputs"]
        if class_type not in self._info:
            return [Problem(Code.BACKEND_REJECTED, f"node class '{class_type}' is not here")]
        where = f"node '{key}' ({class_type})"
        found = [
            Problem(Code.BAD_JOB, f"{where} takes '{field}' of node '{value[0]}', which is not there")
            for field, value in inputs.items() if is_link(value) and value[0] not in nodes
        ]  # fmt: skip
        found += [
            Problem(Code.BACKEND_REJECTED, f"{where} needs '{field}'")
            for field in self._inputs(class_type, "required") if field not in inputs
        ]  # fmt: skip
        for field, spec in self._inputs(class_type).items():
            have, value = _choices(spec), inputs.get(field)
            if have is None or field not in inputs or is_link(value) or value in have:
                continue
            is_file = _FILE_FIELD.match(field) or (
                isinstance(value, str) and _FILE.search(value) is not None
            )
            code = Code.MODEL_MISSING if is_file else Code.BACKEND_REJECTED
            found.append(Problem(code, f"{where}: {field} {value!r} is not here: {_told(have)}"))
        return found


def refuse(problems: tuple[Problem, ...]) -> None:
    """Raise the first problem, those of the job itself first, and tell all.

    Raises:
        BackendError: With its code.
    """
    if problems:
        order = (Code.BAD_JOB, Code.BACKEND_REJECTED, Code.MODEL_MISSING)
        first = min(problems, key=lambda one: order.index(one.code))
        told = "".join(f"comfyui: {one.text}\n" for one in problems)
        raise BackendError(first.code, first.text, log_tail=told)


def template_names() -> tuple[str, ...]:
    """Every template that the neutral chain is built of."""
    return (*WHOLE, *GRAFTS)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _options(spec: object) -> Mapping[str, Any]:
    return _mapping(spec[1]) if isinstance(spec, list) and len(spec) > 1 else {}


def _choices(spec: object) -> tuple[str, ...] | None:
    """The choices of one input; ``None`` if it is open, or its list says nothing (files just uploaded, lists from elsewhere)."""
    if not isinstance(spec, list) or not spec:
        return None
    options = _options(spec)
    listed = spec[0] if isinstance(spec[0], list) else options.get("options")
    if not isinstance(listed, list) or any(
        options.get(key) for key in ("image_upload", "video_upload", "audio_upload", "remote")
    ):
        return None
    return tuple(listed)


def _told(names: tuple[str, ...]) -> str:
    shown = ", ".join(str(name) for name in names[:_CHOICES_TOLD])
    more = f" and {len(names) - _CHOICES_TOLD} more" if len(names) > _CHOICES_TOLD else ""
    return f"{shown or 'none'}{more}"
