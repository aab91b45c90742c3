"""The demo's processes: a controller and workers, started, killed, asked to stop, and never left behind.

Guarantees: leaving the ``with`` block ends every process that it started, and each of them ends by itself if this process is
killed (``leash``). Nothing of theirs goes anywhere but into the demo's own folder.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

STOP_WAIT_S = 5.0
"""How long all of them together may take to stop."""
_OWN_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
_OURS = ("SPOOLWORKER_", "SPOOL_ROOT")


class Cast:
    """The processes of one demo.

    Args:
        home: The demo's folder; the spool lies in it as ``spool``.
    """

    def __init__(self, home: Path) -> None:
        self.root = home / "spool"
        self.logs = home / "logs"
        self._home = home
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.logs.mkdir(exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in tuple(self._running):
            self.kill(name)

    def start_controller(self) -> None:
        """Start the controller."""
        self._start(
            "controller", "spoolctl.cli.app",
            "controller", "run", "--spool", str(self.root), "--log-folder", str(self.logs),
        )  # fmt: skip

    def start_worker(self, name: str, options: dict[str, str | float]) -> None:
        """Start a worker with the embedded backend and these options of it."""
        settings = {
            "spool": str(self.root),
            "name": name,
            "backend": "sketch",
            "scratch": str(self._home / "scratch" / name),
            "log_folder": str(self.logs),
        }
        # A file of its own, because the one in the user's home must not have a say here. JSON's
        # strings and numbers are TOML's.
        lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        lines += ["[backend_options]", *(f"{k} = {json.dumps(v)}" for k, v in options.items())]
        config = self._home / f"worker-{name}.toml"
        config.write_text("\n".join([*lines, ""]), encoding="utf-8")
        self._start(name, "spoolworker.cli", "run", "--config", str(config))

    def kill(self, name: str) -> None:
        """End a process as ``kill -9`` does; it learns nothing of it."""
        process = self._running.pop(name)
        process.kill()
        process.wait()  # also collects it: a process that nobody collected still has its number
        self._let_go(process)

    def stop(self) -> list[str]:
        """Ask all to stop, and end those that do not; gives the names of these."""
        for process in self._running.values():
            if process.stdin is not None and process.poll() is None:
                process.stdin.write(b"s")
                process.stdin.flush()
        stubborn = []
        until = time.monotonic() + STOP_WAIT_S
        for name, process in tuple(self._running.items()):
            try:
                process.wait(timeout=max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                stubborn.append(name)
                self.kill(name)
            else:
                self._let_go(self._running.pop(name))
        return stubborn

    def ended(self) -> dict[str, int]:
        """The processes that ended although nobody asked them to, and with what."""
        codes = {name: process.poll() for name, process in self._running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def _start(self, name: str, module: str, *arguments: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
        with (self.logs / f"{name}.txt").open("ab") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, "-m", "spoolctl.demo.leash", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[2],
                env=environment,
                start_new_session=True,  # Ctrl-C is the demo's to hear
                creationflags=_OWN_GROUP,
            )

    @staticmethod
    def _let_go(process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            process.stdin.close()
