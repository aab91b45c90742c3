"""What a worker chooses while its job is in work, and when it forgets it again; its thread's rounds are played one by one."""

import pytest

from spoolworker.ahead import NEAR_S, Ahead, _Looking
from tests.spool.spool_world import World
from tests.worker.test_choosing import Chooses


class Rounds:
    """In place of the event that ends a looking: between two looks it does what a test says, and it ends after the last."""

    def __init__(self, *between):
        self._between = list(between)

    def is_set(self):
        return not self._between

    def wait(self, _seconds):
        self._between.pop(0)()

    def set(self):
        self._between.clear()


class AtWork:
    """A worker with a job in work."""

    def __init__(self):
        self.world = World()
        self.chooses = Chooses(self.world)
        self.life = self.chooses.life
        self.looks = 0
        self.ahead = Ahead(
            self.chooses.actor, self.life, self.look, lambda _chosen: None, lambda: None
        )

    def look(self):
        self.looks += 1
        return self.chooses.chooser.look(ahead=True).chosen

    def picks(self, *between):
        """The name of what is chosen when the job ends, after these rounds."""
        looking = self.ahead._looking = _Looking(self.ahead, None, lambda: None)
        looking.over = Rounds(*between, lambda: None)
        self.ahead.live(looking)
        chosen = self.ahead.pick()
        return chosen and chosen.ready.location.name


@pytest.fixture
def at_work():
    return AtWork()


def test_a_job_that_is_chosen_is_forgotten_once_the_end_is_known_to_be_far(at_work):
    """An interactive job lay in the queue for as long as a step took, and the batch job that was chosen before it came first."""
    at_work.world.drop("later", folder="queue/batch")

    def a_step_is_done():
        at_work.life.tell(eta_s=NEAR_S + 5)
        at_work.world.drop("urgent", folder="queue/interactive")

    assert at_work.picks(a_step_is_done) is None
    assert at_work.chooses.take() == "urgent"


def test_once_the_end_is_near_it_looks_again(at_work):
    at_work.world.drop("later", folder="queue/batch")

    def far():
        at_work.life.tell(eta_s=NEAR_S + 5)

    def near():
        at_work.life.tell(eta_s=NEAR_S - 1)

    assert at_work.picks(far, near) == "later"
    assert at_work.looks == 2
