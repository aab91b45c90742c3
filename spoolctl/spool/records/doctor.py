"""What ``spoolctl doctor`` found out about a share from one machine, remembered in the spool. Nothing decides by it."""

from typing import Final, Literal

from pydantic import Field

from spoolctl.spool.records.base import JsonObject, Label, Moment, Record, Told

DOCTOR_SCHEMA: Final = "spool.doctor/1"

Severity = Literal["ok", "note", "warning", "bad"]
"""*bad*: do not trust the share with a spool. *warning*: works, but should be changed. *note*: good to know."""


class Finding(Record):
    """One thing that was looked at, what it was like, and what that means for this spool."""

    about: Label
    """Which check; the same word on every machine and in every version."""
    severity: Severity
    said: Told
    hint: Told | None = None
    """What to do; only where there is something to do."""
    facts: JsonObject | None = None
    """The numbers and options behind it."""


class Meeting(Record):
    """What two machines found out together, as one of them saw it."""

    machine: Label
    """The other one."""
    at: Moment
    findings: tuple[Finding, ...]


class Diagnosis(Record):
    """What one machine found out about the share. Replaced by its next ``doctor``, which keeps the meetings."""

    schema_: Literal["spool.doctor/1"] = Field(alias="schema")
    machine: Label
    version: Label
    """Of the program that looked."""
    by: Label
    at: Moment
    findings: tuple[Finding, ...]
    meetings: tuple[Meeting, ...] = ()
    """The last one with each other machine."""
