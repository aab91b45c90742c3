"""The order of jobs: so that a batch that is stopped anywhere stands for the whole.

Pure, lazy: nothing but one number for each value of each axis is kept.

``spread`` goes through a product so:

 1. each axis' values from coarse to fine: the k-th that is taken is the one whose place among n is that of the radical inverse of k
    (van der Corput's sequence: first, middle, quarters, ...), in base 2 for the longest axis, 3 for the next, then 5, 7, ..., as in
    Halton's, so that no two axes go in step;
 2. diagonally: the longest axis changes with every job, and all others with it. The number k of a job is written in digits, one for
    each axis, the longest axis lowest; axis j takes its digit plus the number that the lower digits make, modulo its length.

So the first n jobs, n being the longest axis' length, hold every value of every axis, and the first n times m every pair of values of the
two longest axes once. Repetitions (seeds) come outermost: first every variant once.
"""

import math
from collections.abc import Iterator, Sequence

_BASES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53)


def coarse_to_fine(length: int, base: int = 2) -> list[int]:
    """Every number below *length* once, in the order of step 1."""
    digits = 1
    while base**digits < length:
        digits += 1
    inverses = []
    for number in range(length):
        left, inverse = number, 0
        for _ in range(digits):
            left, digit = divmod(left, base)
            inverse = inverse * base + digit
        inverses.append(inverse)
    order = [0] * length
    for place, number in enumerate(sorted(range(length), key=inverses.__getitem__)):
        order[number] = place
    return order


def spread(lengths: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every cell of a product once, as indexes in the order of *lengths*; see the module."""
    by_length = sorted(range(len(lengths)), key=lambda axis: -lengths[axis])
    orders = [
        coarse_to_fine(lengths[axis], _BASES[place % len(_BASES)])
        for place, axis in enumerate(by_length)
    ]
    cell = [0] * len(lengths)
    for number in range(math.prod(lengths)):
        left, lower, weight = number, 0, 1
        for axis, order in zip(by_length, orders, strict=True):
            length = lengths[axis]
            left, digit = divmod(left, length)
            cell[axis] = order[(digit + lower) % length]
            lower += digit * weight
            weight *= length
        yield tuple(cell)


def plain(lengths: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every cell of a product once, the last axis changing first."""
    for number in range(math.prod(lengths)):
        left, cell = number, []
        for length in reversed(lengths):
            left, index = divmod(left, length)
            cell.append(index)
        yield tuple(reversed(cell))
