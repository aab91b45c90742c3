"""``spool.yaml`` (``spool.settings/1``): the settings that every machine of one spool shares."""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from spoolctl.spool.records.base import Label, Moment, Submitted
from spoolctl.spool.records.job import JobClass

SETTINGS_SCHEMA: Final = "spool.settings/1"
FORMAT_VERSION = 1

Seconds = Annotated[float, Field(gt=0, le=30 * 86_400)]
Days = Annotated[float, Field(ge=0, le=36_500)]


class Retry(Submitted):
    """How often and how soon a job is tried again."""

    attempts_max: Annotated[int, Field(ge=1, le=100)] = 3
    """Failures (the job's fault) after which it fails for good."""
    crashes_max: Annotated[int, Field(ge=1, le=100)] = 5
    """Workers that may die under it before it counts as poison."""
    backoff_s: Annotated[float, Field(ge=0, le=86_400)] = 15.0
    """Wait after the first failure or deferral; doubles each time, with jitter of a half."""
    backoff_s_max: Seconds = 1_800.0
    avoid_s: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    """How long a worker on which a job failed leaves it to others."""


class Retention(Submitted):
    """What the controller removes, in days after the verdict by the share's clock; ``None``: never."""

    outputs_days: Days | None = None
    records_days: Days | None = None


class Modes(Submitted):
    """Permission bits for mixed NFS and SMB shares, octal text as ``chmod`` takes it; ``None``: the umask's."""

    files: Annotated[str, Field(pattern=r"^0?[0-7]{3,4}$")] | None = None
    folders: Annotated[str, Field(pattern=r"^0?[0-7]{3,4}$")] | None = None
    group: Label | None = None


class Settings(Submitted):
    """The spool's own settings. ``spoolctl init`` writes them; people may edit them, then restart workers."""

    schema_: Literal["spool.settings/1"] = Field(alias="schema")
    spool_id: Label
    format: Annotated[int, Field(ge=1)] = FORMAT_VERSION
    created_at: Moment
    default_class: JobClass = "normal"
    heartbeat_s: Seconds = 10.0
    lease_s: Seconds = 300.0
    """How long a heartbeat may stand still before an attempt is reaped. At least three heartbeats."""
    sweep_s: Seconds = 4.0
    poll_s: Seconds = 1.0
    settle_s: Annotated[float, Field(ge=0, le=3_600)] = 2.0
    """How long a file dropped by hand must stay the same (FORMAT.md: a growing file)."""
    reject_after_s: Annotated[float, Field(ge=0, le=86_400)] = 15.0
    """How long an unreadable file must stay the same before it is rejected."""
    timeout_s: Seconds = 6 * 3_600.0
    stall_s: Seconds = 600.0
    keep_stages: bool = True
    """Whether a job that succeeds keeps the images of its chain's earlier stages beside those that it asked for."""
    refuse_black: bool = True
    """Whether an image that is all black fails its attempt: what a model makes when its numbers overflow."""
    retry: Retry = Retry()
    retention: Retention = Retention()
    modes: Modes = Modes()

    @model_validator(mode="after")
    def _lease_is_long_enough(self) -> "Settings":
        if self.lease_s < 3 * self.heartbeat_s:
            msg = f"lease_s {self.lease_s:g} must be at least three times heartbeat_s {self.heartbeat_s:g}"
            raise ValueError(msg)
        return self
