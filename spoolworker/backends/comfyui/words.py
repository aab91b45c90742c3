"""WebUI's words in ComfyUI's: samplers, schedulers, upscalers, names of files, and what a prompt holds besides words.

The neutral chain speaks as the AUTOMATIC1111 API does. Pure. Guarantees: what has no counterpart is refused or told, never replaced.

Source of the names: AUTOMATIC1111 1.10 ``modules/sd_samplers_kdiffusion.py``, ``sd_schedulers.py``, ``extra_networks.py``; ComfyUI 0.3
``comfy/samplers.py``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SAMPLERS = {
    "euler a": "euler_ancestral", "euler": "euler", "lms": "lms", "heun": "heun", "dpm2": "dpm_2",
    "dpm2 a": "dpm_2_ancestral", "dpm++ 2s a": "dpmpp_2s_ancestral", "dpm++ 2m": "dpmpp_2m",
    "dpm++ sde": "dpmpp_sde", "dpm++ 2m sde": "dpmpp_2m_sde", "dpm++ 2m sde heun": "dpmpp_2m_sde_heun",
    "dpm++ 3m sde": "dpmpp_3m_sde", "dpm fast": "dpm_fast", "dpm adaptive": "dpm_adaptive",
    "ddim": "ddim", "unipc": "uni_pc", "lcm": "lcm",
}  # fmt: skip
_SCHEDULERS = {
    "karras": "karras", "exponential": "exponential", "sgm uniform": "sgm_uniform", "simple": "simple",
    "normal": "normal", "uniform": "normal", "ddim": "ddim_uniform", "beta": "beta", "kl optimal": "kl_optimal",
}  # fmt: skip
_AUTOMATIC = {
    "dpmpp_2m": "karras", "dpmpp_sde": "karras", "dpmpp_2s_ancestral": "karras", "dpm_2": "karras",
    "dpm_2_ancestral": "karras", "dpmpp_2m_sde": "exponential", "dpmpp_2m_sde_heun": "exponential",
    "dpmpp_3m_sde": "exponential", "ddim": "ddim_uniform",
}  # fmt: skip
"""What WebUI's "Automatic" means for a sampler, where it is not its normal schedule."""
_LATENT_METHODS = {
    "latent": "bilinear", "latent (antialiased)": "bilinear", "latent (bicubic)": "bicubic",
    "latent (bicubic antialiased)": "bicubic", "latent (nearest)": "nearest-exact",
    "latent (nearest-exact)": "nearest-exact",
}  # fmt: skip
_IMAGE_METHODS = {"none": "lanczos", "lanczos": "lanczos", "nearest": "nearest-exact"}
_WEBUIS_UPSCALERS = {
    "R-ESRGAN 4x+": "RealESRGAN_x4plus",
    "R-ESRGAN 4x+ Anime6B": "RealESRGAN_x4plus_anime_6B",
    "R-ESRGAN 2x+": "RealESRGAN_x2plus",
}
_UPSCALERS = {name.casefold(): model for name, model in _WEBUIS_UPSCALERS.items()}
_SUFFIX = re.compile(r"\.(safetensors|ckpt|pt|pth|bin|sft|gguf)\Z", re.IGNORECASE)
_NETWORK = re.compile(r"<(\w+):([^<>]+)>")
_FOREIGN = re.compile(r"\bBREAK\b|\bAND\b|(?<!\\)\[[^\[\]]*(?<!\\)\]")
"""What WebUI's prompts may hold and ComfyUI takes for words: ``[less]``, ``[a:b:0.5]``, ``[a|b]``, BREAK and AND."""


def sampler_of(
    sampler: str, scheduler: str | None, samplers: Sequence[str], schedulers: Sequence[str]
) -> tuple[str | None, str | None]:
    """A sampler and its schedule in the server's words; ``None`` for one that it does not have.

    Args:
        sampler: WebUI's name or ComfyUI's; also an old one with the schedule at its end, like ``DPM++ 2M Karras``.
        scheduler: The same; ``None`` is Automatic.
        samplers: What the server has.
        schedulers: What the server has.
    """
    name, asked = sampler, scheduler
    head, _, tail = sampler.rpartition(" ")
    if tail.casefold() in ("karras", "exponential") and head.casefold() in _SAMPLERS:
        name, asked = head, scheduler if _is_said(scheduler) else tail
    found = _known(name, _SAMPLERS, samplers)
    if not _is_said(asked):
        asked = _AUTOMATIC.get(found or "", "normal")
    return found, _known(asked or "", _SCHEDULERS, schedulers)


def _is_said(scheduler: str | None) -> bool:
    return scheduler is not None and scheduler.casefold() not in ("", "automatic")


def _known(name: str, words: dict[str, str], have: Sequence[str]) -> str | None:
    for one in (name, words.get(name.casefold(), "")):
        if one in have:
            return one
    return None


@dataclass(frozen=True)
class Enlargement:
    """How an upscaler is done here: exactly one is set."""

    latent: str | None = None
    """LatentUpscale's method."""
    method: str | None = None
    """ImageScale's method."""
    model: str | None = None
    """A file for UpscaleModelLoader, as it was asked for."""


def upscalers_of(files: Sequence[str]) -> tuple[str, ...]:
    """Every name by which a job may ask for an enlargement that a server with these model files can do."""
    webuis = (name for name, model in _WEBUIS_UPSCALERS.items() if files_called(model, files))
    return ("Lanczos", "Nearest", *files, *webuis)


def enlargement_of(upscaler: str) -> Enlargement:
    """What an upscaler's name stands for; whatever is no known method is taken for a model's."""
    key = upscaler.casefold()
    if key in _LATENT_METHODS:
        return Enlargement(latent=_LATENT_METHODS[key])
    if key in _IMAGE_METHODS:
        return Enlargement(method=_IMAGE_METHODS[key])
    return Enlargement(model=_UPSCALERS.get(key, upscaler))


def files_called(name: str, have: Sequence[str]) -> tuple[str, ...]:
    """The server's files that *name* may mean: none is missing, several is ambiguous.

    The first of these that finds any decides: the same text; the same path, whatever its slashes, its case, WebUI's short hash behind it
    or its missing suffix; the same file in whatever folder.
    """
    if name in have:
        return (name,)
    wanted = _plain(name)
    for key in (_plain, _bare, _base, lambda one: _bare(_base(one))):
        found = tuple(one for one in have if key(_plain(one)) in (wanted, key(wanted)))
        if found:
            return found
    return ()


def plain_name(file: str | None) -> str | None:
    """A model's name as WebUI's infotext has it: no folder, no suffix."""
    return None if file is None else _SUFFIX.sub("", _base(file.replace("\\", "/")))


def _plain(name: str) -> str:
    return re.sub(r" \[[0-9a-fA-F]{8,64}\]\Z", "", name).replace("\\", "/").casefold()


def _bare(name: str) -> str:
    return _SUFFIX.sub("", name)


def _base(name: str) -> str:
    return name.rpartition("/")[2]


@dataclass(frozen=True)
class Lora:
    """``<lora:name:0.8>``: one network that a prompt asks for."""

    name: str
    model: float
    clip: float


@dataclass(frozen=True)
class Prompt:
    """A prompt, taken apart."""

    text: str
    """In ComfyUI's words."""
    loras: tuple[Lora, ...]
    embeddings: tuple[str, ...]
    """Those that the prompt names outright, by ``<embedding:name>``."""
    unknown: tuple[str, ...]
    """Other networks, like ``<hypernet:name:1>``, which have no counterpart."""
    foreign: tuple[str, ...]
    """What ComfyUI takes for words."""


def read_prompt(text: str, embeddings: Sequence[str] = ()) -> Prompt:
    """Take a prompt apart.

    Args:
        text: As WebUI takes it.
        embeddings: What the server has: WebUI knows them by their bare name, ComfyUI by ``embedding:name``.
    """
    loras: list[Lora] = []
    named: list[str] = []
    unknown: list[str] = []

    def take(found: re.Match[str]) -> str:
        kind, said = found[1].casefold(), found[2]
        if kind in ("lora", "lyco"):
            loras.append(_lora(said))
            return ""
        if kind == "embedding":
            named.append(said.partition(":")[0].strip())
            return f"embedding:{named[-1]}"
        unknown.append(found[0])
        return ""

    words = re.sub(r"[ \t]{2,}", " ", _NETWORK.sub(take, text)).strip()
    for name in sorted(embeddings, key=len, reverse=True):
        words = re.sub(
            rf"(?<![\w:./\\-]){re.escape(name)}(?![\w./\\-])",
            lambda found: f"embedding:{found[0]}",
            words,
        )
    foreign = tuple(dict.fromkeys(found[0] for found in _FOREIGN.finditer(words)))
    return Prompt(words, tuple(loras), tuple(named), tuple(unknown), foreign)


def _lora(said: str) -> Lora:
    """``name:te:unet`` or ``name:te=1:unet=0.5``, as WebUI's Lora extension reads it; a strength that is no number is 1."""
    name, *rest = said.split(":")
    named = dict(part.split("=", 1) for part in rest if "=" in part)
    bare = [part for part in rest if "=" not in part]
    clip = _number(named.get("te", bare[0] if bare else "1"), 1.0)
    model = _number(named.get("unet", bare[1] if len(bare) > 1 else ""), clip)
    return Lora(name.strip(), model, clip)


def _number(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:
        return otherwise
