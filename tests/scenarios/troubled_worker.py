"""A worker whose share is what a file says, and that looks after its server without the patience of years.

``troubled_worker.py FILE run ...``. FILE holds one word, and may change at any time: ``errors`` (every call fails), ``hangs`` (every
call waits until it is over), ``full`` (what is written comes half, then there is no space); anything else, or no file: all is well.
"""

import errno
import functools
import sys
import time
from pathlib import Path

from spoolctl.spool import open_spool
from spoolworker import agent, cli, readiness, serving

_GROWING = ("write_new", "store", "link", "mkdir")


class Troubled:
    """The share."""

    def __init__(self, files, word_file):
        self._files, self._word_file = files, word_file

    def _word(self):
        try:
            return self._word_file.read_text()
        except FileNotFoundError:
            return ""

    def __getattr__(self, name):
        real = getattr(self._files, name)
        if not callable(real):
            return real

        @functools.wraps(real)
        def wrapped(*arguments, **keywords):
            while self._word() == "hangs":
                time.sleep(0.02)
            if self._word() == "errors":
                raise OSError(errno.EIO, "the share is away")
            if self._word() == "full" and name in _GROWING:
                self._half(name, arguments)
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments, **keywords)

        return wrapped

    def _half(self, name, arguments):
        """What a full share takes of a file."""
        if name == "write_new":
            path, data = arguments
            self._files.write_new(path, data[: len(data) // 2])
        elif name == "store":
            local, path = arguments
            data = local.read_bytes()
            self._files.write_new(path, data[: len(data) // 2])


if __name__ == "__main__":
    word_file = Path(sys.argv.pop(1))
    readiness._AWAY_AGAIN_S = 0.3
    serving.BACKOFF_S = 0.3
    agent.open_spool = functools.partial(open_spool, wrap=lambda files: Troubled(files, word_file))
    cli.main()
