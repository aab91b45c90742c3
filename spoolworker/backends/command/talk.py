"""What a program says on its standard output, line by line. Pure.

A line that is a JSON object with one of the contract's keys is for the worker; every other line is for the log.
"""

import json
from collections import deque
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError

_KEYS = frozenset(("progress", "message", "output", "model", "version"))
_LOG_CHARS_MAX = 64_000

StageName = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
Label = Annotated[str, Field(min_length=1, max_length=200)]


class Said(BaseModel):
    """One line of the contract; keys that it does not know are left alone."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False, extra="ignore")

    progress: Annotated[float, Field(ge=0, le=1)] | None = None
    """Of the whole job."""
    stage: StageName | None = None
    message: str | None = None
    output: Annotated[str, Field(min_length=1)] | None = None
    """A file in the outputs folder, whole by now."""
    index: Annotated[int, Field(ge=0, le=999_999)] | None = None
    """Which image or text it is, from 0; left out: the next of its stage."""
    final: bool = True
    """False for what is only on the way to another stage."""
    seed: int | None = None
    model: Label | None = None
    """What was really used, for the manifest."""
    version: Label | None = None


def read_line(line: str) -> Said | None:
    """What a line says to the worker; ``None`` if it is for the log.

    Raises:
        BackendError: ``backend_rejected``: it names an output, but not as the contract has it.
    """
    if not line.startswith("{"):
        return None
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not _KEYS & told.keys():
        return None
    try:
        return Said.model_validate(told)
    except ValidationError as error:
        if "output" not in told:
            return None
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"the program told of an output with a wrong '{where}': {first['msg']}"
        raise BackendError(Code.BACKEND_REJECTED, message) from None


class Tail:
    """The last lines that a program said."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._chars = 0

    def add(self, line: str) -> None:
        """Add one line, without its end."""
        self._lines.append(line)
        self._chars += len(line) + 1
        while self._chars > _LOG_CHARS_MAX and len(self._lines) > 1:
            self._chars -= len(self._lines.popleft()) + 1

    @property
    def text(self) -> str:
        """All of them."""
        return "".join(f"{line}\n" for line in self._lines)
