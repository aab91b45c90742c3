"""Short records: a reason beside a rejected file, a request to a worker or an attempt, a tombstone."""

from typing import Annotated, Final, Literal

from pydantic import Field

from spoolctl.spool.records.base import (
    Day,
    Label,
    Moment,
    OwnName,
    Record,
    Sha256,
    Submitted,
    TokenName,
    Told,
)
from spoolctl.spool.records.manifest import Verdict

REASON_SCHEMA: Final = "spool.reason/1"
REQUEST_SCHEMA: Final = "spool.request/1"
PRUNED_SCHEMA: Final = "spool.pruned/1"
APPROVAL_SCHEMA: Final = "spool.approval/1"
HOLDER_SCHEMA: Final = "spool.holder/1"


class Reason(Record):
    """Why a file lies in ``rejected/``, and what would mend it. Takes any text, so that it never fails to be made."""

    schema_: Literal["spool.reason/1"] = Field(alias="schema")
    file: Told
    was_in: Told
    error: Told
    hint: Told
    line: Annotated[int, Field(ge=1)] | None = None
    field: Told | None = None
    by: Label
    at: Moment


class Request(Record):
    """What a person asks for: ``cancel`` lies in an attempt, ``drain`` and ``pause`` in ``control/``."""

    schema_: Literal["spool.request/1"] = Field(alias="schema")
    action: Literal["cancel", "drain", "pause"]
    target: Label
    """The job's name, or the worker's."""
    session: Label | None = None
    """Only for this life of the worker; a restarted one ignores it."""
    by: Label
    at: Moment
    message: Told | None = None
    now: bool | None = None
    """Of a worker: hand back the job in work, too, and do not finish it first."""
    until: Moment | None = None
    """Of a pause: it ends by itself at this moment of the share's clock."""


class Pruned(Record):
    """What stays in a results folder after retention has emptied it, so that the job never runs again."""

    schema_: Literal["spool.pruned/1"] = Field(alias="schema")
    name: Label
    verdict: Verdict
    attempt: int
    day: Day
    record_sha256: Sha256 | None = None
    approved: bool = False
    """Whether a person had approved it."""


class Approval(Submitted):
    """A person's word that a committed job's images are good: ``approved.yaml`` in its results folder."""

    schema_: Literal["spool.approval/1"] = Field(alias="schema")
    images: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=1_000)] = ()
    """The ``image_index`` of each that is approved; none named: all."""
    by: Label | None = None
    at: Moment | None = None
    note: Told | None = None


class Holder(Record):
    """Which attempt holds one slot of a token. It is free again once that attempt has a verdict."""

    schema_: Literal["spool.holder/1"] = Field(alias="schema")
    token: TokenName
    name: OwnName
    """The job."""
    attempt: Annotated[int, Field(ge=1)]
    by: Label
    """The session that took it."""
    worker: Label
    at: Moment
