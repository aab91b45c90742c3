"""What room the share has, asked for in a thread of its own: on a mount whose server is gone that question never returns."""

import shutil
import threading
from pathlib import Path
from typing import Final

from spoolctl.notify.seeing import Room

ROOM_S: Final = 60.0
_WAIT_S: Final = 1.0


class Space:
    """The room of the share on which *root* lies."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._asked_at: float | None = None
        self._thread: threading.Thread | None = None
        self._room: Room | None = None

    def room(self, mono: float) -> Room | None:
        """What it was when it was asked last, at most a minute ago; ``None``: it is not known."""
        is_asked = self._thread is not None and self._thread.is_alive()
        if is_asked:
            self._room = None  # what was true a minute ago may be so no more
        elif self._asked_at is None or mono - self._asked_at >= ROOM_S:
            self._asked_at = mono
            self._thread = threading.Thread(target=self._ask, name="notify-room", daemon=True)
            self._thread.start()
            self._thread.join(_WAIT_S)
        return self._room

    def _ask(self) -> None:
        try:
            found = shutil.disk_usage(self._root)
        except OSError:  # told by those who work on the share
            self._room = None
        else:
            self._room = Room(found.free, found.total)
