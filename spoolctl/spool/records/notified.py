"""What people were told (``spool.notified/1``): so that no controller repeats or forgets it, on whatever machine the next one runs."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from spoolctl.spool.records.base import Label, Record, RelativePath, Told

NOTIFIED_SCHEMA: Final = "spool.notified/1"

Picture = Annotated[RelativePath, Field(pattern="^groups/")]
"""An image of a group, relative to the share's root: nothing else on it, and nothing beside it, is ever sent to anybody."""
Count = Annotated[int, Field(ge=0)]
Tone = Literal["success", "info", "warning", "failure"]
Trouble = Literal["silent", "sick", "away"]
"""No heartbeat for a lease; different jobs failed there in a row; its backend does not answer."""


class GroupNotified(Record):
    """What was told of one group. Moments are seconds since the epoch by the share's clock."""

    at_s: float
    """When something was told of it last."""
    ended: Told | None = None
    """The sums of that end of it that was told last; ``None``: none was."""
    ends: Count = 0
    """How many ends were told, one after the other."""
    failed: Count = 0
    """How many failures had been told."""
    failings: Count = 0
    """How often it was told to be failing, since it began or ended."""


class Letter(Record):
    """A message on its way: it has not reached everybody yet."""

    id: Label
    tone: Tone
    title: Told
    lines: tuple[Told, ...]
    pictures: tuple[Picture, ...] = ()
    since_s: float
    addresses: tuple[Label, ...]
    """Whom it has not reached: the names of addresses, never the addresses."""


class Notified(Record):
    """Everything that was told. Replaced, by the controller that has the role only."""

    bytes_max: ClassVar[int] = 1 << 26
    schema_: Literal["spool.notified/1"] = Field(alias="schema")
    began_s: float
    """What ended before is old, whether it was told or not."""
    groups: dict[Label, GroupNotified] = {}
    worked: bool = False
    """Whether there was work since it was told last that there is none."""
    workers: dict[Label, Trouble | None] = {}
    """Whoever was seen alive, and what was told of it; ``None``: nothing, or that it is well again."""
    full_at_s: float | None = None
    """When it was told last that the share is nearly full; ``None``: it has room, as far as was told."""
    fulls: Count = 0
    """How often that was told, one after the other."""
    letters: tuple[Letter, ...] = ()
    """The oldest first."""
