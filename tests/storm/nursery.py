"""The nursery: one process that has imported both programs and forks a worker or a controller whenever it is asked to.

Starting an interpreter with all imports costs most of a second of processor time, so that at four kills a second nothing would
ever run. A fork costs some milliseconds, and its child is a process like any other: its own id, its own signals, its own locks.

Guarantees: it has one thread only, so that a fork copies nobody's lock; a child's id is its own until the nursery says that it ended,
so that no signal reaches another; children end with the nursery, and the nursery ends with whoever started it, however that
ended. Linux only.

Orders come as lines of JSON on standard input, answers go as lines of JSON to standard output:
``{"start": NAME, "program": "worker"|"controller", "arguments": [...], "log": FILE}`` is answered by ``{"pid": PID}``,
``{"signal": NUMBER, "pid": PID}`` by ``{"sent": true}``, or false if it has ended, ``{"ended": true}`` by ``{"ended": {PID: CODE},
"cpu_s": SECONDS}``: those that ended since the last such question, and the processor time of all that ever did. A code below zero is
minus the signal that ended it.
"""

import ctypes
import gc
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Let the kernel kill this process when the thread that made it ends; at once if that was before."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _programs() -> dict[str, Callable[[], object]]:
    """Both programs, with all that they import on their way (a backend, for instance)."""
    import pynvml  # noqa: F401
    from filelock import FileLock  # noqa: F401

    import spoolctl.cli.app
    import spoolworker.cli
    from spoolworker.backends import open_backend

    open_backend("sketch", {})
    return {"worker": spoolworker.cli.main, "controller": spoolctl.cli.app.main}


class Nursery:
    """The children, and what is done to them."""

    def __init__(self, programs: dict[str, Callable[[], object]]) -> None:
        self._programs = programs
        self._living: set[int] = set()
        self._ended: dict[int, int] = {}

    def answer(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do what one line asks."""
        if "start" in order:
            return {"pid": self._start(order)}
        if "signal" in order:
            return {"sent": self._signal(int(order["pid"]), int(order["signal"]))}
        self._collect()
        ended, self._ended = self._ended, {}
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {"ended": ended, "cpu_s": spent.ru_utime + spent.ru_stime}

    def _start(self, order: dict[str, Any]) -> int:
        nursery = os.getpid()
        heard, said = os.pipe()
        pid = os.fork()
        if pid == 0:
            _live(self._programs[order["program"]], order, nursery, said)
        self._living.add(pid)
        os.close(said)
        os.read(heard, 1)  # one frozen before it was tied to its parent would outlive it
        os.close(heard)
        return pid

    def end_all(self) -> None:
        """Kill whoever lives, frozen or not, and wait for it."""
        for pid in tuple(self._living):
            self._signal(pid, signal.SIGKILL)

    def _signal(self, pid: int, number: int) -> bool:
        self._collect()
        if pid not in self._living:
            return False
        os.kill(pid, number)  # ours until it is waited for, so the id is nobody else's
        if number == signal.SIGKILL:
            self._note(pid, os.waitpid(pid, 0)[1])
        return True

    def _collect(self) -> None:
        for pid in tuple(self._living):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._note(pid, status)

    def _note(self, pid: int, status: int) -> None:
        self._living.discard(pid)
        self._ended[pid] = os.waitstatus_to_exitcode(status)


def _live(
    program: Callable[[], object], order: dict[str, Any], nursery: int, said: int
) -> NoReturn:
    """A child's life; never returns into the nursery's loop."""
    code = 1
    try:
        end_with_parent(nursery)
        os.write(said, b"!")
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for here, there in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(here, there)
        # Above all the nursery's answers: whoever waits for their end would wait for the child's.
        os.closerange(3, 64)
        sys.argv = [order["start"], *order["arguments"]]
        program()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - told, and then this process ends
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(
            code
        )  # not sys.exit: what the nursery would do at its end is not the child's to do


def main() -> int:
    """Serve until standard input ends."""
    end_with_parent(int(sys.argv[1]))
    nursery = Nursery(_programs())
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        sys.stderr.write(f"the nursery has {threads} threads and cannot fork safely\n")
        return 1
    gc.collect()
    gc.freeze()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    try:
        for line in iter(sys.stdin.readline, ""):
            out.write(json.dumps(nursery.answer(json.loads(line))) + "\n")
            out.flush()
    finally:
        nursery.end_all()
    return 0


if __name__ == "__main__":
    assert Path("/proc/self/task").is_dir(), "the nursery needs Linux"
    sys.exit(main())
