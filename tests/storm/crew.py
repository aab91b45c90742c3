"""The crew: the storm's workers and controllers by their names, started, struck and ended through the nursery.

Guarantees: each name has at most one life at any time; who ends although nobody killed it is noted in ``fell``; leaving ``crew_of``
ends everybody, frozen or not, and if this very process is killed the kernel does.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.storm.schedule import Kind, Move

REPOSITORY = Path(__file__).parents[2]
STOP_WAIT_S = 60.0
SCAN_WAIT_S = 120.0
FROM_ITSELF_MAX = 20
"""So many processes may end by themselves before the storm is given up: each is told, and replaced."""


class Nursery:
    """The driver's end of ``nursery.py``."""

    def __init__(self, logs: Path) -> None:
        self._told = (logs / "nursery.txt").open("wb")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SPOOL", "XDG_"))}
        # Nobody's own configuration; and no thread pool, which would not survive a fork.
        own = {"XDG_CONFIG_HOME": str(logs / "none"), "OPENBLAS_NUM_THREADS": "1"}
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.storm.nursery", str(os.getpid())],
            cwd=REPOSITORY, env={**kept, **own}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._told, text=True, start_new_session=True,
        )  # fmt: skip

    def ask(self, **order: object) -> dict[str, Any]:
        """Give one order and wait for its answer."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(json.dumps(order) + "\n")
        self._popen.stdin.flush()
        line = self._popen.stdout.readline()
        assert line, f"the nursery ended: {Path(self._told.name).read_text()}"
        return dict(json.loads(line))

    def close(self) -> None:
        """End it, and with it whatever it forked."""
        try:
            self._popen.communicate(timeout=STOP_WAIT_S)
        finally:
            self._popen.kill()
            self._popen.wait()
            self._told.close()


class Crew:
    """The processes by their names: at most one life of each at any time."""

    def __init__(self, folder: Path, nursery: Nursery) -> None:
        self._folder = folder
        self._nursery = nursery
        self._pids: dict[str, int] = {}
        self.fell: list[str] = []
        self.cpu_s = 0.0

    def start(self, name: str, *more: str) -> None:
        """Begin a life of ``worker-...`` or ``controller-...``."""
        program = name.partition("-")[0]
        logs = self._folder / "logs"
        verbs = ["run"] if program == "worker" else ["controller", "run"]
        own = ["--name", name, "--scratch", str(self._folder / "scratch" / name)]
        arguments = [
            *verbs, "--quiet", "--spool", str(self._folder / "spool"),
            "--log-folder", str(logs / name), *(own if program == "worker" else []), *more,
        ]  # fmt: skip
        told = self._nursery.ask(
            start=name, program=program, arguments=arguments, log=str(logs / f"{name}.txt")
        )
        self._pids[name] = told["pid"]

    def send(self, name: str, number: int) -> None:
        """Send a signal, if it still lives."""
        pid = self._pids.get(name)
        if pid is not None:
            self._nursery.ask(signal=number, pid=pid)

    def do(self, move: Move) -> None:
        """Do one move of the schedule."""
        if move.kind is Kind.KILL:
            self.send(move.victim, signal.SIGKILL)
            self._notice({move.victim: (-signal.SIGKILL,)})
        elif move.kind is Kind.START:
            self.start(move.victim)
        elif move.kind is Kind.FREEZE:
            self.send(move.victim, signal.SIGSTOP)
        else:
            self.send(move.victim, signal.SIGCONT)

    def keep(self, wanted: Iterable[str]) -> None:
        """Start those of *wanted* that do not live: at the begin, and when one fell by itself."""
        self._notice({})
        for name in wanted:
            if name not in self._pids:
                self.start(name)
        assert len(self.fell) <= FROM_ITSELF_MAX, f"they fall by themselves: {self.fell}"

    def stop(self) -> None:
        """Thaw and ask all to stop, as a service manager does, and wait for them."""
        for name in tuple(self._pids):
            self.send(name, signal.SIGCONT)
            self.send(name, signal.SIGTERM)
        self._wait(STOP_WAIT_S)

    def scan_once(self, name: str) -> None:
        """Run a controller for one scan, and wait for it."""
        self.start(name, "--once")
        self._wait(SCAN_WAIT_S)

    def _wait(self, for_s: float) -> None:
        # By the signal itself: one that was started a moment ago does not listen yet.
        fine = dict.fromkeys(self._pids, (0, -signal.SIGTERM))
        until = time.monotonic() + for_s
        while self._pids and time.monotonic() < until:
            self._notice(fine)
            time.sleep(0.02)
        self.fell.extend(f"{name} did not stop within {for_s:g} s" for name in self._pids)

    def _notice(self, fine: Mapping[str, tuple[int, ...]]) -> None:
        """Take those that ended off the list; who ended with another code than is *fine* for it fell."""
        told = self._nursery.ask(ended=True)
        ended, self.cpu_s = told["ended"], told["cpu_s"]
        for name in [one for one, pid in self._pids.items() if str(pid) in ended]:
            code = ended[str(self._pids.pop(name))]
            if code not in fine.get(name, ()):
                self.fell.append(f"{name} ended by itself with {code}")


@contextmanager
def crew_of(folder: Path) -> Iterator[Crew]:
    """A crew whose processes end with the block."""
    nursery = Nursery(folder / "logs")
    try:
        yield Crew(folder, nursery)
    finally:
        nursery.close()
