"""The one who tidies up after a crash crashes too, at each of its own operations."""

import itertools

import pytest

from spoolctl.spool import SpoolError
from spoolctl.spool.memory import Crashed, Fault
from tests.spool import fault_steps
from tests.spool.fault_loop import LOOKS, NO_ANSWER, speed_up

STEPS = [
    fault_steps.claim_first,
    fault_steps.end_succeeded,
    fault_steps.end_failed_for_good,
    fault_steps.cancel_a_queued_job,
    fault_steps.adopt_what_a_failed_job_left,
    fault_steps.reject_a_name_seen_before,
]


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    speed_up(monkeypatch)


def _crash_at(actor, number, act):
    """Let *act* crash after its operation *number*; that operation, None if it ended before."""
    at = actor.files.operations + number
    actor.files.fail(at, Fault.CRASH_AFTER)
    try:
        act()
    except (Crashed, OSError, SpoolError):
        pass
    actor.files.heal()
    return actor.files.trace[at] if actor.files.operations > at else None


def _twice(step, first, second, seen):
    """One pair of crashes; the operations at which they happened."""
    scene = step()
    world = scene.world
    one = _crash_at(scene.actor, first, scene.act)
    if one is None or one[0] in LOOKS:
        return one, None
    world.dead.add(scene.actor.host.pid)
    tidier = world.worker("w5")

    def tidy():
        tidier.sweep()
        tidier.work()

    world.turn(600)
    other = _crash_at(tidier.actor, second, tidy)
    world.dead.add(tidier.actor.host.pid)
    world.check()
    key = repr(world.share.tree())
    if other is not None and other[0] not in LOOKS and key not in seen:
        seen.add(key)
        world.recover(machine="host-a")
        world.check_ended()
        scene.ended(NO_ANSWER)
    return one, other


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_a_crash_of_the_one_who_tidies_up_after_a_crash_loses_and_doubles_nothing(step):
    seen = set()
    for first in itertools.count():
        for second in itertools.count():
            try:
                one, other = _twice(step, first, second, seen)
            except Exception as error:
                error.add_note(f"crashes after operations {first} and {second}")
                raise
            if one is None:
                assert seen
                return
            if other is None:
                break
