"""What one WebUI has, as it lists it: names looked up before they are sent, since it takes unknown ones without a word. Pure.

A name that the server does not have is ``model_missing``: another node may have it.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Any

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError

MODULES = "forge_additional_modules"
"""The option by which Forge loads a VAE, and text encoders; A1111 has ``sd_vae`` instead."""
_NEAR = 3


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, by the names under which the server knows it."""

    name: str
    """``model_name``, which stays; the title changes once the file was hashed."""
    file: str
    """The file's name without its suffix: what the server reports after it sampled."""
    sha256: str | None
    short: str | None
    names: frozenset[str]
    """Everything that a person may call it by."""

    @classmethod
    def from_listing(cls, one: Mapping[str, Any]) -> "Checkpoint":
        """Read one entry of ``/sd-models``."""
        # A Windows path knows both slashes
        path = PureWindowsPath(str(one["filename"]))
        name = str(one["model_name"])
        names = {name, path.name, path.stem, str(one["title"])}
        names |= {str(one[key]) for key in ("hash", "sha256") if one.get(key)}
        sha256, short = one.get("sha256"), one.get("hash")
        return cls(name, path.stem, sha256 or None, short or None, frozenset(names))


@dataclass(frozen=True)
class Known:
    """The server's lists."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Its settings as they stand."""
    checkpoints: tuple[Checkpoint, ...] = ()
    vaes: Mapping[str, str] = field(default_factory=dict)
    """File name by name; of Forge its modules, text encoders among them."""
    samplers: Mapping[str, str] = field(default_factory=dict)
    """The name to send, by every name and alias in lower case."""
    schedulers: Mapping[str, str] = field(default_factory=dict)
    """The label to send, by every name, label and alias in lower case."""
    upscalers: Mapping[str, str | None] = field(default_factory=dict)
    """Path by name; ``None`` needs no file."""
    latent_modes: frozenset[str] = frozenset()
    loras: frozenset[str] | None = None
    """Names and aliases; ``None``: the server was started without LoRA."""
    lora_names: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()
    styles: frozenset[str] = frozenset()
    scripts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """In lower case, under ``txt2img`` and ``img2img``."""
    extensions: tuple[str, ...] = ()
    detectors: tuple[str, ...] | None = None
    """ADetailer's models, if it tells."""
    detector_keys: frozenset[str] | None = None
    """What an ADetailer tab may say, if it tells; one word more switches it off in silence."""
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What a request may say, by path; empty if the server does not tell."""

    @property
    def is_forge(self) -> bool:
        """True for Forge and its descendants."""
        return MODULES in self.options

    def checkpoint(self, name: str) -> Checkpoint:
        """The checkpoint of that name, file name, title or hash.

        Raises:
            BackendError: ``model_missing``; also if two could be meant.
        """
        found = [one for one in self.checkpoints if name == one.name]
        found = found or [one for one in self.checkpoints if name in one.names]
        folded = name.casefold()
        found = found or [
            one for one in self.checkpoints if folded in {n.casefold() for n in one.names}
        ]
        if len(found) > 1:
            which = ", ".join(one.name for one in found)
            raise BackendError(Code.MODEL_MISSING, f"'{name}' may be each of {which}")
        if not found:
            raise missing("checkpoint", name, (one.name for one in self.checkpoints))
        return found[0]

    def vae(self, name: str) -> str:
        """The file of the VAE of that name."""
        folded = name.casefold()
        for known, file in self.vaes.items():
            stem = known.rsplit(".", 1)[0]
            if folded in (known.casefold(), stem.casefold()):
                return file
        raise missing("VAE", name, self.vaes)

    def sampler(self, name: str) -> tuple[str, str | None]:
        """The sampler's name, and the scheduler's label if the name holds one as in old versions (``DPM++ 2M Karras``)."""
        folded = name.casefold()
        if folded in self.samplers:
            return self.samplers[folded], None
        for known, label in self.schedulers.items():
            rest = folded.removesuffix(f" {known}")
            if rest != folded and rest in self.samplers:
                return self.samplers[rest], label
        raise missing("sampler", name, set(self.samplers.values()))

    def scheduler(self, name: str) -> str:
        """The scheduler's label."""
        label = self.schedulers.get(name.casefold())
        if label is None:
            raise missing("scheduler", name, set(self.schedulers.values()))
        return label

    def upscaler(self, name: str, *, latent: bool = False) -> str:
        """The upscaler's name; its weights must lie on the server's disk, or it would only resize and not say so."""
        if latent and name in self.latent_modes:
            return name
        if name not in self.upscalers:
            raise missing("upscaler", name, {*self.upscalers, *self.latent_modes})
        path = self.upscalers[name]
        if path is not None and "://" in path:
            message = f"upscaler '{name}' has no weights on the server's disk"
            raise BackendError(
                Code.MODEL_MISSING, f"{message}; use it there once, which downloads them"
            )
        return name

    def lora(self, name: str) -> None:
        """Do nothing if that LoRA is there; its name counts to the letter, since prompts are sent as they are."""
        if self.loras is None:
            raise BackendError(
                Code.MODEL_MISSING, f"LoRA '{name}': this server is started without LoRA"
            )
        if name not in self.loras:
            raise missing("LoRA", name, self.loras)

    def style(self, name: str) -> None:
        """Do nothing if that style is there."""
        if name not in self.styles:
            raise missing("style", name, self.styles)

    def script(self, name: str, tab: str) -> None:
        """Do nothing if that script is there, under ``txt2img`` or ``img2img``."""
        have = self.scripts.get(tab, frozenset())
        if name.lower() not in have:
            raise missing(f"script of {tab}", name, have)

    def detector(self, name: str) -> None:
        """Do nothing if that model of ADetailer is there, or if ADetailer does not tell."""
        if self.detectors is not None and name not in self.detectors:
            raise missing("ADetailer model", name, self.detectors)


def missing(kind: str, name: str, known: Iterable[str]) -> BackendError:
    """The error for what the server does not have; names the nearest that it has."""
    near = difflib.get_close_matches(name, list(known), n=_NEAR)
    hint = f"; near: {', '.join(near)}" if near else ""
    return BackendError(Code.MODEL_MISSING, f"webui has no {kind} '{name}'{hint}")


def file_name(path: str) -> str:
    """The last part of a path of the server's machine, whichever kind of machine that is."""
    return PureWindowsPath(path).name
