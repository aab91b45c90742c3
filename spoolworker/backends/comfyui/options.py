"""The options of the ``comfyui`` backend, as text from a configuration."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from spoolctl.spool import UsageError

Seconds = Annotated[float, Field(gt=0)]


class Options(BaseModel):
    """What a worker's own configuration says of its ComfyUI. Secrets are not shown by ``repr``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    url: Annotated[str, Field(repr=False)] = "http://127.0.0.1:8188"
    """May hold ``user:password@``; it is taken out and never shown."""
    login: SecretStr | None = None
    """``user:password``, where a proxy in front of it asks for one: ComfyUI itself has no log-in."""
    token: SecretStr | None = None
    """For ``Authorization: Bearer``, likewise."""
    tls_ca: Path | None = None
    """A file of certificates to trust, for https with one of its own making."""
    model: str | None = None
    """The checkpoint of chains that name none. Left out: the only one that the server has, else such chains are refused."""
    templates: Path | None = None
    """A folder whose templates take the place of the shipped ones of the same name."""
    output_folder: Path | None = None
    """The server's own output folder, if this machine has it: what was fetched is removed there."""
    websocket: bool = True
    """False: never connect one; progress is then told prompt by prompt."""
    poll_s: Seconds = 1.0
    """Seconds between looks into queue and history."""
    silence_s: Seconds = 600.0
    """A running prompt of which the websocket tells nothing for so many seconds counts as hung."""
    stop_s: Seconds = 30.0
    """Seconds that an orphan or a hung prompt may take to end after it was interrupted."""
    refresh_s: Seconds = 300.0
    """The server's list of nodes and models is read anew after so many seconds, and whenever something seems missing."""

    @classmethod
    def from_text(cls, options: Mapping[str, str]) -> Self:
        """Read options as they come from the command line or a settings file.

        Raises:
            UsageError: An option is not known (the hint names the nearest), or its value cannot be read.
        """
        known = tuple(cls.model_fields)
        for name in options:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f"did you mean '{near[0]}'?" if near else f"it has: {', '.join(known)}"
                raise UsageError(f"backend 'comfyui' has no option '{name}'", hint=hint)
        try:
            return cls.model_validate(dict(options))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            why = first["msg"]
            raise UsageError(
                f"cannot read option '{first['loc'][0]}' of backend 'comfyui': {why[:1].lower()}{why[1:]}",
                hint="options are given as --backend-option KEY=VALUE",
            ) from None
