"""What all records have in common: immutable, strict to write, tolerant to read.

Every record is one YAML mapping (or JSON object) whose ``schema`` key names its kind and version,
``spool.<kind>/<version>``. Values are validated as JSON in pydantic's strict mode: a number in quotes is
not a number and NaN is nothing. Records that the spool's own programs write ignore unknown keys when
read (they are a newer writer's); what people write refuses them and names the nearest known key.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from spoolctl.spool.names import FILE_NAME_BYTES_MAX, fold, is_device, is_legal, is_worker_name

RECORD_BYTES_MAX = 1 << 20
TEXT_CHARS_MAX = 20_000
LOG_TAIL_CHARS_MAX = 8_000

JsonObject = dict[str, Any]
"""Somebody else's data, carried through untouched."""

_UNFIT = re.compile(r'[\x00-\x1f\x7f<>"|?*]')
"""Characters that Windows has in no file name, and no other system should."""


def told(text: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    """*text* fit for a message: one line, at most *chars_max* characters, and always UTF-8.

    Line breaks, control characters and the stray bytes of a file name that is not UTF-8 (lone surrogates) are
    shown as escapes.
    """
    kept = text[: chars_max + 1]  # an escape is never shorter than its character
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in kept)
    return line if len(line) <= chars_max else f"{line[: chars_max - 3]}..."


def _tail(text: Any) -> Any:  # noqa: ANN401 - raw input of a validator
    return (
        text.encode(errors="backslashreplace").decode()[-LOG_TAIL_CHARS_MAX:]
        if isinstance(text, str)
        else text
    )


def _told(value: Any) -> Any:  # noqa: ANN401 - raw input of a validator
    return told(value) if isinstance(value, str) else value


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        msg = "needs a time zone, like 2026-11-20T22:00:00Z"
        raise ValueError(msg)
    try:
        moment.astimezone(UTC)
    except OverflowError:
        # 0001-01-01T00:00:00+14:00: whoever shows or merges it converts it to UTC, and would fail there
        msg = "lies before the year 1 or after the year 9999 in UTC"
        raise ValueError(msg) from None
    return moment


def _own_name(name: str) -> str:
    if not is_legal(name):
        msg = "must be a job's own name as its results folder bears it"
        raise ValueError(msg)
    return name


def _token(name: str) -> str:
    if not is_worker_name(name):
        msg = (
            "must be up to 40 of a-z, 0-9 and '-', not beginning with a dash, and no device's name"
        )
        raise ValueError(msg)
    return name


def _relative(path: str) -> str:
    if "\\" in path or ":" in path or path.startswith("/"):
        msg = (
            "must be relative to the spool, with forward slashes; "
            "attach the file at submit (spoolctl submit --attach FILE) and use the path it prints"
        )
        raise ValueError(msg)
    if any(part in ("", ".", "..") for part in path.split("/")):
        msg = "must not contain '.', '..' or empty parts"
        raise ValueError(msg)
    if _UNFIT.search(path) or any(p.endswith((".", " ")) or is_device(p) for p in path.split("/")):
        msg = (
            'must be a path on every system: no control characters or any of <>"|?*, no part that ends in '
            "a dot or a blank or is a device name of Windows (con, nul, com1, ...)"
        )
        raise ValueError(msg)
    if any(len(part.encode()) > FILE_NAME_BYTES_MAX for part in path.split("/")):
        msg = f"must not contain a part of more than {FILE_NAME_BYTES_MAX} bytes"
        raise ValueError(msg)
    return path


Moment = Annotated[datetime, AfterValidator(_aware)]
"""A moment with a time zone, ISO 8601. For people, unless a field's text says otherwise."""
RelativePath = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_relative)]
"""A path relative to a folder that the field's text names; never absolute, never upwards."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=TEXT_CHARS_MAX)]
Told = Annotated[Text, BeforeValidator(_told)]
"""Text for people that takes any text: see ``told``."""
LogTail = Annotated[Text, BeforeValidator(_tail)]
"""The end of somebody's log: several lines, any bytes a server may have said."""
Label = Annotated[str, Field(min_length=1, max_length=200)]
JobName = Annotated[Label, AfterValidator(fold)]
"""Another job's name, as a person writes it; folded when read, so that it is never a path."""
OwnName = Annotated[Label, AfterValidator(_own_name)]
"""The name of the job that a record speaks of; refused unless it is legal as it stands, because it becomes a path."""
TokenName = Annotated[Label, AfterValidator(_token)]
"""A token's name: formed like a worker's, because it becomes a path."""
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
"""A day by the share's clock (UTC)."""


class Record(BaseModel):
    """Base of what the spool's own programs write: unknown keys are ignored when read."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        extra="ignore",
        populate_by_name=True,
        protected_namespaces=(),
        defer_build=True,  # a command builds only the kinds that it reads
    )

    bytes_max: ClassVar[int] = RECORD_BYTES_MAX


class Submitted(Record):
    """Base of what people and other programs write: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid")
