"""Waking early: change notification for the queues, where the operating system gives it.

On a network mount it sees only this machine's own changes, so polling stays the truth; this only makes a job that was dropped on
this machine start at once. Does not guarantee anything: without it a worker is at most ``poll_s`` later.
"""

import logging
import threading
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from spoolctl.spool import Actor, layout


class _Wake(FileSystemEventHandler):
    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def on_created(self, event: FileSystemEvent) -> None:
        del event
        self._event.set()

    def on_moved(self, event: FileSystemEvent) -> None:
        del event
        self._event.set()


class Wake:
    """Sets *event* when something appears in a queue, until ``stop``."""

    def __init__(self, actor: Actor, root: Path, event: threading.Event) -> None:
        self._observer = Observer()
        self._observer.daemon = True
        try:
            for place in layout.QUEUES:
                self._observer.schedule(_Wake(event), str(root / place.folder))
            self._observer.start()
        except OSError as error:  # no inotify watches left, or a file system without them
            actor.log("wake.unavailable", error=str(error))

    def stop(self) -> None:
        """Watch no more."""
        if self._observer.is_alive():
            # On Linux it calls it an error, on the terminal, if a file appears while it is being stopped.
            logging.getLogger("watchdog").setLevel(logging.CRITICAL)
            self._observer.stop()
            self._observer.join(timeout=2.0)
