"""What an attempt has left of its chain's first stages (``spool.stages/1``), so that the next attempt need not make them again."""

from typing import Annotated, Final, Literal

from pydantic import Field

from spoolctl.spool.records.base import OwnName, Record, Sha256
from spoolctl.spool.records.manifest import Output, StageTiming

STAGES_SCHEMA: Final = "spool.stages/1"


class StageDone(Record):
    """One whole stage: every image of it lies on the share."""

    timing: StageTiming
    outputs: tuple[Output, ...]


class StagesDone(Record):
    """The stages of a chain that are done, from the first. Replaced, by the attempt's owner only; decides nothing."""

    schema_: Literal["spool.stages/1"] = Field(alias="schema")
    name: OwnName
    attempt: Annotated[int, Field(ge=1)]
    record_sha256: Sha256 | None = None
    stages: tuple[StageDone, ...]
