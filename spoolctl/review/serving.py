"""Serving the page until somebody stops it: one process, one thread that answers, a socket that listens already.

Guarantees: the first Ctrl+C or SIGTERM ends it within about a second, whatever pages are open and although a look at the share hangs. A
deed that was begun is waited for.
"""

import socket
from types import FrameType

import uvicorn

from spoolctl.review.app import Served

_STOP_S = 1


class _Server(uvicorn.Server):
    """Uvicorn's, which waits for streams that never end."""

    def __init__(self, config: uvicorn.Config, served: Served) -> None:
        super().__init__(config)
        self._served = served

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As Uvicorn's, and ends the event streams first."""
        self._served.live.end()
        super().handle_exit(sig, frame)


def serve(served: Served, listening: socket.socket) -> None:
    """Serve until a signal ends it, which is raised again then (Ctrl+C as ``KeyboardInterrupt``)."""
    config = uvicorn.Config(
        served.app, log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=_STOP_S, ws="none", lifespan="off",
    )  # fmt: skip
    _Server(config, served).run(sockets=[listening])
