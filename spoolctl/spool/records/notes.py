"""Short records: a reason beside a rejected file, a request to a worker or an attempt, a tombstone."""

from typing import Annotated, Final, Literal

from pydantic import Field

from spoolctl.spool.records.base import Day, Label, Moment, Record, Sha256, Told
from spoolctl.spool.records.manifest import Verdict

REASON_SCHEMA: Final = "spool.reason/1"
REQUEST_SCHEMA: Final = "spool.request/1"
PRUNED_SCHEMA: Final = "spool.pruned/1"


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


class Pruned(Record):
    """What stays in a results folder after retention has emptied it, so that the job never runs again."""

    schema_: Literal["spool.pruned/1"] = Field(alias="schema")
    name: Label
    verdict: Verdict
    attempt: int
    day: Day
    record_sha256: Sha256 | None = None
