"""The workload for a program that a worker's own configuration allows by name. What it gets is data, never a command line."""

from typing import Annotated, Literal

from pydantic import Field

from spoolctl.spool.records.base import JsonObject, Submitted
from spoolctl.spool.records.image import COUNT_MAX

CommandName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""A worker's own name for a program that it may run."""


class CommandWorkload(Submitted):
    """Run one allowed program. It is a chain of one stage, which only workers have that allow this very command."""

    kind: Literal["command"]
    command: CommandName
    arguments: JsonObject = {}
    """Whatever the program understands: it reads the whole record, and none of it becomes part of a command line."""
    count: Annotated[int, Field(ge=1, le=COUNT_MAX)] = 1
    """Exactly so many final outputs; fewer or more fail the attempt."""

    @property
    def stage(self) -> str:
        """``command_<name>``: what a worker's card lists, and what the files are called."""
        return stage_of_command(self.command)


def stage_of_command(name: str) -> str:
    """The stage that stands for an allowed command."""
    return f"command_{name}"
