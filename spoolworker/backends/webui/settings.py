"""What a ``webui`` backend is told by this machine's configuration."""

from typing import Annotated, ClassVar

from pydantic import Field

from spoolworker.backends.options import BackendOptions

Seconds = Annotated[float, Field(gt=0)]


class Settings(BackendOptions):
    """The backend's options. Secrets are not shown by ``repr``."""

    backend: ClassVar[str] = "webui"

    url: Annotated[str, Field(repr=False)] = "http://127.0.0.1:7860"
    """Where the server listens; started with ``--api``. 7861 if it was started with ``--nowebui``."""
    login: Annotated[str | None, Field(repr=False)] = None
    """``user:password``, as the server was given by ``--api-auth``."""
    token: Annotated[str | None, Field(repr=False)] = None
    """For a proxy before the server that wants ``Authorization: Bearer``."""
    tls_ca: str | None = None
    """A file of certificates to trust."""
    images_per_request: Annotated[int, Field(ge=1)] = 4
    """How many images are asked for at once; a request that fails loses so many."""
    poll_s: Seconds = 0.5
    """How often progress is asked for, in seconds."""
    preview_s: Annotated[float, Field(ge=0)] = 5.0
    """How often a picture of the work is asked for, which costs the card a little; 0 for never."""
    silent_s: Seconds = 120.0
    """How long the server may answer nothing at all in the midst of a job before it counts as hung."""
    idle_wait_s: Seconds = 120.0
    """How long a server that is busy with something else is waited for."""
    exclusive: bool = True
    """What else runs on the server is interrupted: it can only be left from a worker that died. False: it is waited for.
    Even so, without a page (``--nowebui``) nobody can tell whose job an interrupt meets."""
    write_settings: bool = True
    """Write each setting that requests override once to the server's own, as it stands: else it is not put back after them."""
