"""A program that kills itself at one operation: ``dying.py OPERATION:PATTERN[:TIME] spoolworker|spoolctl ARGUMENT...``.

Its last act is never done: ``link:*/manifest.yaml`` dies with all outputs delivered and no verdict. TIME is the how-many'th such
operation that is the last one; the first, if left out. Besides those on the share there are the statements of a controller's index:
``sql:INSERT INTO ledgers*`` dies in the middle of a transaction.

With a file named by SCENE_GOES_ON it does not die: it stands there until that file is there, and goes on.
"""

import functools
import os
import signal
import sqlite3
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path

from spoolctl.controller import run as controller
from spoolctl.spool import open_spool
from spoolworker import agent


class Death:
    """When to die."""

    def __init__(self, said):
        self._operation, self._pattern, *times = said.split(":")
        self._left = int(times[0]) if times else 1

    def at(self, operation, what):
        """To be told before each operation."""
        if operation == self._operation and fnmatchcase(what, self._pattern):
            self._left -= 1
            if not self._left:
                self._come()

    def _come(self):
        go_on = os.environ.get("SCENE_GOES_ON")
        if go_on is None:
            os.kill(os.getpid(), signal.SIGKILL)
        while not Path(go_on).exists():
            time.sleep(0.02)


class Dying:
    """The share, up to one operation."""

    def __init__(self, files, death):
        self._files, self._death = files, death

    def __getattr__(self, name):
        real = getattr(self._files, name)
        if not callable(real):
            return real

        @functools.wraps(real)
        def wrapped(*arguments, **keywords):
            if arguments and isinstance(arguments[-1], str):
                self._death.at(name, arguments[-1])
            return real(*arguments, **keywords)

        return wrapped


if __name__ == "__main__":
    death, program = Death(sys.argv.pop(1)), sys.argv.pop(1)
    opening = functools.partial(open_spool, wrap=lambda files: Dying(files, death))
    agent.open_spool = controller.open_spool = opening

    class Connection(sqlite3.Connection):
        """An index, up to one statement."""

        def __init__(self, *arguments, **keywords):
            super().__init__(*arguments, **keywords)
            self.set_trace_callback(functools.partial(death.at, "sql"))

    sqlite3.connect = functools.partial(sqlite3.connect, factory=Connection)
    if program == "spoolworker":
        from spoolworker.cli import main
    else:
        from spoolctl.cli.app import main
    sys.exit(main())
