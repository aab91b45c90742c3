"""Makes the pictures of the page that the documents show: ``python -m tests.review.shots DIR``.

The spool in them is a real one: real workers drew it with ``sketch``, a controller merged it, and the page is the one that is served.
Each picture is checked for its size: ``docs/`` is no place for large files.
"""

import argparse
import contextlib
import io
import os
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[number] / part) for number, part in ((0, ""), (1, "scenarios"))]  # fmt: skip

from chromium import Chromium
from nights import GROUP, Night
from PIL import Image

from spoolctl.spool import PICKED, REJECTED, Word, rate

BYTES_MAX = 300_000
NEGATIVE = "text, watermark, blurry"
SCENES = (
    "a harbour in the fog, early morning, fishing boats", "a red fox in fresh snow, soft light",
    "a walled garden in June, bees, 35mm", "a desert road, heat haze, distant mesa", "a city from above, rain, neon",
    "a pine forest, low sun, long shadows", "an observatory under the milky way", "a night train crossing a viaduct",
    "a glass blower at work, sparks", "an old library, dust in the light", "a storm over the pass, wide angle", "a tide pool, macro",
)  # fmt: skip
PACK = "morning pack"
BYTES_OF_PICTURES = {}


def stage(night):
    """Everything that is seen: what the night made, what was said of it, who is at work."""
    names = night.sweep(size=(384, 256))
    night.waits_for("large", names[1])
    night.submit(_pack(SCENES, "batch", PACK), "--name", "pack")
    night.draw([f"pack.{number:04d}" for number in range(1, len(SCENES) + 1)])
    person = night.actor("person-ann")
    for number, name in enumerate((*names, *(f"pack.{one:04d}" for one in range(1, 9)))):
        for image in (0, 1):
            dice = (number * 7 + image * 3) % 11
            if dice < 9:
                choice = PICKED if dice == 4 else REJECTED if dice == 1 else None
                rate(person, name, image, Word(rating=1 + (number + 2 * image) % 5, choice=choice))
    for _ in range(3):  # thumbnails, contact sheets and pages come in portions
        night.merge()


def at_work(night):
    """Two workers in the middle of something, and a queue behind them."""
    night.submit(_pack(SCENES[:2], "interactive", "retouched", steps=2), "--name", "retouched")
    night.submit(_pack(SCENES[2:], "batch", "evening pack"), "--name", "evening")
    workers = [night.worker(name, seconds_per_image=9) for name in ("ada", "bob")]

    def busy():
        events = [{one["event"] for one in worker.events()} for worker in workers]
        return all("claimed" in one for one in events)

    night.wait_for(busy, "both workers to be at work")


def _pack(scenes, job_class, name, steps=1):
    base = {
        "stage": "txt2img", "prompt": scenes[0], "negative_prompt": NEGATIVE, "model": "sketchbook-v1", "sampler": "DPM++ 2M",
        "scheduler": "Karras", "steps": 28, "cfg_scale": 6.5, "width": 320, "height": 416, "count": 4, "seed": 4001,
    }  # fmt: skip
    chain = [base, {"stage": "upscale", "factor": 2}][:steps]
    return {
        "schema": "spool.plan/1", "name": name, "matrix": {"prompt": list(scenes)},
        "base": {"class": job_class, "workload": {"kind": "image", "stages": chain}},
    }  # fmt: skip


def quantised(data):
    """PNG of 256 colours, and fewer until it is small enough for a document."""
    with Image.open(io.BytesIO(data)) as image:
        flat = image.convert("RGB")
    for colours in (256, 192, 128, 96, 64):
        made = io.BytesIO()
        few = flat.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(made, "PNG", optimize=True)
        if made.tell() <= BYTES_MAX:
            return made.getvalue()
    raise ValueError(f"a picture of {flat.width} x {flat.height} does not fit {BYTES_MAX} bytes")
