"""The backend's server as a process of this machine: started by the worker, found dead or hung, ended and started anew.

Only where this machine's configuration says how (``[server]``); otherwise people start it, and the worker waits for it.

Guarantees: nothing is ended that the worker did not start, in this life or, after it was killed, in a former one, but by the command that
the configuration gives for that; two starts are never closer than the back-off; a server that never comes up is started ever more
seldom. Does not judge whether the server answers: the backend's ``probe`` does.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import psutil
from pydantic import BaseModel, ConfigDict, Field

from spoolworker.processes import PATIENCE_S, end_tree, remember, remembered

BACKOFF_S, BACKOFF_S_MAX = 10.0, 600.0
_SILENT_S = 60.0
"""After so long without an answer a server that did answer counts as hung."""
_STOP_S = 60.0
"""How long the command that ends it may take."""


class ServerConfig(BaseModel):
    """How the backend's server is started on this machine."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    start: Annotated[tuple[str, ...], Field(min_length=1)]
    """Program and arguments, one text each; never a shell line."""
    stop: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Another that ends it; for a service or a container, which ``start`` only wakes. Left out: what ``start`` began is ended with
    all that it began."""
    folder: Path | None = None
    """Where it is started; the program's own folder if left out."""
    environment: dict[str, str] = {}
    """Added to the worker's own."""
    grace_s: Annotated[float, Field(gt=0)] = 300.0
    """How long it may take until it answers after its start; then it counts as hung."""


class Serving:
    """One server's lives.

    Args:
        config: ``None``: the server is nobody's here, and nothing is done.
        mono: Seconds of a clock that never goes back.
        file: Where the process is remembered, on this machine.
        output: Where its output goes.
        log: The worker's event log.
    """

    def __init__(
        self,
        config: ServerConfig | None,
        *,
        mono: Callable[[], float],
        file: Path,
        output: Path,
        log: Callable[..., None],
    ) -> None:
        self._config = config
        self._mono = mono
        self._file = file
        self._output = output
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None
        self._starts = 0
        self._woken = False
        """``start`` came to its end without an error, and there is a ``stop``: the server is some other process."""
        self._hung_at: float | None = None
        """When it counts as hung if it does not answer until then; ``None`` while it answers."""
        self._next_start = mono()

    def answered(self) -> None:
        """It answers: the next time that it does not is the first again."""
        self._starts, self._hung_at = 0, None

    def mend(self) -> str | None:
        """It does not answer: start it, or end and start it, if it is time.

        Returns:
            What is being done, for people; ``None`` if nothing is configured.
        """
        if self._config is None:
            return None
        now = self._mono()
        process = self._process()
        if process is not None or self._woken:
            self._hung_at = self._hung_at or now + _SILENT_S
            if now <= self._hung_at:
                return f"its server has {self._hung_at - now:.0f} s left to answer"
            self._log("server.hangs", pid=process.pid if process else None)
            self.end()
        if now < self._next_start:
            return f"its server is started again in {self._next_start - now:.0f} s"
        return self._start(now)

    def end(self, *, whoever_started_it: bool = False) -> bool:
        """End the server with all that it started.

        Args:
            whoever_started_it: Run the command for it also if this worker neither started nor woke the server.

        Returns:
            True if it is gone.
        """
        process = self._process()
        stopped = (whoever_started_it or process is not None or self._woken) and self._stop()
        if process is None:
            self._woken = (
                False  # also if it could not be stopped: then it is woken again, which does no harm
            )
            self._hung_at = None
            return stopped
        gone = end_tree(process)
        self._log("server.ended", pid=process.pid, gone=gone)
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(PATIENCE_S)
        self._hung_at = None
        if gone:
            self._child = None
            with contextlib.suppress(
                OSError
            ):  # what it speaks of is gone, and a later process has another begin
                self._file.unlink(missing_ok=True)
        return gone

    def _stop(self) -> bool:
        """Run the command for it, if there is one; True if that says that it did it."""
        config = self._config
        if config is None or not config.stop:
            return False
        try:
            with self._output_file() as output:
                how = _surroundings(config, config.stop[0], output)
                done = subprocess.run(config.stop, timeout=_STOP_S, check=False, **how)  # noqa: S603 - this machine's own configuration
        except (OSError, subprocess.TimeoutExpired) as error:
            self._log("server.not_stopped", program=config.stop[0], error=str(error))
            return False
        self._log("server.stopped", program=config.stop[0], code=done.returncode)
        return done.returncode == 0

    def _output_file(self) -> BinaryIO:
        self._output.parent.mkdir(parents=True, exist_ok=True)
        return self._output.open("ab")

    def _start(self, now: float) -> str:
        config = self._config
        assert config is not None, "asked by mend, which has one"  # noqa: S101 - a bug, not an error
        self._next_start = now + min(BACKOFF_S * 2.0 ** min(self._starts, 30), BACKOFF_S_MAX)
        self._starts += 1
        self._hung_at = now + config.grace_s
        try:
            with self._output_file() as output:
                self._child = subprocess.Popen(  # noqa: S603 - this machine's own configuration
                    config.start,
                    **_surroundings(config, config.start[0], output),
                    # Ctrl-C at the worker is the worker's to obey; it decides what becomes of the server.
                    creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
                    start_new_session=sys.platform != "win32",
                )
        except OSError as error:
            self._log("server.not_started", program=config.start[0], error=str(error))
            return f"its server cannot be started: {error}"
        self._log("server.started", pid=self._child.pid, program=config.start[0])
        try:
            remember(self._file, self._child.pid)
        except OSError as error:
            self._log("server.unsaved", pid=self._child.pid, error=str(error))
        return "its server is starting"

    def _process(self) -> psutil.Process | None:
        """The server's process, if it lives and was started by this worker."""
        if self._child is not None and self._child.poll() is not None:
            self._woken = self._child.returncode == 0 and bool(self._config and self._config.stop)
            if not self._woken:
                self._log("server.died", pid=self._child.pid, code=self._child.returncode)
            self._child = None
        if self._child is not None:  # though it could not be written down
            with contextlib.suppress(psutil.Error):
                return psutil.Process(self._child.pid)
        return remembered(self._file)


def _surroundings(config: ServerConfig, program: str, output: BinaryIO) -> dict[str, Any]:
    """Where and with what a program of the configuration runs, for ``subprocess``."""
    return {
        "cwd": config.folder or Path(program).parent,
        "env": {**os.environ, **config.environment},
        "stdin": subprocess.DEVNULL,
        "stdout": output,
        "stderr": output,
    }
