"""A spool in memory and a worker with the embedded backend, which keeps what the backend was asked for."""

from spoolctl.deriving import prepare, submit
from spoolctl.spool import Claim, Manifest, layout, looking
from spoolworker.backends.sketch import Sketch
from spoolworker.execution import Execution
from spoolworker.pulse import Pulse
from spoolworker.stopping import Stopping
from tests.spool.spool_world import World

BY_HAND = 10.0
"""Seconds after which a test that went wrong ends by itself."""


class Recording(Sketch):
    """The embedded backend; it keeps each order by the job's name."""

    def __init__(self):
        super().__init__(draw_seed=lambda: 1000)
        self.orders = {}

    def run(self, order, watch):
        self.orders[order.title] = order
        return super().run(order, watch)


class Farm:
    """Jobs go in, run, and more are derived of what they left."""

    def __init__(self, scratch):
        self.world = World()
        self.scratch = scratch
        self.backend = Recording()

    def run(self):
        """Run whatever can be claimed, and let wait what waits for it."""
        worker = self.world.worker()
        for _ in range(2):  # what waited for the first round
            worker.sweep()
            self.world.turn(60)
            worker.sweep()
            while isinstance(claimed := worker.claim(), Claim):
                Execution(
                    worker.actor, claimed, backend=self.backend, life=worker.life, pulse=Pulse(worker.actor, worker.life),
                    stopping=Stopping(), scratch=self.scratch, interrupt_wait_s=BY_HAND, vram_gb=None,
                ).run()  # fmt: skip
        self.world.check()

    def made(self, name, data):
        """Submit a job and run it."""
        self.world.submit(name, data)
        self.run()
        assert self.commit(name).succeeded
        return name

    def derive(self, name, image_index, wanted, **said):
        """Derive, submit and run; the jobs' names."""
        actor = self.world.person()
        names = submit(actor, prepare(actor, name, image_index, wanted, **said))
        self.run()
        return names

    def commit(self, name) -> Manifest:
        return looking.decisions(self.world.person(), name).highest.verdict

    def asked(self, name):
        """The stages that the backend was asked for."""
        return self.backend.orders[name].stages

    def seeds(self, name):
        return [one.seed_actual for one in self.commit(name).images]

    def image(self, name, index=0):
        """The bytes of one image."""
        path = self.commit(name).images[index].path
        return self.world.share.tree()[f"{layout.results(name)}/{path}"]
