"""One line of history as the simulator reads it: a job's end, its times, and what its last attempt ran on.

Pure. Anybody may have written the line: another version of this program, or a person; what cannot be read is ``None``. The moments are
those of the worker's own clock, to the second.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from spoolctl.scheduling.folding import LOADED_S
from spoolctl.spool import Job, JobClass, Verdict, is_legal

_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Word = Annotated[str, Field(min_length=1, max_length=200)]


def _legal(name: str) -> str:
    """A job's name: no path, whoever wrote the line."""
    if not is_legal(name):
        raise ValueError("no job's name")
    return name


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StageTold(_Told):
    """One stage of an attempt."""

    stage: _Word
    seconds: _Seconds | None = None


class RanTold(_Told):
    """One attempt, as ``controller.ran`` tells it."""

    attempt: int
    backend: _Word | None = None
    gpu: _Word | None = None
    vram_gb: _Seconds | None = None
    stages: tuple[StageTold, ...]
    load_s: _Seconds | None = None
    was_loaded: bool | None = None


class End(_Told):
    """The line."""

    name: Annotated[str, AfterValidator(_legal)]
    job_class: Annotated[JobClass | None, Field(alias="class")] = None
    verdict: str
    attempts: int
    worker: Annotated[str, Field(min_length=1, max_length=100)] | None
    day: date
    started_at: AwareDatetime
    """Of the last attempt."""
    ended_at: AwareDatetime
    duration_s: _Seconds | None = None
    ran: tuple[RanTold, ...] = ()

    @property
    def last(self) -> RanTold | None:
        """What the attempt that ended the job ran on; ``None``: it is not told, as of an adopted one."""
        return next((one for one in self.ran if one.attempt == self.attempts), None)

    @property
    def is_run(self) -> bool:
        """True if it tells of a job that succeeded, where and how."""
        succeeded = self.verdict == Verdict.SUCCEEDED.value
        return succeeded and self.worker is not None and self.last is not None

    @property
    def took_s(self) -> float:
        """What the last attempt took, from its begin to its verdict."""
        clocked_s = (self.ended_at - self.started_at).total_seconds()
        return max(0.0, clocked_s) if self.duration_s is None else self.duration_s

    @property
    def card_s(self) -> float:
        """For how long the last attempt kept its card, loading included: its stages, or all of it where they were not timed."""
        timed = (
            [one.seconds for one in self.last.stages if one.seconds is not None]
            if self.last
            else []
        )
        return sum(timed) or self.took_s

    @property
    def loaded(self) -> bool | None:
        """True if the last attempt had to load its model; ``None``: nobody tells."""
        if self.last is None:
            return None
        if self.last.load_s is not None:
            return self.last.load_s >= LOADED_S
        return None if self.last.was_loaded is None else not self.last.was_loaded


@dataclass(frozen=True)
class Known:
    """An end, and what else the spool knows of its job."""

    end: End
    job: Job | None
    """Its pinned record; ``None``: it is gone or cannot be read."""
    written: datetime | None
    """When the record's file was written, as the share tells it."""


def end_of(line: dict[str, Any]) -> End | None:
    """Read one line of history."""
    try:
        return End.model_validate(line)
    except ValidationError:
        return None
