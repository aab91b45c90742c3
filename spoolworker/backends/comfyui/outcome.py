"""What ComfyUI says of a prompt, as a code or as the files that it saved.

Pure. Guarantees: only a prompt that says *success* in every place where the server says it, and whose promised nodes left exactly as many
files as promised, under the prefix of this attempt, is a success.

Source: ComfyUI 0.3.64, ``server.py`` and ``execution.py``, and what its servers answered.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError
from spoolworker.backends.comfyui.graph import Nodes

_GPU_MEMORY = re.compile(r"OutOfMemory", re.IGNORECASE)
_GPU_MEMORY_SAID = re.compile(
    r"out of memory|allocation on device|CUBLAS_STATUS_ALLOC_FAILED", re.IGNORECASE
)
_HOST_MEMORY = re.compile(
    r"can't allocate memory|DefaultCPUAllocator|alloc_cpu|bad_alloc|paging file", re.IGNORECASE
)
_CONTEXT_GONE = re.compile(
    r"CUDA error|cuDNN error|CUDNN_STATUS|device-side assert|HIP error", re.IGNORECASE
)
_LOADER = re.compile(r"Loader")
_LOG_CHARS_MAX = 6_000


@dataclass(frozen=True)
class Saved:
    """One file on the server."""

    filename: str
    subfolder: str
    type: str


class ContextGone(BackendError):
    """The server's process cannot use its card any more, until it is started anew."""

    prompt_id = ""
    """The prompt that it happened to."""


class SomebodyStopped(BackendError):
    """Somebody else interrupted the prompt."""


def prefix_problem(saved: Saved, prefix: str) -> str | None:
    """Why a file is not one that was saved under *prefix* (``folder/name``); ``None`` if it is."""
    folder, _, name = prefix.rpartition("/")
    there = saved.subfolder.replace("\\", "/").strip("/")
    if there != folder or not saved.filename.startswith(f"{name}_"):
        return (
            f"'{there}/{saved.filename}' was saved by another run; this one's begin with '{prefix}'"
        )
    return None


def files_of(
    entry: Mapping[str, Any], promised: Mapping[str, int], prefixes: Mapping[str, str]
) -> dict[str, tuple[Saved, ...]]:
    """The files that a prompt saved, node by node.

    Args:
        entry: The prompt's entry in the history.
        promised: Node id to how many images it must leave.
        prefixes: Node id to the ``filename_prefix`` that it was given.

    Raises:
        BackendError: The prompt failed, or did not leave what was promised.
    """
    _refuse_failed(entry)
    outputs = _mapping(entry.get("outputs"))
    found = {}
    for node, count in promised.items():
        images = _mapping(outputs.get(node)).get("images") or []
        saved = tuple(_saved(one) for one in images if isinstance(one, dict))
        if len(saved) != count:
            message = f"node '{node}' left {len(saved)} images, and {count} were promised"
            raise BackendError(Code.OUTPUT_INCOMPLETE, message)
        for one in saved:
            problem = prefix_problem(one, prefixes[node]) if node in prefixes else None
            if problem is not None:
                raise BackendError(Code.OUTPUT_INCOMPLETE, problem)
        found[node] = saved
    return found


def refuse_other_models(entry: Mapping[str, Any], nodes: Nodes) -> None:
    """Compare the workflow that ran with the one that was sent: extensions of a server may rewrite it.

    Raises:
        BackendError: ``model_switched_wrongly``: a node loaded another file.
    """
    ran = entry.get("prompt")
    graph = _mapping(ran[2]) if isinstance(ran, list) and len(ran) > 2 else {}  # noqa: PLR2004
    for key, node in nodes.items():
        there = _mapping(_mapping(graph.get(key)).get("inputs"))
        for field, value in node["inputs"].items():
            if field.endswith("_name") and isinstance(value, str) and there.get(field) != value:
                message = f"node '{key}' ran with {field} {there.get(field)!r}, not {value!r}"
                raise BackendError(Code.MODEL_SWITCHED_WRONGLY, message)


def refusal(status: int, body: object, text: str) -> BackendError:
    """What an answer to ``POST /prompt`` means that is not a plain success: another status, or ``node_errors``."""
    told = _mapping(body)
    nodes = _mapping(told.get("node_errors"))
    errors = [
        (str(_mapping(about).get("class_type")), node, _mapping(error))
        for node, about in nodes.items()
        for error in _mapping(about).get("errors") or ()
    ]
    lines = [
        f"{class_type} {node}: {error.get('message')}: {error.get('details')}"
        for class_type, node, error in errors
    ]
    first = _mapping(told.get("error"))
    said = lines[0] if lines else str(first.get("message") or f"answer {status}")
    missing = [
        error for class_type, _, error in errors
        if error.get("type") == "value_not_in_list" and _LOADER.search(class_type)
    ]  # fmt: skip
    code = Code.MODEL_MISSING if missing and len(missing) == len(errors) else Code.BACKEND_REJECTED
    log = "".join(f"comfyui: {line}\n" for line in lines) or text[:_LOG_CHARS_MAX]
    return BackendError(code, f"comfyui refuses the workflow: {said}", log_tail=log)


def _refuse_failed(entry: Mapping[str, Any]) -> None:
    status, messages = _mapping(entry.get("status")), _messages(entry)
    if "execution_error" in messages:
        raise _failure(messages["execution_error"])
    if "execution_interrupted" in messages:
        raise SomebodyStopped(
            Code.BACKEND_UNREACHABLE, "somebody else interrupted the work on the server"
        )
    succeeded = (
        status.get("status_str") == "success"
        and status.get("completed") is True
        and "execution_success" in messages
    )
    if not succeeded:
        message = "comfyui says neither that the work succeeded nor why it did not"
        said = json.dumps(status, default=str)[:_LOG_CHARS_MAX]
        raise BackendError(Code.BACKEND_REJECTED, message, log_tail=said)


def _failure(said: Mapping[str, Any]) -> BackendError:
    kind, text = str(said.get("exception_type")), str(said.get("exception_message")).strip()
    where = f"node '{said.get('node_id')}' ({said.get('node_type')})"
    trace = said.get("traceback")
    lines = "".join(str(line) for line in trace) if isinstance(trace, list) else str(trace or "")
    log = f"{where}: {kind}: {text}\n{lines}"[-_LOG_CHARS_MAX:]
    message = f"{where} failed: {kind}: {text}".splitlines()[0]
    if _HOST_MEMORY.search(text) or kind == "MemoryError":
        return BackendError(Code.OUT_OF_HOST_MEMORY, message, log_tail=log)
    if _GPU_MEMORY.search(kind) or _GPU_MEMORY_SAID.search(text):
        return BackendError(Code.OUT_OF_MEMORY, message, log_tail=log)
    if _CONTEXT_GONE.search(text):
        return ContextGone(Code.BACKEND_DIED, message, log_tail=log)
    if _LOADER.search(str(said.get("node_type"))):
        return BackendError(Code.MODEL_MISSING, f"{message} (a damaged file?)", log_tail=log)
    return BackendError(Code.BACKEND_REJECTED, message, log_tail=log)


def _messages(entry: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Event to its data; the last of each."""
    said = _mapping(entry.get("status")).get("messages") or ()
    return {
        str(one[0]): _mapping(one[1])
        for one in said
        if isinstance(one, list) and len(one) == 2  # noqa: PLR2004 - event and data
    }


def _saved(image: Mapping[str, Any]) -> Saved:
    return Saved(*(str(image.get(key, "")) for key in ("filename", "subfolder", "type")))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
