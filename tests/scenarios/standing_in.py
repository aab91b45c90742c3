"""The stand-ins for WebUI and ComfyUI under one set of knobs, so that one scene is told for both.

Each is the server that its backend's own tests speak with (``tests/backends``), over real HTTP. As a program, ``standing_in.py
BACKEND PORT HOLD_FILE``, it is a server that a worker starts by itself: as long as the file is there it holds in the midst of its work.
"""

import base64
import io
import sys
import tempfile
import threading
from pathlib import Path

from PIL import Image

BACKENDS = ("webui", "comfyui")
sys.path[:0] = [str(Path(__file__).parents[1] / "backends" / one) for one in BACKENDS]

import comfyui_standin  # noqa: E402 - found by the line above
import webui_standin  # noqa: E402
from webui_sampling import OOM, Failure  # noqa: E402

STEPS = 6


def spoilt(data, how):
    """A picture as a server might send it."""
    if how == "truncated":
        return data[: len(data) // 2]
    with Image.open(io.BytesIO(data)) as image:
        out = io.BytesIO()
        wrong = image.resize((image.width - 8, image.height)) if how == "size" else image
        wrong = Image.new("RGB", image.size) if how == "black" else wrong
        wrong.save(out, "PNG")
    return out.getvalue()


class Webui(webui_standin.StandIn):
    """AUTOMATIC1111's."""

    model, oom, sick = "sd15", OOM, {"error": "RuntimeError", "errors": "broken", "detail": ""}
    worker_options = ("poll_s=0.02", "preview_s=0")

    def __init__(self, _folder=None, port=0):
        super().__init__(port=port)
        self.fails_with = None
        self.loses_last = False
        self.spoils = None
        self.leaves_after_probe = False
        self.interrupts = 0

    def hold_at(self, step):
        """Come no further than this step of a generation, until ``go_on`` or ``hold_at`` another."""
        with self.changed:
            self.pause_at = step
            self.changed.notify_all()

    def answer(self, method, target, raw, headers):
        answered = super().answer(method, target, raw, headers)
        if self.leaves_after_probe and target.endswith("/memory"):  # its last question
            self.leaves_after_probe = False
            self.leave()
        return answered

    def leave(self):
        """Listen no more, as a server that is ending."""
        self.stop_listening()

    @property
    def is_held(self):
        return self.is_at_pause() and bool(self.state["job_count"])

    @property
    def asked_to_work(self):
        return len(self.posts("/txt2img"))

    def _interrupt(self, body, query):
        self.interrupts += 1
        return super()._interrupt(body, query)

    def _process(self, body, tab):
        if self.fails_with is not None:
            raise Failure(500, self.fails_with)
        answer = super()._process(body, tab)
        if self.loses_last:
            answer["images"].pop()
        return answer

    def encode(self, image, texts):
        text = super().encode(image, texts)
        if self.spoils is None:
            return text
        return base64.b64encode(spoilt(base64.b64decode(text), self.spoils)).decode()


class ComfyUI(comfyui_standin.StandIn):
    """ComfyUI's; a context manager, as the other."""

    model, sick = "mini-a", ("RuntimeError", "broken")
    oom = ("torch.OutOfMemoryError", "Allocation on device 0 would exceed allowed memory")
    worker_options = ("poll_s=0.02",)

    def __init__(self, folder, port=0):
        self.hold_step = None
        self.loses_last = False
        self.spoils = None
        self.leaves_after_probe = False
        super().__init__(folder, port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def hold_at(self, step):
        with self.lock:
            self.hold_step = step

    def go_on(self):
        self.hold_at(None)

    def leave(self):
        self._server.shutdown()
        self._server.server_close()

    @property
    def is_held(self):
        with self.lock:
            return self.running is not None and self.tick == self.hold_step

    @property
    def is_idle(self):
        with self.lock:
            return self.running is None and not self.pending

    @property
    def interrupts(self):
        return sum(path == "/interrupt" for path, _ in self.requests)

    @property
    def asked_to_work(self):
        return len(self.submitted())

    @property
    def fails_with(self):
        return self.knobs.error

    @fails_with.setter
    def fails_with(self, error):
        self.knobs.error = error

    @property
    def embeddings(self):
        if self.leaves_after_probe:  # its last question
            self.leaves_after_probe = False
            self.leave()
        return self._embeddings

    @embeddings.setter
    def embeddings(self, names):
        self._embeddings = names

    def advance(self):
        if self.is_held and not self.interrupt:
            return
        super().advance()

    def _begin(self, item):
        """Tells of the loaders before the sampler too, as the real one: else 67 % of the steps are less of the whole."""
        super()._begin(item)
        for node, about in item[2].items():
            if "KSampler" in about["class_type"]:
                break
            self._send("executing", {"node": node})

    def _finish(self):
        prompts = self.asked_to_work
        self.knobs.one_too_few = self.loses_last and prompts == 4
        return super()._finish()

    def _save(self, graph, node):
        saved = super()._save(graph, node)
        if self.spoils is not None:
            for one in saved:
                key = one["subfolder"], one["filename"], one["type"]
                self.outputs[key] = spoilt(self.outputs[key], self.spoils)
        return saved


KINDS = {"webui": Webui, "comfyui": ComfyUI}


def main(backend, port, hold_file):
    with tempfile.TemporaryDirectory() as folder, KINDS[backend](Path(folder), int(port)) as server:
        if Path(hold_file).exists():
            server.hold_at(STEPS // 2)
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
