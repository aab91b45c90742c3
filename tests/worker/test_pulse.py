"""The pulse shows life and sees what others want, and knows when it does neither."""

import threading

import pytest

from spoolctl.spool import (
    Code,
    Ending,
    Heartbeat,
    Standing,
    Verdict,
    cancel,
    conclude,
    decode,
    end,
    layout,
)
from spoolctl.spool.memory import Fault
from spoolworker.pulse import Pulse
from tests.spool.spool_world import World

BY_HAND = 60.0


class Steps(threading.Event):
    """The pulse's rest: it waits for the test, so that each round happens exactly when a test asks for it."""

    def __init__(self):
        super().__init__()
        self.resting, self.go_on = threading.Semaphore(0), threading.Semaphore(0)

    def wait(self, timeout=None):
        self.resting.release()
        assert self.go_on.acquire(timeout=BY_HAND)
        return self.is_set()


class Rig:
    def __init__(self):
        self.world = World()
        self.world.submit("job-1")
        self.worker = self.world.worker("w1")
        self.actor, self.files = self.worker.actor, self.worker.actor.files
        self.claim = self.worker.claim()
        self.pulse = Pulse(self.actor, self.worker.life)
        self.steps = self.pulse._stop = Steps()
        self.beats = {"nodes": "nodes/w1.heartbeat.json"}
        self.beats["attempt"] = f"{layout.attempt('job-1', 1)}/heartbeat.json"

    def start(self):
        self.pulse.start()
        assert self.steps.resting.acquire(timeout=BY_HAND)

    def round(self, turn=10.0):
        self.world.turn(turn)
        self.steps.go_on.release()
        assert self.steps.resting.acquire(timeout=BY_HAND)

    def end(self):
        self.steps.set()
        self.steps.go_on.release()
        self.pulse._thread.join(BY_HAND)

    def seen(self, which):
        return self.world.share.tree()[self.beats[which]]


@pytest.fixture
def rig():
    made = Rig()
    yield made
    if made.pulse._thread.is_alive():
        made.end()


def test_it_beats_for_the_worker_and_for_its_attempt_every_heartbeat(rig):
    rig.pulse.watch(rig.claim)
    rig.start()
    before = rig.seen("nodes"), rig.seen("attempt")

    rig.round(1.0)
    assert (rig.seen("nodes"), rig.seen("attempt")) == before
    rig.round(9.1)
    assert rig.seen("nodes") != before[0]
    assert rig.seen("attempt") != before[1]


def test_news_that_others_choose_by_is_told_at_the_next_look_and_once(rig):
    """A worker whose backend had answered was shown as one that waits for it until its next heartbeat."""
    rig.start()
    before = rig.seen("nodes")
    rig.worker.life.tell(state="idle")

    rig.pulse.beat_soon()
    rig.round(1.0)
    told = rig.seen("nodes")
    rig.round(1.0)

    assert told != before
    assert rig.seen("nodes") == told


def test_without_an_attempt_it_beats_for_the_worker_alone(rig):
    rig.pulse.unwatch(rig.pulse.watch(rig.claim))
    before = rig.seen("attempt")
    rig.start()
    rig.round()

    assert rig.seen("attempt") == before
    assert rig.pulse.silent_s < 1


def test_silence_grows_while_writes_fail_and_ends_with_the_first_that_works(rig):
    rig.pulse.watch(rig.claim)
    rig.start()
    rig.files.fail(rig.files.operations, Fault.BEFORE, onward=True)
    for elapsed in (100, 200, 299):
        rig.round(elapsed - rig.pulse.silent_s)
        assert rig.pulse.silent_s == pytest.approx(elapsed, abs=0.1)
        assert not rig.pulse.is_fenced
    rig.round(2)
    assert rig.pulse.is_fenced

    rig.files.heal()
    rig.round(1)
    assert rig.pulse.silent_s < 1
    assert not rig.pulse.is_fenced
    assert rig.world.events("pulse.missed")


def test_silence_grows_too_while_a_call_does_not_return(rig):
    rig.start()
    rename = rig.files.rename
    hung, back = threading.Event(), threading.Event()

    def hang(source, target, **how):
        hung.set()
        assert back.wait(BY_HAND)
        rename(source, target, **how)

    rig.files.rename = hang
    rig.world.turn(10)
    rig.steps.go_on.release()
    assert hung.wait(BY_HAND)
    rig.world.turn(400)

    assert rig.pulse.is_fenced
    back.set()
    assert rig.steps.resting.acquire(timeout=BY_HAND)
    assert not rig.pulse.is_fenced


def test_an_attempt_that_cannot_be_written_to_is_silence_though_the_worker_still_shows_life(rig):
    rename = rig.files.rename

    def refuses(source, target, **how):
        if target == rig.beats["attempt"]:
            raise PermissionError(13, "Permission denied", target)
        rename(source, target, **how)

    rig.files.rename = refuses
    rig.pulse.watch(rig.claim)
    rig.start()
    before = rig.seen("nodes")
    rig.round(100)

    assert rig.seen("nodes") != before
    assert rig.pulse.silent_s == pytest.approx(100, abs=0.1)


def test_a_look_that_fails_does_not_keep_the_heartbeat_from_being_written(rig):
    """It did: one folder that could not be listed, and the worker fenced itself on a share that was well."""
    names = rig.files.names
    rig.files.names = lambda folder: names(
        "no-such-folder" if folder.startswith("results") else folder
    )
    watched = rig.pulse.watch(rig.claim)
    rig.start()
    rig.round(100)

    assert rig.pulse.silent_s < 1
    assert watched.standing is Standing.MINE


def test_no_fault_ends_the_pulse(rig):
    """A heartbeat that was refused (a negative time to go) ended the thread, and the worker was taken for dead."""
    rig.start()
    rig.worker.life.tell(eta_s=-1.0)
    rig.round(20)
    assert rig.pulse.silent_s > 19

    rig.worker.life.tell(eta_s=None)
    rig.round(20)
    assert rig.pulse.silent_s < 1


def test_what_it_found_of_the_attempt_stays_and_is_forgotten_with_the_next_one(rig):
    watched = rig.pulse.watch(rig.claim)
    rig.start()
    assert watched.standing is Standing.MINE
    cancel(rig.world.person(), "job-1")
    rig.round()
    assert watched.standing is Standing.CANCEL_ASKED

    other = rig.world.actor("w2")
    end(other, rig.claim, conclude(other, rig.claim, Ending(Verdict.LOST, Code.NO_HEARTBEAT)))
    rig.round()
    assert watched.standing is Standing.CANCEL_ASKED

    again = rig.pulse.watch(rig.claim)
    assert again.standing is Standing.MINE
    rig.round()
    assert (watched.standing, again.standing) == (Standing.CANCEL_ASKED, Standing.SUPERSEDED)


def test_it_beats_for_each_of_two_attempts_and_knows_how_each_stands(rig):
    """One is being delivered while the next is in work already."""
    rig.world.submit("job-2")
    first, second = rig.pulse.watch(rig.claim), rig.pulse.watch(rig.worker.claim())
    beats = [f"{layout.attempt(name, 1)}/heartbeat.json" for name in ("job-1", "job-2")]
    rig.start()
    cancel(rig.world.person(), "job-2")
    before = [rig.world.share.tree()[path] for path in beats]
    rig.round()

    after = [rig.world.share.tree()[path] for path in beats]
    assert [old != new for old, new in zip(before, after, strict=True)] == [True, True]
    assert (first.standing, second.standing) == (Standing.MINE, Standing.CANCEL_ASKED)
    told = [decode(Heartbeat, data) for data in after]
    assert [(one.name, one.attempt, one.state, one.class_) for one in told] == [
        ("job-1", 1, "delivering", "normal"),
        ("job-2", 1, "running", "normal"),
    ]
    rig.pulse.unwatch(first)
    rig.round()
    assert rig.world.share.tree()[beats[0]] == after[0]
    assert rig.world.share.tree()[beats[1]] != after[1]


def test_another_attempt_does_not_end_the_silence_of_the_one_before(rig):
    rig.pulse.watch(rig.claim)
    rig.world.turn(200)
    rig.pulse.watch(rig.claim)

    assert rig.pulse.silent_s == pytest.approx(200, abs=1)


def test_a_superseded_attempts_heartbeat_is_not_written_any_more(rig):
    other = rig.world.actor("w2")
    end(other, rig.claim, conclude(other, rig.claim, Ending(Verdict.LOST, Code.NO_HEARTBEAT)))
    before = rig.seen("attempt")
    rig.pulse.watch(rig.claim)
    rig.start()
    rig.round()
    rig.round()

    assert rig.seen("attempt") == before
    assert rig.pulse.silent_s < 1


def test_stopping_ends_its_thread(rig):
    rig.start()
    rig.steps.go_on.release()
    rig.pulse.stop()

    assert not rig.pulse._thread.is_alive()


def test_what_people_ask_is_heard_with_every_heartbeat_also_while_a_job_runs(rig):
    """A drain was seen only between two jobs, so the worker said "running" for an hour to whoever had asked."""
    heard = []
    rig.pulse._heed = lambda: heard.append(rig.seen("nodes"))
    rig.start()
    assert len(heard) == 1
    rig.round(turn=1.0)
    assert len(heard) == 1
    rig.round(turn=10.0)
    assert len(heard) == 2
    rig.end()
