"""Which programs this machine lets jobs start: the ``[commands.NAME]`` tables of a worker's configuration.

A job names a command and never says how it is run: no text of a record becomes part of a command line.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

Kind = Literal["image", "text"]


def _program_first(run: tuple[str, ...]) -> tuple[str, ...]:
    program = Path(run[0])
    if not program.is_absolute() and program.name != run[0]:
        msg = f"must begin with a program's absolute path or its bare name, not '{run[0]}'"
        raise ValueError(msg)
    if any("\0" in one for one in run):
        msg = "must not hold a NUL character"
        raise ValueError(msg)
    return run


class AllowedCommand(BaseModel):
    """One program that jobs may have run here."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    run: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_program_first)]
    """Program and arguments, one text each; never a shell line, and nothing of a job is put into it."""
    folder: Path | None = None
    """Where it is started; an empty folder of the attempt if left out."""
    environment: dict[str, SecretStr] = {}
    """Added to the worker's own, which it gets without the worker's ``SPOOLWORKER_...`` variables. Shown nowhere."""
    timeout_s: Annotated[float, Field(gt=0)] | None = None
    """Longest time for one job on this machine, in seconds; the job's own limit holds as well."""
    memory_mb: Annotated[int, Field(gt=0)] | None = None
    """Most memory (resident, in MiB) of the program and all that it starts; beyond that it is ended."""
    outputs: Annotated[tuple[Kind, ...], Field(min_length=1)] = ("image",)
    """What it may leave: images (PNG), texts (UTF-8), or both."""

    @property
    def variables(self) -> dict[str, str]:
        """``environment``, readable."""
        return {key: value.get_secret_value() for key, value in self.environment.items()}
