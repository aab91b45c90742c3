"""The table ``[availability]`` of a worker's configuration: when its machine is the spool's.

Guarantees: hours that cannot be read are refused at the start, and so is a threshold that nothing looks at.
"""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from spoolctl.scheduling.hours import Hours, parse_hours
from spoolctl.spool import UsageError

_HOURS_MAX = 50


class AvailabilityConfig(BaseModel):
    """When a worker works. Left out: always."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    hours: Annotated[
        tuple[Annotated[str, Field(max_length=100)], ...], Field(max_length=_HOURS_MAX)
    ] = ()
    """Like ``mon-fri 22:00-07:30``, in this machine's own time; none: always."""
    when_closing: Literal["finish", "stop"] = "finish"
    """At the end of its hours: finish the job in work, or hand it back."""
    while_in_use: Literal["run", "finish", "stop"] = "run"
    """While somebody uses this machine: work all the same, finish the job in work and rest, or hand it back and rest."""
    others_vram_gb: Annotated[float, Field(gt=0)] | None = None
    """It is in use while other programs than the backend hold so much of the card's memory, in units of 2**30 bytes."""
    input_idle_s: Annotated[float, Field(gt=0)] | None = None
    """It is in use until there was no input (keyboard, mouse) for so many seconds."""
    resume_after_s: Annotated[float, Field(ge=0)] = 300.0
    """How long it must have been out of use before it works again."""
    give_memory_back: bool = True
    """While it rests, have the backend's server unload its models."""
    pause_file: Path | None = None
    """Where ``spoolworker pause`` leaves its request; beside the event log if left out."""

    @field_validator("hours")
    @classmethod
    def _readable(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        if texts:
            try:
                parse_hours(texts)
            except UsageError as error:
                raise ValueError(f"{error}; {error.hint}") from None
        return texts

    @model_validator(mode="after")
    def _looks_at_something(self) -> "AvailabilityConfig":
        asks = self.others_vram_gb is not None or self.input_idle_s is not None
        if self.while_in_use == "run" and asks:
            raise ValueError(
                "others_vram_gb and input_idle_s are looked at only if while_in_use is 'finish' or 'stop'"
            )
        if self.while_in_use != "run" and not asks:
            raise ValueError(
                "while_in_use needs others_vram_gb, input_idle_s or both: what counts as use?"
            )
        return self

    @cached_property
    def week(self) -> Hours | None:
        """The hours; ``None``: always."""
        return parse_hours(self.hours) if self.hours else None
