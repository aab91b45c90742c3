"""The interface between the agent and whatever makes images: probe, run, and errors as codes.

Made for servers like WebUI and ComfyUI as much as for the embedded ``sketch``. A backend knows nothing of the
spool: it gets a chain of stages and local folders, and leaves files.

The agent calls ``probe`` before it claims and ``run`` for each attempt, in a thread of its own. ``run`` reports
through ``Watch`` and looks at ``Watch.interrupted`` at least every second or so; once that is set it stops the
work (confirming that the server is idle), and raises ``Interrupted``.
"""

import contextlib
import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from spoolctl.spool import BackendUsed, Code, Job, ModelHere, Stage, StageTiming

NO_SPACE = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
"""What a full disk, or a full quota, says."""


class BackendError(Exception):
    """The work failed. The code is set where the error arises and decides what happens next.

    Args:
        code: From the closed list.
        message: One line for people.
        log_tail: The last lines of whatever the server said.
    """

    def __init__(self, code: Code, message: str, *, log_tail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.log_tail = log_tail


@contextlib.contextmanager
def filling(scratch: Path) -> Iterator[None]:
    """For what writes to *scratch*: a disk that is full raises ``BackendError`` (``scratch_full``); other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        raise BackendError(Code.SCRATCH_FULL, f"no space left in '{scratch}'") from error


class Interrupted(Exception):
    """``run`` stopped because ``Watch.interrupted`` was set; the backend is idle."""

    log_tail: str = ""
    """What had been said until then, for the verdict on a job that stood still or took too long."""


@dataclass(frozen=True)
class Abilities:
    """What a backend can do now, as it reports itself."""

    backend: str
    version: str | None
    stages: tuple[str, ...]
    models: tuple[ModelHere, ...] | None
    """``None``: any model name will do."""
    loaded_model: str | None = None
    vaes: tuple[str, ...] | None = None
    loras: tuple[str, ...] | None = None
    embeddings: tuple[str, ...] | None = None
    upscalers: tuple[str, ...] | None = None
    samplers: tuple[str, ...] | None = None
    extensions: tuple[str, ...] | None = None
    """Scripts of WebUI, custom nodes of ComfyUI. ``None``, as for the others: it does not tell."""


@dataclass(frozen=True)
class Order:
    """One attempt's work."""

    stages: tuple[Stage, ...]
    inputs: tuple[Path, ...]
    """Local copies of the job's inputs, in order; feed the first stage if that is not txt2img."""
    scratch: Path
    """An empty local folder that is this attempt's alone; the images are left here."""
    title: str
    """For logs: the job's name. Never a prompt."""
    attempt: str = ""
    """Names this attempt to a server that remembers: the same for the same attempt, another for every other."""
    done: tuple[tuple["Made", ...], ...] = ()
    """What an earlier attempt left of the chain's first stages, whole and verified: local copies, one tuple a stage. The run
    goes on behind them and does not name them again."""
    job: Job | None = None
    """The record, for a program that is given it whole; a backend otherwise works from ``stages``."""


@dataclass(frozen=True)
class Made:
    """One file that the backend left in ``scratch``."""

    path: Path
    """Called as ``layout.output_name`` says, like ``0003-2-upscale.png``; a text ends in ``.txt`` and is UTF-8."""
    stage: str
    image_index: int
    final: bool
    """True for the images of the last stage."""
    width: int
    height: int
    """Of a text both are 0."""
    seed_requested: int | None = None
    seed_actual: int | None = None

    @property
    def is_text(self) -> bool:
        """True if it is a text, and not an image."""
        return self.path.suffix == ".txt"


@dataclass(frozen=True)
class Product:
    """All that a run left. The agent decodes and checks every file before it believes it."""

    made: tuple[Made, ...]
    timings: tuple[StageTiming, ...]
    used: BackendUsed
    warnings: tuple[str, ...] = ()
    log_tail: str = ""
    load_s: float | None = None
    """Seconds in which models were loaded, within the first stage's; 0: none was; ``None``: it cannot tell."""


@dataclass
class Watch:
    """How a run and the agent see each other."""

    interrupted: threading.Event = field(default_factory=threading.Event)
    on_progress: Callable[[float, str], None] = lambda _fraction, _stage: None
    """``on_progress(fraction, stage)``: 0..1 over the whole chain; called whenever it grew."""
    on_preview: Callable[[bytes], None] = lambda _image: None
    """A picture of the work as it stands, as a PNG, JPEG or WEBP file's bytes; called as often as the server has one."""
    on_stage: Callable[[tuple[Made, ...], StageTiming], None] = lambda _made, _timing: None
    """A stage is over; its images lie in scratch, whole."""


class Backend(Protocol):
    """What the agent needs of a backend."""

    name: str

    def probe(self) -> Abilities:
        """Ask what the backend can do now.

        Raises:
            BackendError: It cannot be reached or refuses us.
        """
        ...

    def misfits(self, stages: Sequence[Stage]) -> tuple[str, ...]:
        """What it lacks for a chain beyond what its ``Abilities`` tell, as it knows from its last probe; asked before each claim.

        Raises:
            BackendError: It was never asked before, and cannot be reached.
        """
        ...

    def run(self, order: Order, watch: Watch) -> Product:
        """Run the chain and leave its images in ``order.scratch``.

        Raises:
            BackendError: The work failed.
            Interrupted: ``watch.interrupted`` was set, and the backend is idle again.
        """
        ...


@runtime_checkable
class HoldsMemory(Protocol):
    """What a backend adds whose server keeps models in the card's memory between jobs. Others hold none then."""

    def vram_held_gb(self) -> float | None:
        """What its server holds on the card now, in units of 2**30 bytes; ``None``: it does not tell. Also while ``run`` works.

        Raises:
            BackendError: It cannot be reached or refuses us.
        """
        ...

    def release(self) -> bool:
        """Have the server give the card's memory back, as far as it does; the next ``run`` finds its model again. Never during ``run``.

        Returns:
            False if somebody else is at work with the server, and nothing was done.

        Raises:
            BackendError: It cannot be reached or refuses us.
        """
        ...
