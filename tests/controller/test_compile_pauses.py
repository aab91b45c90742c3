"""How long a controller waits between two compiles: by how long one takes, and never longer than to the next full look."""

import pytest

from spoolctl.controller import scanner as scanning
from spoolctl.spool import layout
from tests.spool.spool_world import World


@pytest.fixture
def world():
    return World()


def merged(world, scanner, name):
    world.drop(name)
    assert world.worker().work() == 1
    return scanner.scan()


def slow_once(world, monkeypatch, seconds):
    """The next compile of the corpus takes that long: its share stalls, or its machine sleeps."""
    compile_ledger, left = scanning.compile_ledger, [seconds]

    def slow(actor, ledger, **kwargs):
        if ledger == layout.CORPUS and left:
            world.turn(left.pop())
        return compile_ledger(actor, ledger, **kwargs)

    monkeypatch.setattr(scanning, "compile_ledger", slow)


def test_a_slow_compile_is_followed_by_a_longer_pause(world, monkeypatch):
    scanner = world.controller()
    slow_once(world, monkeypatch, 10.0)
    assert merged(world, scanner, "a").compiled == 1

    assert merged(world, scanner, "b").compiled == 0
    world.turn(10.0 * scanning.COMPILE_SHARE + 1.0)
    assert scanner.scan().compiled == 1
    world.check_ended("a", "b")


def test_a_compile_that_hung_does_not_keep_the_next_ones_away_for_hours(world, monkeypatch):
    """Its machine slept through seven minutes of it; what was merged afterwards was in no corpus for two hours and a half."""
    scanner = world.controller()
    slow_once(world, monkeypatch, 430.0)
    assert merged(world, scanner, "a").compiled == 1
    assert merged(world, scanner, "b").compiled == 0

    world.turn(scanning.FULL_COMPILE_S)

    assert scanner.scan().compiled == 1
    world.check_ended("a", "b")
