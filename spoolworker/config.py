"""A worker's own configuration: a TOML file on its machine, then the environment, then flags; the last to say something wins.

Guarantees: every value is checked, and an unknown key is an error that names the nearest known one; ``Loaded.origins`` tells where each
value came from. Secrets belong here and never into the spool.
"""

import difflib
import os
import platform
import re
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from spoolctl.spool import CommandName, JobClass, UsageError, is_worker_name, slug
from spoolworker.availability import AvailabilityConfig
from spoolworker.commands import AllowedCommand
from spoolworker.models import Kind
from spoolworker.serving import ServerConfig

ENVIRONMENT = "SPOOLWORKER_"
_SHOWN_CHARS_MAX = 200
_CARDS = 64
_UUID_BEGIN = re.compile(r"^(?=.*[0-9-]).{4,100}$")
"""Every maker's has digits or dashes; a word like 'first' is none."""


def _no_nul(path: Path) -> Path:
    if "\0" in str(path):
        msg = "a path holds no NUL character"
        raise ValueError(msg)
    return path


def _card_wanted(value: object) -> object:
    """An index may come as text, from the environment or a flag."""
    wanted = int(value) if isinstance(value, str) and value.isdecimal() else value
    is_index = isinstance(wanted, int) and not isinstance(wanted, bool) and 0 <= wanted < _CARDS
    if is_index or (isinstance(wanted, str) and _UUID_BEGIN.search(wanted)):
        return wanted
    msg = f"should be a card's index, 0 to {_CARDS - 1}, or how its uuid begins"
    raise ValueError(msg)


CardWanted = Annotated[int | str, BeforeValidator(_card_wanted)]
LocalPath = Annotated[Path, AfterValidator(_no_nul)]


class ModelFolders(BaseModel):
    """Where models lie, on this machine or on a share: best the very folders that the backend's server reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoints: tuple[LocalPath, ...] = ()
    loras: tuple[LocalPath, ...] = ()
    vaes: tuple[LocalPath, ...] = ()
    embeddings: tuple[LocalPath, ...] = ()
    upscalers: tuple[LocalPath, ...] = ()

    def by_kind(self) -> dict[Kind, tuple[Path, ...]]:
        """The kinds for which folders are named, and these."""
        every: dict[Kind, tuple[Path, ...]] = {
            "checkpoints": self.checkpoints,
            "loras": self.loras,
            "vaes": self.vaes,
            "embeddings": self.embeddings,
            "upscalers": self.upscalers,
        }
        return {kind: folders for kind, folders in every.items() if folders}


class Config(BaseModel):
    """What a worker is told about itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    spool: LocalPath
    """The spool's folder, as this machine sees it."""
    name: str
    """Unique in the spool: up to 40 of a-z 0-9 -."""
    backend: str = "sketch"
    backend_options: dict[str, str] = {}
    server: ServerConfig | None = None
    """How the backend's server is started on this machine; left out: people start it, and the worker waits for it."""
    commands: dict[CommandName, AllowedCommand] = {}
    """What the backend ``command`` may run, by the names that jobs use."""
    models: ModelFolders = ModelFolders()
    """Folders of model files, which are listed and read for their digests; none: the worker knows what its backend tells."""
    gpu: CardWanted = 0
    """The card: its index, as nvidia-smi counts them, or how its uuid begins; 'spoolworker gpus' lists them."""
    vram_gb: Annotated[float, Field(ge=0)] | None = None
    """The card's memory in GB (2**30 bytes); read from the card if left out."""
    tags: tuple[str, ...] = ()
    prefers: tuple[str, ...] = ()
    """Models for which this worker is meant above all, like ``flux*``."""
    reserved_for: tuple[JobClass, ...] = ()
    """Classes for which it is kept free, like ``interactive``; none: it takes any."""
    reserved_until_idle_s: Annotated[float, Field(ge=0)] | None = None
    """After so long without a job of those classes it takes others, too; left out: never."""
    scratch: LocalPath
    """A local folder for work in progress. Never on the share."""
    log_folder: LocalPath
    drain: bool = False
    """Leave when the queues hold nothing that this worker could run."""
    once: bool = False
    """Leave after one job, or at once if there is none."""
    sick_after: Annotated[int, Field(ge=0, le=100)] = 3
    """When so many different jobs in a row failed here, claim no more for a while, then try one; 0: never."""
    sick_wait_s: Annotated[float, Field(gt=0)] = 300.0
    """How long a sick worker waits before it tries one job; twice as long after each that fails, up to 16 times."""
    availability: AvailabilityConfig = AvailabilityConfig()
    """When this machine is the spool's: hours, pauses, and not while somebody uses it."""
    interrupt_wait_s: Annotated[float, Field(gt=0)] = 30.0
    """How long an interrupted backend may take to come to rest before this process gives it up and ends."""

    @property
    def model_hashes(self) -> Path:
        """The file in which the digests of this machine's models are remembered."""
        return self.scratch / f"models-{self.name}.json"

    @property
    def event_log(self) -> Path:
        """Where the worker's event log goes."""
        return self.log_folder / f"worker-{self.name}.jsonl"

    @property
    def pause_file(self) -> Path:
        """The file by which the worker is paused on its own machine; not in scratch, which a restart of the machine may empty."""
        return self.availability.pause_file or self.log_folder / f"pause-{self.name}.json"


@dataclass(frozen=True)
class Loaded:
    """A configuration, and where each value came from."""

    config: Config
    origins: dict[str, str]


def default_file() -> Path:
    """Where the configuration lies unless told otherwise."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming"))
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config"))
    return base / "spool" / "worker.toml"


def load(
    flags: Mapping[str, Any],
    *,
    file: Path | None,
    environment: Mapping[str, str],
    log_folder: Path,
) -> Loaded:
    """Put a configuration together.

    Args:
        flags: What the command line says; ``None`` where it says nothing.
        file: The TOML file; ``None`` for the default one, which need not exist.
        environment: The process's environment.
        log_folder: The default for ``log_folder``.

    Raises:
        UsageError: A value is missing or makes no sense, or *file* is not there or not TOML.
    """
    values: dict[str, Any] = {"log_folder": log_folder}
    origins = {"log_folder": "default"}
    sources = (
        (_from_file(file), f"file {file or default_file()}"),
        (_from_environment(environment), "environment"),
        ({key: value for key, value in flags.items() if value is not None}, "flag"),
    )
    for source, origin in sources:
        for key, value in source.items():
            before = values.get(key)
            if key == "backend_options" and isinstance(value, dict):
                value = {k: _text(v) for k, v in value.items()}  # noqa: PLW2901
                # What the file says of it may be no table; then it is replaced like any other value.
                value = {**(before if isinstance(before, dict) else {}), **value}  # noqa: PLW2901
            values[key] = value
            origins[key] = origin
    _complete(values, origins)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise _refusal(error) from None
    for field in Config.model_fields:
        origins.setdefault(field, "default")
    if not is_worker_name(config.name):
        raise UsageError(
            f"worker name {_shown(config.name)} has other characters than a-z, 0-9 and '-', or is too long",
            hint="give one with --name, like 'attic-gpu0'",
        )
    return Loaded(config, origins)


def _complete(values: dict[str, Any], origins: dict[str, str]) -> None:
    if "spool" not in values:
        raise UsageError(
            "which spool? none is named", hint="name its folder with --spool or SPOOL_ROOT"
        )
    if "name" not in values:
        machine = slug(platform.node()) or "worker"
        gpu = slug(str(values.get("gpu", 0)))[:16]
        values["name"], origins["name"] = f"{machine}-gpu{gpu}", "default"
    if "scratch" not in values:
        values["scratch"] = Path(tempfile.gettempdir()) / "spool-scratch" / str(values["name"])
        origins["scratch"] = "default"


def _shown(value: object) -> str:
    """*value* in a message: on one line and not long, whatever the file said."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[: _SHOWN_CHARS_MAX - 3]}..."


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _from_file(file: Path | None) -> dict[str, Any]:
    path = file or default_file()
    try:
        # Notepad marks UTF-8 by three bytes that TOML does not know.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        if file is None:
            return {}
        raise UsageError(
            f"configuration file '{path}' is not there", hint="check --config"
        ) from None
    except OSError as error:
        raise UsageError(
            f"cannot read configuration file '{path}': {error.strerror or error}",
            hint="check --config, and who may read that file",
        ) from None
    except (ValueError, RecursionError) as error:
        # Not UTF-8, not TOML, a number of too many digits, a list that is nested too deep
        raise UsageError(
            f"cannot read configuration file '{path}': {error}",
            hint="it must be TOML, in UTF-8",
        ) from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if environment.get("SPOOL_ROOT"):
        values["spool"] = environment["SPOOL_ROOT"]
    for key, value in environment.items():
        field = key.removeprefix(ENVIRONMENT).lower()
        if not key.startswith(ENVIRONMENT) or not value:  # an empty variable says nothing
            continue
        if field in ("tags", "prefers", "reserved_for"):
            values[field] = tuple(part.strip() for part in value.split(",") if part.strip())
        elif field == "backend_options":
            values[field] = parse_options(value.split(","))
        else:
            values[field] = value
    return values


def parse_options(pairs: list[str]) -> dict[str, str]:
    """Read ``KEY=VALUE`` texts.

    Raises:
        UsageError: One has no '='.
    """
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                f"backend option {_shown(pair)} is not KEY=VALUE", hint="like seconds_per_image=2"
            )
        found[key.strip()] = value.strip()
    return found


def _refusal(error: ValidationError) -> UsageError:
    first = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        table, dot, key = field.rpartition(".")
        tables: dict[str, type[BaseModel]] = {
            "models": ModelFolders, "server": ServerConfig, "availability": AvailabilityConfig,
        }  # fmt: skip
        inner = tables.get(table) if dot else None
        known = list((inner or Config).model_fields)
        close = difflib.get_close_matches(key if inner else field, known, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"
        return UsageError(f"unknown configuration key {_shown(field)}", hint=hint)
    return UsageError(
        f"configuration value {_shown(field)}: {first['msg']}, not {_shown(first.get('input'))}",
        hint="'spoolworker config' prints every value and where it came from",
    )
