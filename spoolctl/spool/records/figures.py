"""The figures (``spool.figures/1``): what attempts took, by what ran where; one small file, made of the history and made anew from it."""

from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from spoolctl.spool.records.base import Label, Record

FIGURES_SCHEMA: Final = "spool.figures/1"
LOAD: Final = "load"
"""Instead of a stage: the rows that tell how long a model took to load."""

Amount = Annotated[float, Field(ge=0)]


class Sample(NamedTuple):
    """One attempt's part in a row."""

    at: Annotated[str, Field(pattern=r"^[0-9a-f]{8,24}$")]
    """The day of its verdict, then what tells it from the others of that day: later days sort behind."""
    outcome: str = ""
    """Empty: it succeeded. Otherwise the verdict's code."""
    seconds: Amount | None = None
    """What the stage took, or the load; the load is not part of the stage's."""
    units: Amount = 0.0
    """Steps times megapixels times images; see ``spoolctl.scheduling.work``."""
    at_once: Amount = 0.0
    """Megapixels of the largest image times the images held at once: what memory grows with."""
    peak_gb: Amount | None = None
    """The card's memory in use at its peak, in units of 2**30 bytes; of the backend alone where it tells."""


class FigureRow(Record):
    """What is known of one kind of work in one place."""

    backend: Annotated[str, Field(max_length=200)]
    """Empty: not known, as of an attempt whose worker died."""
    model: Annotated[str, Field(max_length=200)]
    """By its plain name; empty: none was said."""
    stage: Label
    """A stage, or ``load``."""
    size: Amount = 0.0
    """Megapixels of one image, rounded to a half power of two; 0: not an image."""
    card: Label
    """The card's name; where it is not known, and for loads, ``worker`` and the worker's name."""
    vram_gb: Amount | None = None
    samples: tuple[Sample, ...] = ()
    """Sorted."""


class Figures(Record):
    """All rows, sorted. Nothing is decided by them but how long and where work is expected to run."""

    schema_: Literal["spool.figures/1"] = Field(alias="schema")
    horizon: str = ""
    """Samples up to this one were left out, in all rows, so that the file stays small; empty: none."""
    rows: tuple[FigureRow, ...] = ()
