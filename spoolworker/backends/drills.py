"""What ``sketch`` can be told to do wrong, one option each, as ``--backend-option KEY=VALUE``."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spoolctl.spool import Code, UsageError

Seconds = Annotated[float, Field(ge=0)]


class Drills(BaseModel):
    """The options of ``sketch``, read from text: ``true``, ``0.5``, ``out_of_memory``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seconds_per_image: Seconds = 0.0
    """How long each image takes in each stage, at least."""
    fail: Code | None = None
    """Every run fails with this code."""
    fail_times: Annotated[int, Field(ge=1)] | None = None
    """Only so many runs fail, then all goes well. Counted in this process; with
    ``fail_when_prompt`` counted for each job's prompts on their own."""
    fail_stage: Literal["txt2img", "img2img", "adetailer", "upscale"] | None = None
    """Fail only on reaching this stage; chains without it go well."""
    fail_when_prompt: str | None = None
    """Fail only if a prompt of the chain contains this text."""
    stall_at: Annotated[float, Field(ge=0, le=1)] | None = None
    """Stand still from this fraction on until interrupted."""
    unreachable: bool = False
    """Neither probe nor run reaches the backend."""
    short_by: Annotated[int, Field(ge=0)] = 0
    """Report success with so many images too few."""
    truncate: bool = False
    """Cut the last file in half."""
    black: bool = False
    """All images are black."""
    wrong_size: bool = False
    """The final images are 8 pixels smaller than asked, each way."""
    ignore_interrupt_s: Seconds = 0.0
    """Stay busy for so long after an interrupt was noticed."""
    progress: bool = True
    """False: never report any."""

    @model_validator(mode="after")
    def _has_a_code(self) -> Self:
        if self.fail is None and (self.fail_times or self.fail_stage or self.fail_when_prompt):
            raise ValueError("fail_times, fail_stage and fail_when_prompt need fail=CODE too")
        return self

    @classmethod
    def from_text(cls, options: Mapping[str, str]) -> Self:
        """Read options as they come from the command line or a settings file.

        Raises:
            UsageError: An option is not known (the hint names the nearest), or its value cannot
                be read.
        """
        for name in options:
            if name not in cls.model_fields:
                raise _unknown(name, tuple(cls.model_fields))
        try:
            return cls.model_validate(dict(options))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            why = first["msg"].removeprefix("Value error, ")
            where = f"option '{first['loc'][0]}={first['input']}' of " if first["loc"] else ""
            raise UsageError(
                f"cannot read {where}backend 'sketch': {why[:1].lower()}{why[1:]}",
                hint="options are given as --backend-option KEY=VALUE",
            ) from error


def _unknown(name: str, known: tuple[str, ...]) -> UsageError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return UsageError(
        f"backend 'sketch' has no option '{name}'",
        hint=f"did you mean '{near[0]}'?" if near else f"it has: {', '.join(known)}",
    )
