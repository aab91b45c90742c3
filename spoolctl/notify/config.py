"""Where people are and what they want to know: a YAML file on the controller's own machine.

Addresses hold secrets (tokens, passwords), so the file lies on no share, and no message, log or error of ours repeats one. docs/NOTIFY.md
lists the keys.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from spoolctl.notify.news import EVENTS, Event, Rules
from spoolctl.scheduling.hours import Hours, parse_hours
from spoolctl.spool import BadRecord, Submitted, UsageError, from_mapping, parse_mapping

ENV_FILE: Final = "SPOOL_NOTIFY"
_SCHEMA: Final = "spool.notify/1"
_BYTES_MAX: Final = 1 << 20
_KEY: Final = re.compile("[a-z_]{1,30}")
"""No address is written so."""
_QUOTED: Final = re.compile("'.*'", re.DOTALL)
_OTHERS: Final = stat.S_IRGRP | stat.S_IROTH

Name = Annotated[str, Field(min_length=1, max_length=60)]
Url = Annotated[str, Field(min_length=3, max_length=4_000)]


class Named(Submitted):
    """An address with a name, by which logs call it."""

    name: Name
    url: Url


class Config(Submitted):
    """What the file says."""

    schema_: Literal["spool.notify/1"] = Field(alias="schema")
    addresses: Annotated[tuple[Named, ...], Field(min_length=1, max_length=50)]
    title: Annotated[str, Field(max_length=60)] = "spool"
    """Stands before each message; empty: nothing does."""
    events: tuple[Event, ...] = EVENTS
    quiet: tuple[str, ...] = ()
    """When nothing is told, by this machine's clock on the wall: as a worker's ``hours``, or times alone, which means daily."""
    pictures: bool = True
    failing_from: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    idle_after_min: Annotated[float, Field(ge=0, le=100_000)] = 15.0
    share_free_gb: Annotated[float, Field(ge=0)] = 20.0
    share_free_percent: Annotated[float, Field(ge=0, lt=100)] = 0.0

    @model_validator(mode="after")
    def _can_be_meant(self) -> "Config":
        names = [one.name for one in self.addresses]
        if len(set(names)) < len(names):
            msg = "two addresses have the same name"
            raise ValueError(msg)
        _ = self.hours
        return self

    @property
    def hours(self) -> Hours | None:
        """The quiet hours; ``None``: there are none.

        Raises:
            UsageError: They cannot be read.
        """
        texts = [f"daily {one}" if one.strip()[:1].isdigit() else one for one in self.quiet]
        return parse_hours(texts) if texts else None

    @property
    def rules(self) -> Rules:
        """What is news."""
        return Rules(
            events=frozenset(self.events),
            failing_from=self.failing_from,
            idle_after_s=60.0 * self.idle_after_min,
            free_bytes=1e9 * self.share_free_gb,
            free_fraction=self.share_free_percent / 100,
        )


def config_file(said: Path | None) -> Path | None:
    """The file that was named: by an option, else by ``$SPOOL_NOTIFY``; ``None``: nobody is to be told."""
    if said is not None:
        return said
    found = os.environ.get(ENV_FILE)
    return Path(found) if found else None


def read_config(path: Path) -> Config:
    """What the file says.

    Raises:
        UsageError: It is not there, cannot be read, or a value in it makes no sense; no message repeats a value.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(
            f"cannot read '{path}', which says whom to tell: {error.strerror or error}",
            hint=f"check --notify, --config or ${ENV_FILE}; docs/NOTIFY.md has an example",
        ) from None
    try:
        mapping = parse_mapping(data[:_BYTES_MAX].decode("utf-8-sig"))
        mapping.setdefault("schema", _SCHEMA)
        mapping["addresses"] = _with_names(mapping.get("addresses"))
        return from_mapping(Config, mapping)
    except UnicodeDecodeError:
        raise UsageError(f"'{path}' is not UTF-8", hint="save it as UTF-8") from None
    except BadRecord as error:
        at = f", line {error.line}" if error.line else ""
        is_jobs = error.hint == BadRecord.hint or "metadata" in error.hint  # of a job's record
        hint = "docs/NOTIFY.md lists the keys" if is_jobs else error.hint
        raise UsageError(f"'{path}'{at}: {_without_values(error)}", hint=hint) from None
    except UsageError as error:
        raise UsageError(f"'{path}': 'quiet' is no hours", hint=error.hint) from None


def others_may_read(path: Path) -> bool:
    """True if this machine's other users can read the secrets in it; never on Windows, which does not tell it so."""
    return os.name == "posix" and bool(path.stat().st_mode & _OTHERS)


def _without_values(error: BadRecord) -> str:
    """What is wrong, but for what was written: an address may have got anywhere, also in the place of a key, a tag or an alias."""
    text = str(error)
    first, *more = (error.field or "").split(".")
    if not first:
        return text if text.startswith("not YAML") else _QUOTED.sub("'...'", text)
    if first == "addresses":
        at = ".".join([first, *(one for one in more[:1] if one.isdecimal())])
        return f"'{at}' is no address: a URL that apprise knows, or a name and a url"
    if first == "schema":
        return f"key 'schema' must be '{_SCHEMA}'"
    if text.startswith("unknown key"):
        return f"unknown key '{first}'" if _KEY.fullmatch(error.field or "") else "unknown key"
    return text.partition(", not ")[0]


def _with_names(found: Any) -> Any:  # noqa: ANN401 - whatever a person wrote
    """An address that is only a URL is called by its number and its kind."""
    if not isinstance(found, list):
        return found
    return [_named(number, one) for number, one in enumerate(found, 1)]


def _named(number: int, one: object) -> object:
    if isinstance(one, str):
        return {"name": _called(number, one), "url": one}
    if isinstance(one, Mapping) and "name" not in one and isinstance(one.get("url"), str):
        return {"name": _called(number, one["url"]), **one}
    return one


def _called(number: int, url: str) -> str:
    kind = url.partition("://")[0]
    return f"{number}-{kind[:20]}" if kind.isalnum() and kind != url else f"{number}"
