"""Cells: which of all possible jobs a plan makes, and in which order; numbers alone.

Pure, lazy. A cell is the number of a prompt, one number for each line of the matrix, and which repetition. Guarantees: each cell once.
Drawn ones depend on the master seed, and change little when the product grows at an end (``picks``).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from spoolctl.expansion import order
from spoolctl.expansion.picks import pick

Cell = tuple[int, ...]


@dataclass(frozen=True)
class Cells:
    """The cells of one plan.

    Attributes:
        lengths: How many prompts, and how many values each line has.
        repetitions: How often a prompt is repeated, by its number.
        repetitions_max: The largest of those.
        possible: How many cells there are in all.
        total: How many of them are taken.
        is_spread: The order.
        master: The master seed.
    """

    lengths: Sequence[int]
    repetitions: Callable[[int], int]
    repetitions_max: int
    possible: int
    total: int
    is_spread: bool
    master: int

    def __iter__(self) -> Iterator[Cell]:
        if self.total < self.possible:
            # The order of drawing stands for the whole wherever it is stopped.
            yield from self._drawn() if self.is_spread else sorted(self._drawn())
        elif self.is_spread:
            for repetition in range(self.repetitions_max):
                for variant in order.spread(self.lengths):
                    if repetition < self.repetitions(variant[0]):
                        yield (*variant, repetition)
        else:
            for variant in order.plain(self.lengths):
                for repetition in range(self.repetitions(variant[0])):
                    yield (*variant, repetition)

    def step(self, cell: Cell) -> int:
        """Which combination of the matrix' values it has, from 0, the last line changing first."""
        number = 0
        for index, length in zip(cell[1:-1], self.lengths[1:], strict=True):
            number = number * length + index
        return number

    @property
    def steps(self) -> int:
        """How many combinations of the matrix' values there are."""
        return math.prod(self.lengths[1:])

    def _drawn(self) -> list[Cell]:
        """As many different ones as asked for; drawing nearly all of n takes about n times its logarithm."""
        found: dict[Cell, None] = {}
        draw = 0
        while len(found) < self.total:
            variant = [
                pick(self.master, "sample", draw, axis, among=length)
                for axis, length in enumerate(self.lengths)
            ]
            repetitions = self.repetitions(variant[0])
            last = pick(self.master, "sample", draw, "repetition", among=repetitions)
            found[*variant, last] = None
            draw += 1
        return list(found)
