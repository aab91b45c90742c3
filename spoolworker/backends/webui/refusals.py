"""What WebUI's and Forge's error answers mean, as codes. Pure.

Both answer a failed request in JSON, each in its own form: A1111 ``{"error", "detail", "body", "errors"}`` with the exception's text in
``errors``; Forge the same with the text in ``message``; FastAPI itself ``{"detail": ...}``. The server's words are the only thing that
tells one failure from another: a 500 is an exhausted card as well as a broken file.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError

_TAIL_CHARS_MAX = 4_000
_SHOWN_CHARS_MAX = 200
_GATEWAY = range(502, 505)
"""A proxy before the server that did not get its answer; the server may still be at work."""
_HOST_MEMORY = re.compile(
    r"can't allocate memory|DefaultCPUAllocator|not enough memory: you tried|bad allocation|^MemoryError"
    r"|paging file is too small|os error 1455",
    re.IGNORECASE,
)
_CARD_MEMORY = re.compile(
    r"OutOfMemory|out of memory|CUBLAS_STATUS_ALLOC_FAILED|Allocation on device", re.IGNORECASE
)
_MISSING = re.compile(
    r"(script|model) '.*' not found|always on script .* not found|could not find checkpoint|could not find upscaler"
    r"|^FileNotFoundError|VAE .* doesn't exist|^SafetensorError|^UnpicklingError|PytorchStreamReader",
    re.IGNORECASE,
)
_CUDA_GONE = re.compile(r"CUDA error|cuDNN|device-side assert|HIP error", re.IGNORECASE)
_OUR_PICTURE = re.compile(r"Invalid encoded image|cannot identify image", re.IGNORECASE)


def refusal(status: int, text: str, path: str) -> BackendError:
    """The error that an answer other than 200 is.

    Args:
        status: The answer's status.
        text: Its body.
        path: What was asked, for the message.
    """
    name, said = _said(text)
    whole = f"{name}: {said}" if name else said
    shown = " ".join(whole.split())[:_SHOWN_CHARS_MAX]
    code, why = _meaning(status, whole, text)
    message = f"webui answered '{path}' with {status}: {why}{f': {shown}' if shown else ''}"
    return BackendError(code, message, log_tail=whole[:_TAIL_CHARS_MAX])


def is_gateway(status: int) -> bool:
    """True if it was not the server that answered, but a proxy before it."""
    return status in _GATEWAY


def _meaning(status: int, said: str, text: str) -> tuple[Code, str]:
    kinds: tuple[tuple[re.Pattern[str], Code, str], ...] = (
        (_HOST_MEMORY, Code.OUT_OF_HOST_MEMORY, "the machine has no memory left"),
        (_CARD_MEMORY, Code.OUT_OF_MEMORY, "the card has no memory left"),
        (_MISSING, Code.MODEL_MISSING, "it does not have what the job needs"),
        (_CUDA_GONE, Code.BACKEND_REJECTED, "its card's driver gave up; restart it"),
        (_OUR_PICTURE, Code.BAD_JOB, "it cannot read the picture"),
    )
    if is_gateway(status):
        return Code.BACKEND_UNREACHABLE, "a proxy did not get its answer"
    if status == 404 and _detail(text) == "Not Found":  # noqa: PLR2004 - HTTP's own
        return Code.BACKEND_UNREACHABLE, "it has no such call; is it started with --api?"
    for pattern, code, why in kinds:
        if pattern.search(said):
            return code, why
    if 400 <= status < 500:  # noqa: PLR2004 - HTTP's own
        return Code.BAD_JOB, "it does not take the request"
    return Code.BACKEND_REJECTED, "it failed"


def _said(text: str) -> tuple[str, str]:
    """The exception's class and words."""
    body = _body(text)
    words = (body.get(key) for key in ("errors", "message", "detail"))
    said = next((word for word in words if word), "")
    if not isinstance(said, str):  # FastAPI tells a list of fields
        said = "; ".join(_field(one) for one in said) if isinstance(said, list) else str(said)
    name = body.get("error")
    return (name if isinstance(name, str) and name != "HTTPException" else ""), said


def _field(one: Any) -> str:  # noqa: ANN401 - raw JSON
    """One field that is refused, without its value, which may be a whole picture."""
    if not isinstance(one, Mapping):
        return "?"
    where = one.get("loc")
    path = ".".join(str(part) for part in where) if isinstance(where, list) else "?"
    return f"{path}: {one.get('msg')}"


def _detail(text: str) -> object:
    return _body(text).get("detail")


def _body(text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {"detail": text[:_SHOWN_CHARS_MAX]}
    return body if isinstance(body, Mapping) else {}
