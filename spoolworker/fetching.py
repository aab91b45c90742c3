"""Fetching ahead: the inputs of the job that comes next are brought to this machine while another is in work.

Guarantees: they are handed over once, whole and verified, or not at all; then whoever runs the job fetches them, and tells what is wrong.
At most one job's lie here.
"""

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from spoolctl.spool import Actor, Ready, SpoolError
from spoolworker.backends.base import BackendError
from spoolworker.inputs import fetch_inputs


@dataclass(frozen=True)
class Fetched:
    """A job's inputs on this machine."""

    folder: Path
    paths: tuple[Path, ...]

    def into(self, folder: Path) -> tuple[Path, ...]:
        """Move them; raises OSError if they are not there any more."""
        moved = tuple(path.rename(folder / path.name) for path in self.paths)
        self.folder.rmdir()
        return moved


class Fetching:
    """What was fetched ahead on one worker.

    Args:
        actor: The worker.
        scratch: Where; a folder of the local disk, which need not be there yet.
    """

    def __init__(self, actor: Actor, scratch: Path) -> None:
        self._actor = actor
        self._scratch = scratch
        self._count = 0
        self._lock = threading.Lock()
        self._asked: Ready | None = None
        self._held: tuple[Ready, Fetched] | None = None

    def fetch(self, ready: Ready) -> None:
        """Fetch what that job needs, in place of what was fetched for another; only from one thread at a time."""
        if self._asked is ready:
            return
        self._asked, self._count = ready, self._count + 1
        self.drop()
        if not ready.job.inputs:
            return
        folder = self._scratch / f"next-{self._count}"
        try:
            folder.mkdir(parents=True)
            fetched = Fetched(folder, fetch_inputs(self._actor, ready.job, folder))
        except (OSError, SpoolError, BackendError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            self._actor.log("ahead.trouble", job=ready.location.name, error=str(error))
            return
        with self._lock:
            self._held = ready, fetched

    def hand_over(self, ready: Ready) -> Fetched | None:
        """What was fetched for that job, which the caller moves or removes; ``None`` if it was not, or not yet."""
        with self._lock:
            if self._held is None or self._held[0] is not ready:
                return None
            fetched, self._held = self._held[1], None
        return fetched

    def drop(self) -> None:
        """Remove what nobody asked for."""
        with self._lock:
            held, self._held = self._held, None
        if held is not None:
            shutil.rmtree(held[1].folder, ignore_errors=True)
