"""``spool.yaml`` (``spool.settings/1``): the settings that every machine of one spool shares."""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from spoolctl.spool.records.base import Label, Moment, Submitted, TokenName
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


class PassesMax(Submitted):
    """By class: before how many older jobs of its line one may be taken, and how often one may be passed over so; 0: strictly by name."""

    interactive: Annotated[int, Field(ge=0, le=1_000)] = 24
    normal: Annotated[int, Field(ge=0, le=1_000)] = 24
    batch: Annotated[int, Field(ge=0, le=1_000)] = 96


class WaitMax(Submitted):
    """By class: for how many seconds a worker leaves a job aside; then it goes before all that has waited for less.

    Among several such jobs the loaded model goes first, while the oldest has passes left.
    """

    interactive: Seconds = 300.0
    normal: Seconds = 7_200.0
    batch: Seconds = 86_400.0


class Pool(Submitted):
    """Workers for jobs of certain lengths."""

    tags: Annotated[tuple[Label, ...], Field(min_length=1)]
    """Workers with all of these belong to it."""
    from_s: Annotated[float, Field(ge=0)] = 0.0
    to_s: Annotated[float, Field(gt=0)] | None = None
    """Its jobs take so long on the fastest worker that can run them: from here, to below there."""


class Choosing(Submitted):
    """How workers choose among the jobs that they could run. The defaults are those that did best in the simulator (docs/SCHEDULING.md)."""

    passes_max: PassesMax = PassesMax.model_construct()
    wait_max_s: WaitMax = WaitMax.model_construct()
    leave_s: Annotated[float, Field(ge=0, le=86_400)] = 600.0
    """Longest that a worker leaves a job to one that would finish it sooner, and never longer than the job would take it."""
    turns: Literal["groups", "submitters", "off"] = "groups"
    """Between whom turns are fair inside a class: submitters and then each one's groups, submitters alone, or nobody."""
    turn_s: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    """How far one submitter or group may get ahead of another on a worker before it is the other's turn, in seconds of work."""
    load_weight: Annotated[float, Field(ge=0, le=100)] = 3.0
    """What a second of loading counts for, on one of the fastest workers; less on slower ones, whose time is worth less."""
    scarce_weight: Annotated[float, Field(ge=0, le=100)] = 0.5
    """What taking a card counts for that waiting jobs need and few have, as a share of the time for which it is taken."""
    prefer_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    """What it counts for, in seconds, that a worker prefers other models."""
    failure_weight: Annotated[float, Field(ge=0, le=100)] = 2.0
    """What the share of attempts that failed there counts for, in times of the job's duration."""
    pools: dict[Label, Pool] = {}
    """Workers that are in none take anything."""
    help_after_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    """After so long without work a worker takes other pools' jobs, too."""


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
    """The longest time of an attempt at a job that says none; its worker takes less where it expects less."""
    stall_s: Seconds = 600.0
    keep_stages: bool = True
    """Whether a job that succeeds keeps the images of its chain's earlier stages beside those that it asked for."""
    refuse_black: bool = True
    """Whether an image that is all black fails its attempt: what a model makes when its numbers overflow."""
    tokens: dict[TokenName, Annotated[int, Field(ge=1, le=100)]] = {}
    """How many jobs that require a token may run at once, on all nodes together."""
    retry: Retry = Retry.model_construct()
    retention: Retention = Retention.model_construct()
    choosing: Choosing = Choosing.model_construct()
    modes: Modes = Modes.model_construct()

    @model_validator(mode="after")
    def _lease_is_long_enough(self) -> "Settings":
        if self.lease_s < 3 * self.heartbeat_s:
            msg = f"lease_s {self.lease_s:g} must be at least three times heartbeat_s {self.heartbeat_s:g}"
            raise ValueError(msg)
        return self
