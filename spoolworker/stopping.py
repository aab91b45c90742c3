"""Stopping on request: the first signal finishes the job in work, the second hands it back.

Guarantees: a handler only sets events. Ctrl-C and SIGTERM everywhere, Ctrl-Break on Windows too (a service's stop).
"""

import signal
import threading
from dataclasses import dataclass, field
from types import FrameType


@dataclass
class Stopping:
    """How far a person has gone in asking this process to stop."""

    finish: threading.Event = field(default_factory=threading.Event)
    """Claim no more."""
    hand_back: threading.Event = field(default_factory=threading.Event)
    """And give up the job in work; its attempt does not count."""
    wake: threading.Event = field(default_factory=threading.Event)
    """Set together with either, to end a wait."""

    def ask(self) -> None:
        """One request to stop."""
        (self.hand_back if self.finish.is_set() else self.finish).set()
        self.wake.set()

    def listen(self) -> None:
        """Let signals ask. Only from the main thread."""
        names = ("SIGINT", "SIGTERM", "SIGBREAK")
        for name in names:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.ask()
