"""What ``sketch`` can be told to do wrong, one option each, as ``--backend-option KEY=VALUE``."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from spoolctl.spool import Code
from spoolworker.backends.options import BackendOptions

Seconds = Annotated[float, Field(ge=0)]


class Drills(BackendOptions):
    """The options of ``sketch``, read from text: ``true``, ``0.5``, ``out_of_memory``."""

    backend: ClassVar[str] = "sketch"

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
