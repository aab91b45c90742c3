"""A backend's options, read from texts as they stand in a configuration or on a command line."""

import difflib
from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from spoolctl.spool import UsageError

SECRETS = frozenset({"login", "password", "token"})
"""Options, of any backend, that are shown to nobody."""
_HIDDEN = SECRETS | {"url"}
"""Not repeated in an error either: an address may hold a password."""


class BackendOptions(BaseModel):
    """Base of one backend's options."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    backend: ClassVar[str]
    """Whose options they are, for messages."""

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
                all_known = f"it has: {', '.join(known)}" if known else "it has none"
                hint = f"did you mean '{near[0]}'?" if near else all_known
                raise UsageError(f"backend '{cls.backend}' has no option '{name}'", hint=hint)
        try:
            return cls.model_validate(dict(options))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            why = first["msg"].removeprefix("Value error, ")
            name = str(first["loc"][0]) if first["loc"] else ""
            value = "" if name in _HIDDEN else f"={first['input']}"
            where = f"option '{name}{value}' of " if name else ""
            raise UsageError(
                f"cannot read {where}backend '{cls.backend}': {why[:1].lower()}{why[1:]}",
                hint="options are given as --backend-option KEY=VALUE",
            ) from None
