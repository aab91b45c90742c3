"""A job of three stages and the workers that run it, one after another: for tests of what its attempts leave."""

from spoolctl.spool import Code, layout
from spoolworker.backends.drills import Drills
from spoolworker.backends.sketch import Sketch
from tests.worker.execution_rig import Rig

CHAIN = b"""schema: spool.job/1
workload:
  kind: image
  stages:
  - {stage: txt2img, prompt: a lighthouse, seed: -1, width: 32, height: 24, count: 2}
  - {stage: img2img, denoising_strength: 0.3}
  - {stage: upscale, factor: 2}
...
"""
FIRST_TWO = ["0000-1-txt2img.png", "0000-2-img2img.png", "0001-1-txt2img.png", "0001-2-img2img.png"]  # fmt: skip


class Chain(Rig):
    """A job of three stages, its workers' backends, and which stages each of them ran."""

    def __init__(self, tmp_path, **settings):
        super().__init__(tmp_path, CHAIN, **settings)
        self.ran = []

    def work(self, **drills):
        """Run the attempt that is claimed; its verdict."""
        self.ran.clear()

        def act(order, watch):
            self.order = order
            leave = watch.on_stage

            def on_stage(made, timing):
                self.ran.append(timing.stage)
                leave(made, timing)

            watch.on_stage = on_stage
            return Sketch(Drills(**drills)).run(order, watch)

        return self.run(act)

    def fail_at_the_third(self):
        manifest = self.work(fail=Code.OUT_OF_HOST_MEMORY, fail_stage="upscale")
        assert manifest.code is Code.OUT_OF_HOST_MEMORY

    def pictures(self, attempt):
        folder = self.world.share.names(layout.attempt("job-1", attempt))
        return sorted(name for name in folder if name.endswith(".png"))
