"""How much a worker with closed hours can have worked by a moment, and when it can begin: what a bound may count on.

Pure. A worker begins nothing while it is closed, but what it began before may go on: into each stretch of closed time reaches one job at
most, and no further than its longest. Guarantees never less than what any schedule could have had there, so that a bound by it is sound.
"""

from collections.abc import Iterable
from dataclasses import dataclass

Span = tuple[float, float]


@dataclass(frozen=True)
class Opening:
    """One worker's time, in seconds of the simulation.

    Args:
        closed: When it begins nothing, merged: in order, none touching the next (``merged``).
        longest_s: Its longest job.
    """

    closed: tuple[Span, ...]
    longest_s: float

    def begins_at(self, at_s: float) -> float:
        """The first moment at or after *at_s* at which it can begin something."""
        return next((end for begin, end in self.closed if begin <= at_s < end), at_s)

    def worked_s(self, since_s: float, until_s: float) -> float:
        """At most so much can it have worked between the two on jobs that came at *since_s* or later."""
        lost_s = 0.0
        for begin, end in self.closed:
            # What it works on when it closes was begun before; of jobs that came later there is none.
            idle_from_s = since_s if begin <= since_s else begin + self.longest_s
            lost_s += max(0.0, min(end, until_s) - idle_from_s)
        return max(0.0, until_s - since_s) - lost_s

    def turns(self, since_s: float) -> list[float]:
        """The moments after *since_s* at which it begins or ceases to work at most, between which ``worked_s`` grows evenly."""
        found = {t for begin, end in self.closed for t in (begin + self.longest_s, end)}
        return sorted(t for t in found if t > since_s)


def merged(closed: Iterable[Span]) -> tuple[Span, ...]:
    """The same closed time without spans that overlap or touch, or have no length."""
    found: list[Span] = []
    for begin, end in sorted(one for one in closed if one[0] < one[1]):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return tuple(found)
