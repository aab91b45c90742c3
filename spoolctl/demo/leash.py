"""Runs one of our programs for as long as whoever started it lives: ``python -m spoolctl.demo.leash MODULE ARGUMENT...``.

Its standard input is the leash. A byte on it asks the program to stop, as Ctrl-C would; its end says that the starter is gone, and
the program ends at once. Guarantees: no program outlives the demo, however that ended, on Windows too, where a process cannot be
asked to stop by a signal from outside. The program runs in this very process, so killing this process kills it.
"""

import importlib
import os
import signal
import sys
import threading

_STARTER_GONE = 1


def _hold() -> None:
    # os.read and not sys.stdin: a thread blocked in a buffered reader breaks the interpreter's end.
    while os.read(0, 1):
        signal.raise_signal(signal.SIGINT)
    os._exit(_STARTER_GONE)


def main() -> int:
    """Run ``MODULE.main()`` with the other arguments as its command line, and give its exit code."""
    _, module, *arguments = sys.argv
    sys.argv = [module, *arguments]
    program = importlib.import_module(module)
    threading.Thread(target=_hold, name="leash", daemon=True).start()
    code = program.main()
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
