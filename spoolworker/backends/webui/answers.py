"""An answer of WebUI, read and held against what was asked. Pure.

A 200 is no success there: an unknown model, sampler or scheduler is replaced, a missing LoRA left out, a failed script passed over.
What the answer tells of itself (``info``) is what was really done.
"""

import base64
import binascii
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageChops
from PIL.PngImagePlugin import PngInfo

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError
from spoolworker.backends.infotext import read_infotext
from spoolworker.backends.webui.asking import Ask
from spoolworker.backends.webui.known import file_name

_FORMATS = ("PNG", "JPEG", "WEBP")
_CUT = str.maketrans("", "", ":,")
"""What the server leaves out of a LoRA's name where it tells its hash."""
_ROUNDING, _DETAIL = 2, 32


@dataclass(frozen=True)
class Picked:
    """One image of an answer, as a PNG that holds its infotext."""

    png: bytes
    width: int
    height: int
    seed: int | None


@dataclass(frozen=True)
class Answer:
    """What a request brought, and by what it says it was made."""

    images: tuple[Picked, ...]
    model: str | None = None
    vae: str | None = None
    version: str | None = None


def read(ask: Ask, reply: Any) -> Answer:  # noqa: ANN401 - raw JSON
    """Read an answer and hold it against *ask*.

    Raises:
        BackendError: ``output_incomplete``, ``output_corrupt``, ``model_switched_wrongly``, ``backend_rejected``: the pictures are
            not what was asked for.
    """
    if not isinstance(reply, Mapping):
        raise BackendError(Code.BACKEND_REJECTED, "webui answers in a shape that is not WebUI's")
    if ask.path == "extra-single-image":
        return Answer((_pick(ask, reply.get("image"), None, None),))
    info = _info(reply.get("info"))
    texts, seeds = _list(info.get("infotexts")), _list(info.get("all_seeds"))
    images = _list(reply.get("images"))
    begin = info.get("index_of_first_image") or 0
    # A grid may stand before them, the pictures that ControlNet looked at after them
    images = images[begin : begin + ask.images]
    if len(images) < ask.images or len(seeds) < ask.images:
        message = f"webui sent {len(images)} images of {ask.images}"
        raise BackendError(Code.OUTPUT_INCOMPLETE, message)
    if ask.seeds is not None and tuple(seeds[: ask.images]) != ask.seeds:
        message = f"webui used the seeds {seeds[: ask.images]} instead of {list(ask.seeds)}"
        raise BackendError(Code.BACKEND_REJECTED, message)
    told = [str(text) for text in texts[begin : begin + ask.images]]
    told += [""] * (ask.images - len(told))
    _check(ask, info, told)
    picked = (
        _pick(ask, image, text, seed)
        for image, text, seed in zip(images, told, seeds, strict=False)
    )
    return Answer(
        tuple(picked),
        _text(info, "sd_model_name"),
        _text(info, "sd_vae_name"),
        _text(info, "version"),
    )


def is_same_picture(one: bytes, other: bytes) -> bool:
    """True if two files hold the same pixels."""
    with Image.open(io.BytesIO(one)) as first, Image.open(io.BytesIO(other)) as second:
        return first.size == second.size and (
            first.convert("RGB").tobytes() == second.convert("RGB").tobytes()
        )


def is_only_resized(before: bytes, after: bytes) -> bool:
    """True if a picture was enlarged by Lanczos and nothing else: what the server does in silence if an upscaler's file is no good."""
    with Image.open(io.BytesIO(before)) as first, Image.open(io.BytesIO(after)) as second:
        source, made = first.convert("RGB"), second.convert("RGB")
    plain = source.resize(made.size, Image.Resampling.LANCZOS)
    coarse = source.resize(made.size, Image.Resampling.NEAREST)
    # A picture without detail looks alike whatever enlarged it
    return _farthest(made, plain) <= _ROUNDING and _farthest(coarse, plain) > _DETAIL


def _farthest(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of any two values, 0 to 255."""
    return max(high for _, high in ImageChops.difference(one, other).getextrema())  # type: ignore[misc]


def _check(ask: Ask, info: Mapping[str, Any], texts: Iterable[str]) -> None:
    """Hold what the server says it did against what it was asked."""
    asked, used = ask.checkpoint, info.get("sd_model_name")
    if asked is not None:
        short = info.get("sd_model_hash")
        other = asked.short and short and asked.short != short
        if used != asked.file or other:
            message = f"webui used the model '{used}' ({short}) instead of '{asked.name}'"
            raise BackendError(Code.MODEL_SWITCHED_WRONGLY, message)
    _check_vae(ask, info, texts)
    if ask.sampler is not None and info.get("sampler_name") != ask.sampler:
        message = f"webui used the sampler '{info.get('sampler_name')}' instead of '{ask.sampler}'"
        raise BackendError(Code.BACKEND_REJECTED, message)
    for text in texts:
        fields = read_infotext(text).fields
        if not fields:
            continue  # a server whose infotexts are switched off
        _check_fields(ask, fields)


def _check_vae(ask: Ask, info: Mapping[str, Any], texts: Iterable[str]) -> None:
    if ask.vae is None:
        return
    used = info.get("sd_vae_name")
    if used is None:  # Forge tells its modules, without their suffix, in the infotext alone
        fields = read_infotext(next(iter(texts), "")).fields
        modules = [value for name, value in fields.items() if name.startswith("Module ")]
        wanted = file_name(ask.vae).rsplit(".", 1)[0]
        used = ask.vae if wanted in modules else None
    if (used or "") not in (ask.vae, file_name(ask.vae)):
        message = f"webui used the VAE '{used}' instead of '{file_name(ask.vae) or 'None'}'"
        raise BackendError(Code.MODEL_SWITCHED_WRONGLY, message)


def _check_fields(ask: Ask, fields: Mapping[str, str]) -> None:
    schedule = fields.get("Schedule type")
    if ask.scheduler is not None and schedule is not None and schedule != ask.scheduler:
        message = f"webui used the scheduler '{schedule}' instead of '{ask.scheduler}'"
        raise BackendError(Code.BACKEND_REJECTED, message)
    hashes = fields.get("Lora hashes", "")
    loaded = {part.split(":")[0].strip() for part in hashes.split(",")}
    for lora in ask.loras:
        if lora.translate(_CUT) not in loaded:
            message = f"webui left out the LoRA '{lora}': it could not load it"
            raise BackendError(Code.MODEL_SWITCHED_WRONGLY, message)
    for mark in ask.marks:
        if not any(name.startswith(mark) for name in fields):
            message = f"webui passed over what it tells of as '{mark}': it did not happen"
            raise BackendError(Code.BACKEND_REJECTED, message)


def _pick(ask: Ask, text: Any, told: str | None, seed: Any) -> Picked:  # noqa: ANN401 - raw JSON
    """Decode one image; it must be whole, for the next stage eats it."""
    try:
        data = base64.b64decode(str(text).rpartition(",")[2], validate=True)
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            image.load()
            size = image.size
            if ask.size is not None and size != ask.size:
                message = (
                    f"webui made {size[0]}x{size[1]} pixels instead of {ask.size[0]}x{ask.size[1]}"
                )
                raise BackendError(Code.OUTPUT_CORRUPT, message)
            if image.format != "PNG" or (told and "parameters" not in image.info):
                data = _as_png(image, told)
    except (
        binascii.Error,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
    ) as error:
        message = f"webui sent an image that cannot be read: {type(error).__name__}"
        raise BackendError(Code.OUTPUT_CORRUPT, message) from error
    return Picked(data, *size, seed if isinstance(seed, int) else None)


def _as_png(image: Image.Image, told: str | None) -> bytes:
    """The image as a PNG with its infotext, for a server whose settings are otherwise."""
    info = PngInfo()
    text = told or image.info.get("parameters")
    if text:
        info.add_text("parameters", str(text))
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=info)
    return out.getvalue()


def _info(text: Any) -> Mapping[str, Any]:  # noqa: ANN401 - raw JSON
    """``info``, which is JSON in a string."""
    try:
        info = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        info = None
    if not isinstance(info, Mapping):
        raise BackendError(Code.BACKEND_REJECTED, "webui does not tell how it made its images")
    return info


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - raw JSON
    return value if isinstance(value, list) else []


def _text(info: Mapping[str, Any], key: str) -> str | None:
    value = info.get(key)
    return value[:200] if isinstance(value, str) and value else None
