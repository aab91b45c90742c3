"""A pause asked for on the machine itself: a small local file, so that it works without the share and outlives the worker.

Guarantees: a file that is there pauses, also an empty one (``touch``, from any hook) or one that cannot be read; one with a moment in
``until`` is over once this machine's clock shows it. Whoever may write the file may pause.
"""

import getpass
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from spoolctl.spool import UsageError

_BYTES_MAX = 10_000
_CHARS_MAX = 200
_TRIES, _AGAIN_S = 10, 0.02


@dataclass(frozen=True)
class Pause:
    """Who paused this worker, why, until when."""

    by: str | None = None
    why: str | None = None
    until: datetime | None = None
    now: bool = False
    """Hand back the job in work, too."""


class PauseFile:
    """The file by which a worker is paused.

    Args:
        path: Where it lies, or not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, now_s: float) -> Pause | None:
        """The pause that holds at *now_s* seconds since the epoch, by this machine's clock."""
        try:
            text = self.path.read_bytes()[:_BYTES_MAX].decode("utf-8-sig", "replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return Pause(why=f"'{self.path}' cannot be read: {error.strerror or error}")
        try:
            found = _parsed(text) if text else Pause()
        except (ValueError, TypeError, RecursionError, OverflowError):
            return Pause(why=f"'{self.path}' holds something else than 'spoolworker pause' writes")
        over = found.until is not None and found.until.timestamp() <= now_s
        return None if over else found

    def write(self, pause: Pause) -> None:
        """Pause the worker.

        Raises:
            UsageError: The file cannot be written.
        """
        told = {"by": pause.by, "why": pause.why, "now": pause.now or None}
        told["until"] = pause.until.isoformat() if pause.until else None
        text = json.dumps({key: value for key, value in told.items() if value is not None})
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(text + "\n", encoding="utf-8")
            _insist(lambda: beside.replace(self.path))
        except OSError as error:
            raise _refused(self.path, error) from None

    def remove(self) -> bool:
        """End the pause; True if there was one.

        Raises:
            UsageError: The file cannot be removed.
        """
        try:
            _insist(self.path.unlink)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _refused(self.path, error) from None
        return True


def whoever_types() -> str | None:
    """The user's name on this machine; ``None`` if the system does not tell."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user id, or on Windows no such variable
        return None


def _insist(call: Callable[[], object]) -> None:
    """Windows refuses to replace or remove a file while the worker reads it, which takes it no time."""
    for _ in range(_TRIES):
        try:
            call()
        except PermissionError:
            time.sleep(_AGAIN_S)
        else:
            return
    call()


def _parsed(text: str) -> Pause:
    told = json.loads(text)
    if not isinstance(told, dict):
        raise TypeError("no JSON object")
    until = datetime.fromisoformat(told["until"]) if told.get("until") else None
    if until is not None and until.tzinfo is None:
        until = until.astimezone()  # written by hand: this machine's own time
    by, why = (str(told[key])[:_CHARS_MAX] if told.get(key) else None for key in ("by", "why"))
    return Pause(by, why, until.astimezone(UTC) if until else None, now=told.get("now") is True)


def _refused(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"cannot change '{path}': {error.strerror or error}",
        hint="name a file that you and the worker's user may write as pause_file in [availability]",
    )
