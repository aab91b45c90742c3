"""One life of a worker, from its first look to its last."""

import pytest

from spoolctl.spool import (
    EXIT_SHARE_HANGS,
    Code,
    Settings,
    Sweeper,
    VramSeen,
    create_spool,
    decisions,
    decode,
    encode,
    open_spool,
)
from spoolctl.spool.records.settings import Retry
from spoolworker import readiness
from spoolworker.agent import EXIT_BACKEND_HANGS, Agent
from spoolworker.config import Config
from spoolworker.expecting import Expecting
from spoolworker.gpus import Gpu, GpuReading
from spoolworker.pulse import Pulse
from spoolworker.stopping import Stopping

JOB = """\
schema: spool.job/1
workload:
  kind: image
  stages:
    - {stage: txt2img, prompt: a lighthouse, seed: 7, width: 64, height: 64}
...
"""


class Desk:
    """A spool, and the lives of worker ``attic`` there."""

    def __init__(self, folder):
        self.root, self._folder = folder / "spool", folder
        create_spool(self.root)
        self.events = []

    def drop(self, *names, keys=""):
        for name in names:
            (self.root / "queue" / "normal" / f"{name}.yaml").write_text(keys + JOB)

    def settle(self, **changes):
        """Change the spool's settings."""
        path = self.root / "spool.yaml"
        settings = decode(Settings, path.read_bytes()).model_copy(update=changes)
        path.write_bytes(encode(settings))

    def live(self, *, code=0, **options):
        config = Config(
            spool=self.root, name="attic", drain=True, scratch=self._folder / "s",
            log_folder=self._folder, backend_options=options, interrupt_wait_s=0.1,
        )  # fmt: skip
        worker = Agent(config, Stopping(), lambda event, **_: self.events.append(event))
        assert worker.run() == code

    def told(self, *events):
        return [event for event in self.events if event in events]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_a_verdict_tells_what_the_card_had(desk, monkeypatch):
    card = Gpu(0, "RTX 3060", "GPU-1", 12.0, 4.5)

    class Told:
        def __init__(self, _wanted, tell):
            self.ask = lambda: tell(card)

    monkeypatch.setattr(readiness, "read_gpus", lambda: GpuReading((card,)))
    monkeypatch.setattr(readiness, "CardWatch", Told)
    desk.drop("first")

    desk.live()

    manifest = decisions(open_spool(desk.root, name="person-x"), "first").highest.verdict
    assert manifest.vram == VramSeen(gpu="RTX 3060", total_gb=12.0, free_gb=4.5)
    assert manifest.request == "txt2img 64x64"


def test_a_worker_whose_backend_answers_says_so_at_once_and_not_at_its_next_heartbeat(
    desk, monkeypatch
):
    """For ten seconds after its start it was shown as one that waits for a backend which had answered long ago."""
    hurried = Pulse.beat_soon
    monkeypatch.setattr(
        Pulse, "beat_soon", lambda self: desk.events.append("told") or hurried(self)
    )
    desk.drop("first", "second")

    desk.live()

    assert desk.told("told", "claimed") == ["told", "claimed", "claimed"]


def test_a_worker_claims_before_it_sweeps(desk, monkeypatch):
    """Under a storm of kills, workers that swept a queue of ten thousand before their first claim died before it."""
    desk.drop("first")
    sweep = Sweeper.sweep
    monkeypatch.setattr(Sweeper, "sweep", lambda self: desk.events.append("swept") or sweep(self))

    desk.live()

    assert desk.told("claimed", "swept")[:2] == ["claimed", "swept"]


def test_a_worker_whose_backend_fails_everything_takes_three_jobs_and_leaves_the_rest(desk):
    desk.drop("a", "b", "c", "d", "e")

    desk.live(fail="backend_rejected")
    desk.live(fail="backend_rejected")  # started again by a service manager

    assert len(desk.told("claimed")) == 3
    assert sorted(path.stem for path in (desk.root / "queue" / "normal").iterdir()) == ["d", "e"]


def test_how_long_an_attempt_may_take_is_asked_with_the_verdict_before_it(desk, monkeypatch):
    asked, expected = [], Expecting.timeout_s

    def told(self, job, node, previous=None):
        asked.append(previous and previous.code)
        return expected(self, job, node, previous)

    monkeypatch.setattr(Expecting, "timeout_s", told)
    desk.settle(retry=Retry(backoff_s=0.0))
    desk.drop("a")

    desk.live(fail="timeout", fail_times="1")

    assert asked == [None, Code.TIMEOUT]


def test_a_backend_that_hangs_under_each_job_takes_three_and_leaves_the_rest(desk):
    """What ended with the worker itself was not counted: started again each time, it took one job after another."""
    desk.drop("a", "b", "c", "d", keys="limits: {stall_s: 0.2}\n")

    for _ in range(3):
        desk.live(code=EXIT_BACKEND_HANGS, stall_at="0", ignore_interrupt_s="600")
    desk.live(stall_at="0", ignore_interrupt_s="600")

    assert len(desk.told("claimed")) == 3
    assert desk.told("worker.gives_up") == ["worker.gives_up"] * 3


def test_a_worker_whose_call_to_the_share_hangs_says_so_and_ends_at_once(desk, tmp_path):
    """Also if its server cannot be ended just then."""
    codes, asides = [], []
    config = Config(spool=desk.root, name="attic", scratch=tmp_path / "s", log_folder=tmp_path)
    worker = Agent(
        config, Stopping(), lambda event, **_: desk.events.append(event), exit_now=codes.append
    )
    worker._actor.files.oldest_call_s = lambda aside: asides.append(aside) or 1e9
    worker._readiness.end_server = lambda: 1 / 0
    worker.hang_watch._limit_s = 0.0

    with pytest.raises(ZeroDivisionError):
        worker.hang_watch.look()

    assert (desk.events, codes) == (["worker.share_hangs"], [EXIT_SHARE_HANGS])
    assert asides == [{"preview", "stages"}], "an attempt goes on without these"
