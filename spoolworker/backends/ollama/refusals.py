"""What Ollama's refusals mean. Pure.

Its errors are ``{"error": "<text>"}``: with a status, or, once the answer has begun with 200, as the last line of the stream. The words for
"no memory" are those by which the server itself knows them (``llm/status.go``).
"""

import json

from spoolctl.spool import Code

_NO_CARD_MEMORY = (
    "out of memory", "out of device memory", "cudamalloc failed", "hipmalloc failed", "failed to allocate", "allocation failed",
    "not enough memory", "insufficient memory", "vk_error_out_of_device_memory", "erroroutofmemory",
)  # fmt: skip
_NO_HOST_MEMORY = "more system memory"
_NOT_FOUND, _CLIENT, _SERVER, _BUSY, _UNAUTHORISED = 404, 400, 500, 503, (401, 403)


def error_of(body: str) -> str | None:
    """The text of an error as Ollama says it; ``None`` if this is none of its errors."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    text = told.get("error") if isinstance(told, dict) else None
    return text if isinstance(text, str) else None


def code_of(status: int, text: str | None) -> Code:
    """The code for a refusal; *text* as ``error_of`` found it."""
    words = (text or "").lower()
    if status in _UNAUTHORISED:
        return Code.BACKEND_UNAUTHORISED
    if text is not None and status == _NOT_FOUND:
        return Code.MODEL_MISSING
    if status == _BUSY:
        return Code.BACKEND_UNREACHABLE  # its queue is full: an hour later it need not be
    if _NO_HOST_MEMORY in words:
        return Code.OUT_OF_HOST_MEMORY
    if any(sign in words for sign in _NO_CARD_MEMORY):
        return Code.OUT_OF_MEMORY
    return Code.BACKEND_REJECTED
