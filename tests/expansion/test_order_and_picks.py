"""Order and chance: each cell once, early ones standing for all, and picks that stay."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spoolctl.expansion.order import coarse_to_fine, plain, spread
from spoolctl.expansion.picks import drawn_seed, key_of, pick

LOADED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""No time decides: the machine may be busy."""
LENGTHS = st.lists(st.integers(1, 7), max_size=4)


@LOADED
@given(LENGTHS)
def test_both_orders_hold_every_cell_once(lengths) -> None:
    every = list(itertools.product(*map(range, lengths)))

    assert list(plain(lengths)) == every
    assert sorted(spread(lengths)) == every


@LOADED
@given(LENGTHS)
def test_each_value_of_an_axis_comes_within_as_many_jobs_as_the_axis_is_long(lengths) -> None:
    cells = list(spread(lengths))

    for axis, length in enumerate(lengths):
        assert {cell[axis] for cell in cells[:length]} == set(range(length))


@LOADED
@given(st.integers(1, 8), st.integers(1, 8))
def test_two_axes_meet_in_every_pair_once_and_neither_waits_for_the_other(one, other) -> None:
    cells = list(spread([one, other]))

    longest = max(one, other)
    for start in range(0, len(cells), longest):
        block = cells[start : start + longest]
        assert len({cell[one < other] for cell in block}) == longest
    assert len(set(cells)) == one * other


@pytest.mark.parametrize("base", [2, 3, 5])
def test_coarse_to_fine_goes_to_the_far_ends_before_it_fills_in(base) -> None:
    order = coarse_to_fine(100, base)

    assert sorted(order) == list(range(100))
    gaps = [b - a for a, b in itertools.pairwise(sorted([*order[:10], 100]))]
    assert max(gaps) <= 2 * 100 / 10 + base


def test_the_derivation_of_keys_is_fixed_for_ever() -> None:
    assert key_of(7, "wildcard", "foxes", 0, "ä") == 8_910_947_886_973_710_394
    assert [pick(7, "x", n, among=10) for n in range(8)] == [0, 6, 5, 7, 0, 7, 6, 7]
    assert drawn_seed(7, 0) == 3_712_786_273


@LOADED
@given(st.integers(0, 2**64 - 1), st.integers(0, 50), st.integers(1, 40))
def test_a_value_added_at_the_end_either_takes_a_pick_or_leaves_it(master, place, among) -> None:
    before, after = pick(master, place, among=among), pick(master, place, among=among + 1)

    assert 0 <= before < among
    assert after in (before, among)


def test_picks_are_about_even() -> None:
    counts = [0] * 5
    for number in range(5_000):
        counts[pick(1, number, among=5)] += 1

    assert all(900 < count < 1_100 for count in counts)
