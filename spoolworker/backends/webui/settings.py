"""What a ``webui`` backend is told by this machine's configuration."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from spoolctl.spool import UsageError

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


@dataclass(frozen=True)
class Settings:
    """The backend's options, each given as text by ``--backend-option`` or the configuration file."""

    url: str = field(default="http://127.0.0.1:7860", repr=False)
    """Where the server listens; started with ``--api``. 7861 if it was started with ``--nowebui``."""
    login: str | None = field(default=None, repr=False)
    """``user:password``, as the server was given by ``--api-auth``."""
    token: str | None = field(default=None, repr=False)
    """For a proxy before the server that wants ``Authorization: Bearer``."""
    tls_ca: str | None = None
    """A file of certificates to trust."""
    images_per_request: int = 4
    """How many images are asked for at once; a request that fails loses so many."""
    poll_s: float = 0.5
    """How often progress is asked for, in seconds."""
    preview_s: float = 5.0
    """How often a picture of the work is asked for, which costs the card a little; 0 for never."""
    silent_s: float = 120.0
    """How long the server may answer nothing at all in the midst of a job before it counts as hung."""
    idle_wait_s: float = 120.0
    """How long a server that is busy with something else is waited for."""
    exclusive: bool = True
    """What else runs on the server is interrupted: it can only be left from a worker that died. False: it is waited for.
    Even so, without a page (``--nowebui``) nobody can tell whose job an interrupt meets."""
    write_settings: bool = True
    """Write each setting that requests override once to the server's own, as it stands: else it is not put back after them."""

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> "Settings":
        """Read them.

        Raises:
            UsageError: One is not known, or its value cannot be read. The value is never repeated: it may be a secret.
        """
        kinds = {one.name: one.type for one in fields(cls)}
        values: dict[str, Any] = {}
        for key, text in options.items():
            if key not in kinds:
                near = difflib.get_close_matches(key, kinds, n=1)
                known = ", ".join(kinds)
                raise UsageError(
                    f"webui has no option '{key}'; known: {known}",
                    hint=f"did you mean '{near[0]}'?" if near else f"choose one of: {known}",
                )
            values[key] = _read(key, text, str(kinds[key]))
        return cls(**values)


def _read(key: str, text: str, kind: str) -> "str | float | bool":
    if "str" in kind:
        return text
    if "bool" in kind:
        if text.lower() in _TRUE + _FALSE:
            return text.lower() in _TRUE
        raise UsageError(f"webui option '{key}' is neither true nor false", hint="write true")
    try:
        value = int(text) if "int" in kind else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < (0 if key == "preview_s" else 0.001):
        raise UsageError(f"webui option '{key}' is no number that it can be", hint="like 4")
    return value
