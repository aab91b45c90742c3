"""One run of an allowed program, watched from its start until nothing of it is left.

Guarantees: it is started without a shell, in a session (on Windows: a process group) of its own; when ``Program.end`` has returned True,
it and all that it started and that could be seen are gone; its output is read all the time, so that it never waits for a full pipe.
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from spoolworker.processes import PATIENCE_S, end_tree, family, lives

_LINE_BYTES_MAX = 64 << 10


class Program:
    """A program on its way.

    Args:
        arguments: Program and arguments, one text each.
        folder: Where it is started.
        environment: All of it.
        stdin: A file that it reads as its standard input.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], stdin: Path
    ) -> None:
        self.lines: queue.SimpleQueue[tuple[bool, str]] = queue.SimpleQueue()
        """What it says, as it comes: whether it is standard output, and the line."""
        with stdin.open("rb") as record:
            self._process = subprocess.Popen(  # noqa: S603 - this machine's own configuration
                list(arguments),
                cwd=folder,
                env=dict(environment),
                stdin=record,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Ctrl-C at the worker is the worker's to obey; it decides what becomes of the program.
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
                start_new_session=sys.platform != "win32",
            )
        self.pid = self._process.pid
        self._seen: dict[psutil.Process, None] = {}
        self._root: psutil.Process | None = None
        with contextlib.suppress(psutil.NoSuchProcess):
            self._root = psutil.Process(self.pid)
        self._readers = [
            threading.Thread(target=self._read, args=(stream, is_out), daemon=True)
            for stream, is_out in ((self._process.stdout, True), (self._process.stderr, False))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def exit_code(self) -> int | None:
        """How it ended; ``None`` while it runs, negative for a signal."""
        return self._process.poll()

    def memory_bytes(self) -> int:
        """What it and all that it started hold in memory now."""
        total = 0
        for one in self._look():
            with contextlib.suppress(psutil.Error):
                total += one.memory_info().rss
        return total

    def end(self) -> bool:
        """End it with all that it started; True if nothing of it is left. May be called again."""
        self._look()
        left = [one for one in (*self._seen, *_of_session(self.pid)) if lives(one)]
        gone = not left or end_tree(left[0], left)
        for reader in self._readers:
            # Who inherited its output and hid from us may hold it open.
            reader.join(PATIENCE_S if gone else 0)
        self._process.poll()
        return gone

    def _look(self) -> list[psutil.Process]:
        """It and all below it; those that were seen are remembered, for its death makes them nobody's."""
        found = family(self._root) if self._root is not None and lives(self._root) else []
        self._seen |= dict.fromkeys(found)
        return [one for one in self._seen if lives(one)]

    def _read(self, stream: IO[bytes], is_out: bool) -> None:  # noqa: FBT001 - which of the two
        with stream, contextlib.suppress(ValueError):
            while line := stream.readline(_LINE_BYTES_MAX):
                self.lines.put((is_out, line.decode(errors="replace").rstrip("\r\n")))


def _of_session(leader: int) -> list[psutil.Process]:
    """The processes of a session, also those whose parents are gone; none on Windows, which has no sessions of this kind."""
    if sys.platform == "win32":
        return []
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getsid(one.pid) == leader:
                found.append(one)
    return found
