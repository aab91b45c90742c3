"""The event log: one JSON line a decision, with stable event names, in a rotated file on this machine.

Guarantees: a line holds ``at`` (UTC), ``event`` and the event's facts; the file never grows beyond ``BYTES_MAX`` and ``KEPT`` older ones
are kept. Never holds a prompt. Does not guarantee that a line is on disk when a machine loses power.
"""

import json
import logging
import logging.handlers
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from spoolctl.spool.actor import Log

BYTES_MAX = 5_000_000
KEPT = 5


def default_folder() -> Path:
    r"""Where this machine's user keeps logs: ``%LOCALAPPDATA%\spool\logs``, or ``$XDG_STATE_HOME/spool/logs``."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state"))
    return base / "spool" / "logs"


def tell_on_terminal(event: str, facts: dict[str, object]) -> None:
    """Write an event as one line for whoever watches (``also`` of ``open_log``)."""
    told = " ".join(f"{key}={value}" for key, value in facts.items())
    sys.stderr.write(f"{event:<18} {told}\n")
    sys.stderr.flush()


def open_log(
    path: Path, *, also: Callable[[str, dict[str, object]], None] | None = None
) -> tuple[Log, Callable[[], None]]:
    """Open the event log at *path*, making its folder.

    Args:
        path: The file.
        also: Called with each event too, for people who watch.

    Returns:
        The log, and what closes it.

    Raises:
        OSError: The file cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=BYTES_MAX, backupCount=KEPT, encoding="utf-8"
    )

    def log(event: str, **facts: object) -> None:
        told = {key: value for key, value in facts.items() if value is not None}
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **told}
        text = json.dumps(line, default=str)
        handler.handle(logging.LogRecord("spool", logging.INFO, "", 0, text, None, None))
        if also is not None:
            also(event, told)

    return log, handler.close
