"""A worker with one claim, a backend that plays a part, and a clock that tests turn: for tests of executing an attempt."""

from spoolctl.spool import (
    BackendUsed,
    Code,
    Ending,
    Outcome,
    Verdict,
    conclude,
    end,
    layout,
)
from spoolworker.backends import drawing
from spoolworker.backends.base import Interrupted, Made, Product
from spoolworker.execution import Execution
from spoolworker.pulse import Pulse
from spoolworker.stopping import Stopping
from tests.spool.spool_world import World

JOB = b"""schema: spool.job/1
workload:
  kind: image
  stages:
  - {stage: txt2img, prompt: a lighthouse, seed: 7, width: 32, height: 24, count: 2}
...
"""
UNREADABLE_CHAIN = b"""schema: spool.job/1
workload:
  kind: stablenew
  snapshot: {normalized_job: {}}
...
"""
BY_HAND = 60.0
"""Seconds after which a test that went wrong ends by itself."""


class Played:
    """A backend that does what a test tells it, in its own thread."""

    name = "played"

    def __init__(self, act):
        self.act = act
        self.order = None

    def run(self, order, watch):
        self.order = order
        return self.act(order, watch)


def made(order, index, *, size=(32, 24)):
    path = order.scratch / f"{index:04d}-1-txt2img.png"
    drawing.draw("x", index, *size).save(path)
    return Made(path, "txt2img", index, final=True, width=size[0], height=size[1])


def product(order, _watch=None, *, images=2, **said):
    files = tuple(made(order, index) for index in range(images))
    return Product(files, (), BackendUsed(name="played"), **said)


def until_interrupted(watch):
    assert watch.interrupted.wait(BY_HAND), "nobody interrupted the backend"
    raise Interrupted


class Rig:
    """A worker with one claim, about to run it. Its pulse has no thread: tests let it look and beat."""

    def __init__(self, tmp_path, data=JOB, **settings):
        self.world = World(**settings)
        self.world.drop("job-1", data)
        self.worker = self.world.worker("w1")
        self.actor, self.life = self.worker.actor, self.worker.life
        self.claim = self.worker.claim()
        self.pulse = Pulse(self.actor, self.life)
        self.stopping = Stopping()
        self.scratch = tmp_path / "scratch"
        self.backend = None
        self.waits = 0
        self.at_wait = {}
        self.stopping.hand_back.wait = self._wait

    def _wait(self, timeout=None):
        """Waiting for the share lets time pass on the test's clock only."""
        self.waits += 1
        assert self.waits < 10_000, "waits for ever"
        self.world.turn(timeout)
        self.at_wait.pop(self.waits, lambda: None)()
        return self.stopping.hand_back.is_set()

    def next_worker(self, name):
        """Another worker claims the next attempt, when it is due."""
        self.world.turn(4_000)
        self.worker = self.world.worker(name, machine=f"host-{name}")
        self.worker.sweep()
        self.actor, self.life = self.worker.actor, self.worker.life
        self.claim = self.worker.claim()
        self.pulse = Pulse(self.actor, self.life)

    def look(self):
        self.pulse._look(*self.pulse._watched)

    def run(self, act, *, interrupt_wait_s=BY_HAND, vram_gb=8.0, **parts):
        self.backend = Played(act)
        execution = Execution(
            self.actor, self.claim, backend=self.backend, life=self.life, pulse=self.pulse,
            stopping=self.stopping, scratch=self.scratch, interrupt_wait_s=interrupt_wait_s,
            vram_gb=vram_gb, **parts,
        )  # fmt: skip
        try:
            return execution.run()
        finally:
            assert list(self.scratch.glob("*")) == [], (
                "something of the job is left on the local disk"
            )
            self.world.check()

    @property
    def verdict(self):
        return self.world.manifests("job-1")[1]

    @property
    def folder(self):
        return layout.attempt("job-1", 1)

    def lost_to(self, other="w2"):
        """Somebody takes this worker for dead and ends its attempt."""
        reaper = self.world.actor(other, machine="host-b")
        ending = Ending(Verdict.LOST, Code.NO_HEARTBEAT, "taken for dead")
        assert end(reaper, self.claim, conclude(reaper, self.claim, ending)) is Outcome.WON
