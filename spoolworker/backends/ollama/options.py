"""The options of the ``ollama`` backend, as text from a configuration."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, SecretStr

from spoolworker.backends.options import BackendOptions

Seconds = Annotated[float, Field(gt=0)]
_UNITS = ("s", "m", "h")


def _duration(text: str) -> str:
    number = text[:-1] if text.endswith(_UNITS) else text
    try:
        float(number)
    except ValueError:
        msg = "must be seconds, or a number with s, m or h, like 10m"
        raise ValueError(msg) from None
    return text


class Options(BackendOptions):
    """What a worker's own configuration says of its Ollama. Secrets are not shown by ``repr``."""

    backend: ClassVar[str] = "ollama"

    url: str = "http://127.0.0.1:11434"
    login: SecretStr | None = None
    """``user:password``, where a proxy in front of it asks for one: Ollama itself has no log-in."""
    token: SecretStr | None = None
    """For ``Authorization: Bearer``, likewise."""
    tls_ca: Path | None = None
    """A file of certificates to trust, for https with one of its own making."""
    keep_alive: Annotated[str, AfterValidator(_duration)] | None = None
    """How long a model stays loaded after its last text: seconds, or like ``10m``; ``0`` frees the memory at once, -1 never does.
    Left out: as the server is set (5 minutes)."""
    silence_s: Seconds = 60.0
    """When a generation has said nothing for so many seconds, the server is asked whether it is alive."""

    @property
    def stay(self) -> float | str | None:
        """``keep_alive`` as the server wants it: a number of seconds, or a text with a unit."""
        if self.keep_alive is None or self.keep_alive.endswith(_UNITS):
            return self.keep_alive
        return float(self.keep_alive)
