"""Families of models: what a model probably is, by its name and its file's size, and what its kind needs.

Pure. A guess, and told as one wherever it is used: a name may say anything. Every number here is either public (with its source) or
our own guess, and gives way to what was measured on this farm (``estimates``).

Sources: memory by resolution and precision: willitrunai.com, "Image Generation VRAM Requirements 2026" (SD 1.5 4 GB at 512 x 512 and 5
at 1024 x 1024; SDXL 7.5 and 8; SD 3.5 Medium 6 and 7; Large 10 and 12; Flux.1 in FP8 13 and 15). ControlNet: pricegpu.pages.dev (1.5 to
3 GB more). Time: SDXL, 30 steps of one megapixel, 15 to 25 s on an RTX 4060 (ownrig.com). AI-Horde counts Flux and Qwen as three times
as costly for its time limit; per step and megapixel we take them for more. The rest of ``cost`` is our guess by parameters.
"""

import functools
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """One kind of model."""

    name: str
    weights_gb: float
    """What it holds in the card's memory, in units of 2**30 bytes, where its file's size is not known."""
    weights_max_gb: float
    """No more than this however large its file: what is stored in 32 bits is loaded in 16."""
    activation_gb: float
    """More for each megapixel that is held at once."""
    control_gb: float
    """More for each ControlNet."""
    cost: float
    """Time for one step of one megapixel, SDXL's being 1."""


SD15 = Family("SD 1.5", 2.0, 2.2, 2.0, 0.7, 1.0)
SD2 = Family("SD 2", 2.4, 2.6, 2.0, 0.7, 1.0)
SDXL = Family("SDXL", 6.5, 7.0, 0.7, 2.3, 1.0)
SD3 = Family("SD 3", 6.0, 24.0, 2.0, 2.0, 2.0)
FLUX = Family("Flux", 11.5, 24.0, 2.5, 3.0, 4.5)
QWEN = Family("Qwen-Image", 20.0, 41.0, 3.0, 3.0, 8.0)
Z_IMAGE = Family("Z-Image", 12.0, 13.0, 2.0, 2.0, 2.5)
VIDEO = Family("video", 14.0, 60.0, 4.0, 3.0, 10.0)
UNKNOWN = Family("unknown", 6.5, 100.0, 1.5, 2.0, 1.5)

_NAMED = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        (r"flux|chroma|kontext", FLUX),
        (r"qwen", QWEN),
        (r"z[-_ ]?image", Z_IMAGE),
        (r"wan[-_ .]?2|hunyuan|ltx|mochi|cogvideo|svd", VIDEO),
        (r"sd[-_ .]?3|stable[-_ ]?diffusion[-_ ]?3|auraflow", SD3),
        (r"xl|pony|illustrious|noob|animagine|hassaku", SDXL),
        (r"v2[-_.]|sd[-_ ]?2|768[-_]", SD2),
        (r"sd[-_ ]?1|v1[-_.]|sd15|1[-_.]5|dreamshaper|deliberate|realistic[-_ ]?vision|anything", SD15),
    )
)  # fmt: skip
"""The first that is found in the name counts: ``fluxxl`` is Flux."""
_SIZED = ((5.5e9, SD15), (9.5e9, SDXL), (19e9, FLUX), (22e9, QWEN), (25e9, FLUX), (1e15, QWEN))
"""Up to so many bytes. SD 1.5 lies there as 2.1 or 4.3 GB, SDXL as 6.5 to 7.2, Flux in FP8 as 11.9 or 17.2 and in FP16 as 23.8, Qwen-Image
in FP8 as 20.4 and in BF16 as 40.9."""


@functools.lru_cache(maxsize=4096)
def family_of(model: str | None, file_bytes: int | None = None) -> Family:
    """What *model* probably is: by its plain name, else by its file's size, else ``UNKNOWN``."""
    for pattern, family in _NAMED:
        if model and pattern.search(model):
            return family
    if file_bytes:
        return next(family for below, family in _SIZED if file_bytes < below)
    return UNKNOWN
