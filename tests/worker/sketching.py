"""Running the embedded backend in a test: a short chain, an event on which nobody waits, and what came out."""

import threading

from PIL import Image

from spoolctl.spool import Txt2Img
from spoolworker.backends.base import Order, Watch
from spoolworker.backends.drills import Drills
from spoolworker.backends.sketch import Sketch


class PlayedEvent(threading.Event):
    """An event on which nobody waits in earnest; it sets itself after ``after`` waits."""

    def __init__(self, after=None):
        super().__init__()
        self.after = after
        self.waits = []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        if self.after is not None and len(self.waits) >= self.after:
            self.set()
        return self.is_set()


def txt2img(**said):
    return Txt2Img(**{"stage": "txt2img", "prompt": "a castle", "width": 32, "height": 24, **said})


def order(scratch, *stages, inputs=()):
    return Order(stages=stages, inputs=tuple(inputs), scratch=scratch, title="a job")


def run(scratch, *stages, inputs=(), watch=None, **drills):
    scratch.mkdir(exist_ok=True)
    backend = Sketch(Drills(**drills), draw_seed=lambda: 1000)
    return backend.run(order(scratch, *stages, inputs=inputs), watch or Watch())


def pixels(path):
    with Image.open(path) as image:
        return image.convert("RGB").tobytes()
