"""The ``parameters`` text that WebUI writes into its PNG files, to write and to read.

Format (AUTOMATIC1111, ``modules/infotext_utils.py`` and ``processing.create_infotext``)::

    the prompt, on as many lines as it has
    Negative prompt: the same, left out if empty
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: name

A value that holds a comma, a colon or a line break stands as a JSON string.

Guarantees: what ``write_infotext`` writes from at least three fields, ``read_infotext`` reads back,
but for white space at the ends of lines.
Does not guarantee it for a prompt with a line that begins with ``Negative prompt:``: the format
has no escape for that.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from spoolctl.spool import ADetailer, ImageStage, Img2Img, Sampling, Txt2Img, Upscale

Fields = dict[str, str | float | None]
"""The last line of an infotext by WebUI's names; ``None`` is left out."""

_NEGATIVE = "Negative prompt:"
_FIELD = re.compile(r'(?<![\w \-/])[ \-/]*+(\w[\w \-/]++):\s*("(?:\\.|[^\\"])++"|[^,]*)(?:,|$)')
"""Finds what WebUI's ``\\s*(\\w[\\w \\-/]+):...`` finds, but tries each run of a name's characters once, from its begin:
WebUI's own takes a time that grows with the square of a long line's length."""
_FIELDS_MIN = 3
"""A last line with fewer fields than these is one more line of the prompt: WebUI's own rule."""


@dataclass(frozen=True)
class Infotext:
    """What one image says about its making."""

    prompt: str
    negative_prompt: str
    fields: Mapping[str, str]
    """By WebUI's names, such as ``CFG scale``, in the order in which they stand."""


def write_infotext(
    prompt: str, negative_prompt: str, fields: Mapping[str, str | float | None]
) -> str:
    """Write the text; a field that is ``None`` is left out, a number has no needless zeros.

    Args:
        prompt: The image's prompt.
        negative_prompt: "" for none.
        fields: At least three that are not ``None``, or readers take them for prompt.
    """
    last = ", ".join(
        f"{name}: {_quoted(_text(value))}" for name, value in fields.items() if value is not None
    )
    negative = f"{_NEGATIVE} {negative_prompt}" if negative_prompt else ""
    return "\n".join(part for part in (prompt, negative, last) if part).strip()


def describe(
    stage: ImageStage, said: Sampling, *, seed: int | None, size: tuple[int, int], before: Fields
) -> Fields:
    """Tell by WebUI's names how an image was made.

    Args:
        stage: The stage that made it.
        said: What holds in that stage, inherited words included.
        seed: The image's own.
        size: Width and height of the image, in pixels.
        before: What was told of the image after the stage before.
    """
    told = f"{size[0]}x{size[1]}"
    if isinstance(stage, Upscale):
        # As WebUI's extras: what was there stays, Size included, and the enlargement is added
        by: Fields = {"Postprocess upscale by": stage.factor}
        by["Postprocess upscaler"] = stage.upscaler
        return {**(before or {"Size": told, "Model": "sketch", "Version": "sketch"}), **by}
    own: Fields = {}
    if isinstance(stage, Txt2Img):
        told = f"{stage.width}x{stage.height}"
        if stage.hires:
            own["Denoising strength"] = stage.hires.denoising_strength
            own["Hires upscale"] = stage.hires.scale
            own["Hires upscaler"] = stage.hires.upscaler
    elif isinstance(stage, Img2Img):
        own["Denoising strength"] = stage.denoising_strength
    elif isinstance(stage, ADetailer):
        own["ADetailer model"] = stage.detector
        own["ADetailer confidence"] = stage.confidence
        own["ADetailer denoising strength"] = stage.denoising_strength
        own["ADetailer mask blur"] = stage.mask_blur
    return {
        "Steps": said.steps,
        "Sampler": said.sampler,
        "Schedule type": said.scheduler,
        "CFG scale": said.cfg_scale,
        "Seed": seed,
        "Size": told,
        "Model": said.model or "sketch",
        "VAE": said.vae,
        "Clip skip": said.clip_skip,
        **own,
        "Version": "sketch",
    }


def read_infotext(text: str) -> Infotext:
    """Read the text as WebUI's "PNG info" does; at worst all of it is taken for the prompt."""
    *lines, last = text.strip().split("\n")
    found = _FIELD.findall(last)
    if len(found) < _FIELDS_MIN:
        lines, found = [*lines, last], []
    stripped = [line.strip() for line in lines]
    cut = next((i for i, line in enumerate(stripped) if line.startswith(_NEGATIVE)), len(stripped))
    negative = "\n".join(stripped[cut:]).removeprefix(_NEGATIVE).strip()
    fields = {name: _unquoted(value) for name, value in found}
    return Infotext("\n".join(stripped[:cut]), negative, fields)


def _text(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _quoted(value: str) -> str:
    # WebUI quotes for , : and line breaks only; the rest would not survive its own reading
    plain = value == value.strip() and not re.search(r'[,:\n\r]|^"', value)
    return value if plain else json.dumps(value, ensure_ascii=False)


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':  # noqa: PLR2004 - a pair of quotes
        return value
    try:
        text = json.loads(value)
    except ValueError:
        return value
    return text if isinstance(text, str) else value
