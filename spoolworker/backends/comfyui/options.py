"""The options of the ``comfyui`` backend, as text from a configuration."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from spoolworker.backends.options import BackendOptions

Seconds = Annotated[float, Field(gt=0)]


class Options(BackendOptions):
    """What a worker's own configuration says of its ComfyUI. Secrets are not shown by ``repr``."""

    backend: ClassVar[str] = "comfyui"

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
