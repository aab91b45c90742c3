"""The order of jobs: so that a batch that is stopped anywhere stands for the whole.

Pure, lazy: nothing but one number for each value of each axis is kept.

``spread`` goes through a product so:

 1. each axis' values from coarse to fine: the k-th that is taken is the one whose place among n is that of the radical inverse of k
    (van der Corput's sequence: first, middle, quarters, ...), in base 2 for the longest axis, 3 for the next, then 5, 7, ..., as in
    Halton's;
 2. diagonally: every axis changes with every job. The number k of a job is written in digits, one for each axis, the longest axis
    lowest. An axis takes its digit plus a shift, modulo its length n; the shift is made of the number l that the digits below make:
    l + (p - 1) * (l // m), p being the axis' place from 0 (the longest has no shift) and m the length of the axis before it. Any shift
    by the digits below keeps each cell once; this one keeps axes of one length out of step, as soon as their length allows it.

Guarantees: the first n jobs hold every value of every axis of length n or less; the first n times m, n and m being the two greatest
lengths, hold every pair of values of these two axes once. Repetitions (seeds) come outermost: first every variant once.
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
        left, lower, weight, before = number, 0, 1, 1
        for place, (axis, order) in enumerate(zip(by_length, orders, strict=True)):
            length = lengths[axis]
            left, digit = divmod(left, length)
            shift = lower + (place - 1) * (lower // before)
            cell[axis] = order[(digit + shift) % length]
            lower += digit * weight
            weight *= length
            before = length
        yield tuple(cell)


def plain(lengths: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every cell of a product once, the last axis changing first."""
    for number in range(math.prod(lengths)):
        left, cell = number, []
        for length in reversed(lengths):
            left, index = divmod(left, length)
            cell.append(index)
        yield tuple(reversed(cell))
