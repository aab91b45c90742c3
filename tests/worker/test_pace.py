"""When a worker sweeps: seldom while nothing goes on, often otherwise, and at once when a neighbour has died."""

import pytest

from spoolctl.spool import Code, layout
from spoolworker.pace import SLOWEST, Pace
from tests.spool.spool_world import JOB, World

SWEEP_S = 4.0
LONGEST_S = SLOWEST * SWEEP_S * 1.5
STEP_S = 0.5


@pytest.fixture
def world():
    return World(sweep_s=SWEEP_S)


@pytest.fixture
def worker(world):
    return world.worker("w1")


@pytest.fixture
def pace(worker):
    return Pace(worker.actor, worker.sweeper)


def until_due(world, pace):
    """Seconds until the next sweep is due."""
    waited_s = 0.0
    while not pace.is_due():
        world.turn(STEP_S)
        waited_s += STEP_S
        assert waited_s <= LONGEST_S
    return waited_s


def sweeps(world, worker, pace, count):
    """Seconds before each of so many sweeps."""
    waits = []
    for _ in range(count):
        waits.append(until_due(world, pace))
        worker.sweep()
        pace.swept()
    return waits


def test_while_nothing_goes_on_sweeps_become_seldom_but_never_seldomer_than_the_slowest(
    world, worker, pace
):
    first, *_, last = sweeps(world, worker, pace, 12)

    assert first == 0.0
    assert SLOWEST * SWEEP_S / 2 < last <= LONGEST_S


def test_while_a_record_waits_sweeps_come_as_often_as_ever(world, worker, pace):
    later = JOB.replace(b"...", b"not_before: 2027-01-01T00:00:00Z\n...")
    world.drop("job-1", later, folder="waiting")

    assert max(sweeps(world, worker, pace, 8)) <= 1.5 * SWEEP_S


@pytest.mark.parametrize("folder", ["queue", "cancelled"])
def test_while_a_dropped_file_may_still_grow_sweeps_come_as_often_as_ever(folder):
    world = World(sweep_s=SWEEP_S, settle_s=1_000.0)
    worker = world.worker("w1")
    world.drop("job-1", JOB.removesuffix(b"...\n"), folder=folder)

    waits = sweeps(world, worker, Pace(worker.actor, worker.sweeper), 8)

    assert max(waits) <= 1.5 * SWEEP_S


def test_while_an_attempt_is_open_anywhere_sweeps_come_as_often_as_ever(world, worker, pace):
    world.submit("job-1")
    other = world.worker("w2", machine="host-b")
    claimed = other.claim()
    waits = []
    for _ in range(8):
        waits.append(until_due(world, pace))
        other.life.beat_attempt(claimed.name, claimed.number)
        worker.sweep()
        pace.swept()

    assert max(waits) <= 1.5 * SWEEP_S


def test_what_happens_here_makes_the_next_sweep_due_soon(world, worker, pace):
    sweeps(world, worker, pace, 12)
    pace.hurry()

    assert until_due(world, pace) <= SWEEP_S


def test_a_sweep_that_failed_is_not_followed_by_a_seldom_one(world, worker, pace):
    sweeps(world, worker, pace, 12)
    listed = worker.actor.files.names

    def refuses(folder):
        if folder == layout.State.CLAIMED:
            raise OSError(5, "the share does not answer", folder)
        return listed(folder)

    worker.actor.files.names = refuses
    sweeps(world, worker, pace, 1)

    assert sweeps(world, worker, pace, 1)[0] <= 1.5 * SWEEP_S


def test_a_neighbour_that_is_killed_is_seen_without_asking_the_share_and_its_job_goes_on_by_one_sweep(
    world, worker, pace
):
    world.submit("job-1")
    neighbour = world.worker("w2")
    claimed = neighbour.claim()
    sweeps(world, worker, pace, 1)
    assert not pace.is_due()
    world.dead.add(neighbour.actor.host.pid)

    assert pace.is_due()
    worker.sweep()
    assert world.manifests("job-1")[claimed.number].code is Code.PROCESS_GONE


def test_a_death_that_a_sweep_could_not_act_on_is_told_once(world, worker, pace):
    world.submit("job-1")
    neighbour = world.worker("w2")
    neighbour.claim()
    sweeps(world, worker, pace, 1)
    world.dead.add(neighbour.actor.host.pid)

    assert pace.is_due()
    assert not pace.is_due()


def test_a_process_of_another_machine_with_a_dead_ones_number_tells_nothing(world, worker, pace):
    world.submit("job-1")
    other = world.worker("w2", machine="host-b")
    other.claim()
    sweeps(world, worker, pace, 1)
    world.dead.add(other.actor.host.pid)

    assert not pace.is_due()


def test_the_others_are_met_as_often_as_they_beat_however_seldom_sweeps_are(world, worker, pace):
    assert pace.may_meet()
    pace.met()
    assert not pace.may_meet()
    world.turn(world.settings.heartbeat_s)
    assert pace.may_meet()
