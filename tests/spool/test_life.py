"""What a process tells of itself: facts that several threads change, and none at the wrong instant."""

import threading

import pytest

from spoolctl.spool import Facts, Life
from tests.spool.spool_world import World


class Between:
    """A lock: the first to want it is overtaken by somebody else who begins an attempt."""

    def __init__(self, begin):
        self.lock, self.begin = threading.Lock(), begin

    def __enter__(self):
        begin, self.begin = self.begin, None
        if begin is not None:
            begin()
        self.lock.acquire()

    def __exit__(self, *_):
        self.lock.release()


@pytest.fixture
def life():
    return Life(World().actor("w1"), "worker", Facts(model="sketchbook", vram_free_gb=6.0))


@pytest.mark.parametrize("state", ["idle", "paused"])
def test_a_job_that_begins_between_a_look_and_a_word_is_never_shown_as_idle(life, state):
    """The pulse saw no job, the agent began one, and the pulse said *idle* of it until the next heartbeat."""
    life._lock = Between(lambda: life.begin("job-1", 2, "batch"))

    life.tell_unless_at_work(state)

    beat = life.record()
    assert (beat.state, beat.name, beat.attempt, beat.class_) == ("running", "job-1", 2, "batch")


def test_a_process_without_a_job_tells_what_it_is_told(life):
    life.tell_unless_at_work("paused")

    assert life.record().state == "paused"


def test_of_the_facts_before_an_attempt_only_the_cards_stay(life):
    life.tell(message="cannot deliver", stage="upscale", progress=0.5)

    life.begin("job-1", 1, None)

    kept = Facts("running", "job-1", 1, model="sketchbook", vram_free_gb=6.0)
    assert life.facts == kept


def test_only_a_heartbeat_that_says_so_is_stopped(life):
    assert not life.record().is_stopped
    life.tell(state="stopped")
    assert life.record().is_stopped
