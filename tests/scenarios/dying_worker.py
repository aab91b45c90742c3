"""A worker that kills itself at one operation: ``dying_worker.py OPERATION:PATH_END run ...``.

Its last act is never done: ``link:manifest.yaml`` dies with all outputs delivered and no verdict.
"""

import functools
import os
import signal
import sys

from spoolctl.spool import open_spool
from spoolworker import agent, cli


class Dying:
    """The share, up to one operation."""

    def __init__(self, files, operation, path_end):
        self._files, self._operation, self._path_end = files, operation, path_end

    def __getattr__(self, name):
        real = getattr(self._files, name)
        if name != self._operation:
            return real

        @functools.wraps(real)
        def wrapped(*arguments, **keywords):
            if arguments[-1].endswith(self._path_end):
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **keywords)

        return wrapped


if __name__ == "__main__":
    operation, _, path_end = sys.argv.pop(1).partition(":")
    agent.open_spool = functools.partial(
        open_spool, wrap=lambda files: Dying(files, operation, path_end)
    )
    cli.main()
