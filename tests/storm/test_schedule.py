"""The storm's schedule: the same for the same seed, and never against one who is down."""

import itertools
from collections import Counter

from tests.storm.schedule import Kind, moves

NAMES = ["worker-1", "worker-2", "controller-1"]
LEASE_S = 2.0


def first(count, seed=1, names=NAMES):
    return list(itertools.islice(moves(seed, names, 0.25, LEASE_S), count))


def test_the_same_seed_gives_the_same_victims_kinds_and_moments():
    assert first(500) == first(500)
    assert first(500, seed=2) != first(500)


def test_moves_come_in_the_order_of_their_moments_and_strikes_at_their_intervals():
    schedule = first(500)

    assert [move.at_s for move in schedule] == sorted(move.at_s for move in schedule)
    strikes = [move.at_s for move in schedule if move.kind in (Kind.KILL, Kind.FREEZE)]
    assert all(at_s % 0.25 == 0 for at_s in strikes)


def test_nobody_is_struck_while_it_is_down_and_everybody_is_raised_by_what_fits():
    raised_by = {Kind.KILL: Kind.START, Kind.FREEZE: Kind.THAW}
    down = {}
    for move in first(2_000):
        if move.kind in raised_by:
            assert move.victim not in down
            down[move.victim] = move.kind
        else:
            assert raised_by[down.pop(move.victim)] is move.kind
    assert len(down) < len(NAMES)


def test_every_victim_is_killed_and_frozen_for_less_and_for_more_than_a_lease():
    struck = Counter()
    frozen_at = {}
    for move in first(2_000):
        struck[move.victim, move.kind] += 1
        if move.kind is Kind.FREEZE:
            frozen_at[move.victim] = move.at_s
        elif move.kind is Kind.THAW:
            longer = move.at_s - frozen_at[move.victim] > LEASE_S
            struck[move.victim, longer] += 1

    for name in NAMES:
        for what in (Kind.KILL, Kind.FREEZE, True, False):
            assert struck[name, what] > 10, (name, what)


def test_a_strike_is_left_out_while_all_are_down():
    kinds = [move.kind for move in first(200, names=["worker-1"])]

    assert set(zip(kinds[::2], kinds[1::2], strict=True)) == {
        (Kind.KILL, Kind.START),
        (Kind.FREEZE, Kind.THAW),
    }
