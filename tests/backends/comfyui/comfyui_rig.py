"""A backend before a server, and one call to run stages on it."""

import itertools
from dataclasses import dataclass, field

from spoolctl.spool.records import Txt2Img
from spoolworker.backends.base import Order, Watch
from spoolworker.backends.comfyui import ComfyUI

_numbers = itertools.count()


@dataclass
class Seen:
    """What a watch was told."""

    progress: list = field(default_factory=list)
    previews: list = field(default_factory=list)
    stages: list = field(default_factory=list)


class Rig:
    """Runs orders on the server at *url*; each in a folder of its own."""

    def __init__(self, folder, url, **options):
        self.folder = folder
        self.options = {"url": url, "poll_s": "0.01", **options}
        self.backend = ComfyUI.from_options(self.options)
        self.seen = Seen()
        self.watch = Watch()

    def run(self, *stages, inputs=(), done=(), attempt=None, stop_at=None, title="job"):
        """Run; *stop_at* interrupts as soon as the progress is beyond it."""
        number = next(_numbers)
        scratch = self.folder / f"scratch-{number}"
        scratch.mkdir(parents=True)
        self.seen = seen = Seen()
        self.watch = watch = Watch(
            on_preview=seen.previews.append, on_stage=lambda *told: seen.stages.append(told)
        )

        def progress(fraction, stage):
            seen.progress.append((fraction, stage))
            if stop_at is not None and fraction > stop_at:
                watch.interrupted.set()

        watch.on_progress = progress
        attempt = f"a{number}" if attempt is None else attempt
        return self.backend.run(Order(stages, tuple(inputs), scratch, title, attempt, done), watch)


def t2i(**said):
    base = {"prompt": "a cat", "width": 64, "height": 64, "steps": 2, "seed": 5, "model": "mini-a"}
    return Txt2Img.model_validate({"stage": "txt2img", **base, **said})


WORKFLOW = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "mini-b.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": "x"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 2}},
    "6": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["1", 0], "positive": ["2", 0], "negative": ["2", 0], "latent_image": ["5", 0],
            "seed": 1, "steps": 2, "cfg": 5.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
        },
    },
    "7": {"class_type": "VAEDecode", "inputs": {"samples": ["6", 0], "vae": ["1", 2]}},
    "8": {"class_type": "SaveImage", "inputs": {"images": ["7", 0], "filename_prefix": "mine"}},
    "9": {"class_type": "LoadImage", "inputs": {"image": "elsewhere.png"}},
    "10": {"class_type": "PreviewImage", "inputs": {"images": ["9", 0]}},
}  # fmt: skip
WORKLOAD = {
    "kind": "comfyui",
    "workflow": WORKFLOW,
    "inputs": {
        "prompt": {"node": "2", "field": "text", "value": "a dog"},
        "seed": {"node": "6", "field": "seed", "value": -1},
        "model": {"node": "1", "field": "ckpt_name"},
        "picture": {"node": "9", "field": "image", "file": 0},
    },
    "outputs": {"8": {"count": 2, "width": 64, "height": 64}, "10": {}},
}
