"""A question to the system that may hang, asked again and again beside the work.

Guarantees: ``ask`` never waits; at most one question is on its way. An answer that never comes costs one thread, which ends with the
process.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Beside(Generic[T]):
    """One question.

    Args:
        what: Names the thread.
        question: What asks.
        tell: Called with each answer; with ``None`` while the last question is still to be answered.
    """

    def __init__(
        self, what: str, question: Callable[[], T], tell: Callable[[T | None], None]
    ) -> None:
        self._what = what
        self._question = question
        self._tell = tell
        self._asking = False

    def ask(self) -> None:
        """Ask, without waiting for the answer."""
        if self._asking:
            self._tell(None)
            return
        self._asking = True
        threading.Thread(target=self._answer, name=self._what, daemon=True).start()

    def _answer(self) -> None:
        try:
            found = self._question()
        finally:
            self._asking = False
        self._tell(found)
