"""Programs of this machine that a worker started: known again after the worker's own death, and ended with all that they started.

Guarantees: nothing is ended that was not started by this worker, in this life or a former one: a process is known by its number *and* its
begin, for numbers are used again. Does not find what a program started and then abandoned, unless it was seen before (``also``).
"""

import contextlib
import json
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

PATIENCE_S = 10.0
"""How long a program may take to end by itself once it is told to."""


def remember(file: Path, pid: int) -> None:
    """Write down which process it is; raises OSError. One that ended at once is not worth it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        told = {"pid": pid, "began_s": psutil.Process(pid).create_time()}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(told))


def remembered(file: Path) -> psutil.Process | None:
    """The process that *file* speaks of, if it is that very one and lives."""
    with contextlib.suppress(
        OSError, ValueError, RecursionError, KeyError, TypeError, psutil.Error
    ):
        told = json.loads(file.read_bytes())
        process = psutil.Process(int(told["pid"]))
        if lives(process) and process.create_time() == float(told["began_s"]):
            return process
    return None


def lives(process: psutil.Process) -> bool:
    """True if it runs still, and is no other of the same number."""
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process and all below it, as far as they can be seen."""
    found = [process]
    with contextlib.suppress(psutil.Error):
        found += process.children(recursive=True)
    return found


def end_tree(
    process: psutil.Process,
    also: Iterable[psutil.Process] = (),
    *,
    patience_s: float | None = None,
) -> bool:
    """Tell a process and all below it to end, then make them.

    Args:
        process: The one that was started. On Windows it must lead a process group of its own.
        also: What it had started, as seen earlier: children of one that died are nobody's.
        patience_s: How long each of the two may take; ``PATIENCE_S`` if left out.

    Returns:
        True if they are gone.
    """
    wait_s = PATIENCE_S if patience_s is None else patience_s
    alive = list(dict.fromkeys([*family(process), *also]))
    if sys.platform == "win32":
        # There is no SIGTERM there: terminating is killing. A console's group can be told to break off.
        with contextlib.suppress(psutil.Error, OSError, ValueError):
            process.send_signal(signal.CTRL_BREAK_EVENT)
            _, alive = psutil.wait_procs(alive, timeout=wait_s)
    for tell in (psutil.Process.terminate, psutil.Process.kill):
        for one in alive:
            with contextlib.suppress(psutil.Error):
                tell(one)
        _, alive = psutil.wait_procs(alive, timeout=wait_s)
    return not alive
