"""The storm's schedule: who is struck when, and how. Pure; the same seed gives the same storm.

Guarantees: the moves come in the order of their moments; nobody is struck while it is down, and everybody who was struck is
raised again. Does not know what the victims do meanwhile, nor how long a move takes on a slow machine.
"""

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

FREEZES = 0.35
"""The share of strikes that freeze; the others kill."""
OUTLASTS_LEASE = 0.25
"""The share of freezes that are longer than a lease, so that the frozen one is taken for dead."""


class Kind(StrEnum):
    """What is done to a process."""

    KILL = "kill"
    START = "start"
    FREEZE = "freeze"
    THAW = "thaw"


@dataclass(frozen=True)
class Move:
    """One step of the schedule; ``at_s`` seconds after the storm began."""

    at_s: float
    victim: str
    kind: Kind


def moves(seed: int, victims: Sequence[str], every_s: float, lease_s: float) -> Iterator[Move]:
    """The endless schedule: one strike every *every_s* seconds, and the end of each outage.

    A victim that was killed is started again after up to *every_s*; one that was frozen thaws after a twentieth to nine tenths
    of *lease_s*, or after 1.2 to 2 leases. If all are down a strike is left out.
    """
    dice = random.Random(seed)
    down: list[tuple[float, str, Kind]] = []
    strike = 0
    while True:
        strike += 1
        at_s = strike * every_s
        while down and down[0][0] <= at_s:
            yield Move(*heapq.heappop(down))
        up = [one for one in victims if all(one != victim for _, victim, _ in down)]
        if not up:
            continue
        victim = dice.choice(up)
        freezes = dice.random() < FREEZES
        yield Move(at_s, victim, Kind.FREEZE if freezes else Kind.KILL)
        if freezes:
            heapq.heappush(down, (at_s + _frozen_s(dice, lease_s), victim, Kind.THAW))
        else:
            heapq.heappush(down, (at_s + dice.random() * every_s, victim, Kind.START))


def _frozen_s(dice: random.Random, lease_s: float) -> float:
    outlasts = dice.random() < OUTLASTS_LEASE
    return lease_s * (dice.uniform(1.2, 2.0) if outlasts else dice.uniform(0.05, 0.9))
