"""What happened, as text: a digest of all of it, its end for a violation's story, and the whole if asked."""

import hashlib
from collections import Counter, deque
from collections.abc import Callable

from tests.hostile.fates import Fate, Request

KEPT = 400


class Trace:
    """Every request, every trouble and every decision that was logged, in order."""

    def __init__(self, now: Callable[[], float], *, whole: bool = False) -> None:
        self._now, self._hash = now, hashlib.sha256()
        self.lines: deque[str] = deque(maxlen=None if whole else KEPT)
        self.counts: Counter[str] = Counter()
        self.events: Counter[str] = Counter()

    @property
    def digest(self) -> str:
        """The same if and only if the same things happened at the same instants."""
        return self._hash.hexdigest()[:16]

    def tell(self, who: str, what: str) -> None:
        """One line."""
        line = f"{self._now():10.3f} {who:<16} {what}"
        self._hash.update(line.encode())
        self.lines.append(line)

    def request(self, who: str, request: Request, fate: Fate) -> None:
        """One request, when it comes to its end at the server."""
        self.counts[request.kind] += 1
        self.tell(who, f"{request}" if fate is Fate.DONE else f"{request}   !! {fate.value}")

    def event(self, who: str, event: str, facts: dict[str, object]) -> None:
        """What a process logged."""
        self.events[event] += 1
        told = " ".join(f"{key}={value}" for key, value in facts.items() if key != "traceback")
        self.tell(who, f"  -- {event} {told}")
