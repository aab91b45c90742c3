"""Deriving: new jobs from an image that a job has left: variations, the same picture larger, or only enlarged.

The names in ``__all__`` are what the rest of the project uses.
"""

from spoolctl.deriving.jobs import derived
from spoolctl.deriving.preparing import Prepared, prepare, submit
from spoolctl.deriving.wanted import Larger, UpscaleOnly, Variations, Wanted, wanted_of

__all__ = [
    "Larger",
    "Prepared",
    "UpscaleOnly",
    "Variations",
    "Wanted",
    "derived",
    "prepare",
    "submit",
    "wanted_of",
]
