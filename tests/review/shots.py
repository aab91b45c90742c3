"""Makes the pictures of the page that the documents show: ``python -m tests.review.shots DIR``.

The spool in them is a real one: real workers drew it with ``sketch``, a controller merged it, and the page is the one that is served.
Each picture is checked for its size: ``docs/`` is no place for large files.
"""

import argparse
import io
import os
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scenarios")]  # as pytest does

from chromium import Chromium  # noqa: E402 - behind the path
from nights import GROUP, Night  # noqa: E402
from PIL import Image  # noqa: E402

from spoolctl.spool import PICKED, REJECTED, Word, layout, rate  # noqa: E402

BYTES_MAX = 300_000
NEGATIVE = "text, watermark, blurry"
SCENES = (
    "a harbour in the fog, early morning, fishing boats", "a red fox in fresh snow, soft light",
    "a walled garden in June, bees, 35mm", "a desert road, heat haze, distant mesa", "a city from above, rain, neon",
    "a pine forest, low sun, long shadows", "an observatory under the milky way", "a night train crossing a viaduct",
    "a glass blower at work, sparks", "an old library, dust in the light", "a storm over the pass, wide angle", "a tide pool, macro",
)  # fmt: skip
PACK = "morning pack"
DESK, PHONE = (1200, 750), (390, 780)
LOADED = """[...document.images].filter((one) => {
  const box = one.getBoundingClientRect();
  return one.checkVisibility() && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
}).every((one) => one.complete && one.naturalWidth)"""
"""All images in view are here."""


def stage(night):
    """Everything that is seen: what the night made, what was said of it."""
    settings = night.root / layout.SETTINGS
    settings.write_text(settings.read_text().replace("spool-scenario", "attic"))
    night.submit(_sweep(), "--name", "sweep")
    night.submit(_pack(SCENES, "batch", PACK), "--name", "pack")
    swept = [f"sweep.{number:04d}" for number in range(1, 10)]
    packed = [f"pack.{number:04d}" for number in range(1, len(SCENES) + 1)]
    night.draw([*swept, *packed])
    night.waits_for("large", swept[1])
    night.waits_for("larger", swept[5])
    person = night.actor("person-ann")
    for number, (name, image) in enumerate((one, image) for one in (*swept, *packed[:8]) for image in (0, 1)):  # fmt: skip
        if number % 5 != 4:
            rate(person, name, image, Word(rating=(3, 4, 2, 5, 3, 1, 4)[number % 7]))
    for name, image in ((swept[1], 1), (swept[5], 0), (packed[0], 3), (packed[2], 2)):
        rate(person, name, image, Word(rating=5, choice=PICKED))
    for name, image in ((swept[2], 0), (packed[0], 2), (packed[1], 0)):
        rate(person, name, image, Word(rating=1, choice=REJECTED))
    rate(person, packed[2], 1, Word(rating=4, note="the left third, larger"))
    for _ in range(3):  # thumbnails, contact sheets and pages come in portions
        night.merge()


def _sweep():
    """Three scales by three samplers. Each has seeds of its own, for ``sketch`` draws by prompt and seed alone."""
    cells = [
        {"cfg_scale": scale, "sampler": sampler, "seed": 100 * row + 10 * column + 1}
        for row, scale in enumerate((5.0, 6.5, 8.0)) for column, sampler in enumerate(("Euler a", "DPM++ 2M", "UniPC"))
    ]  # fmt: skip
    plan = _pack(SCENES[:1], "batch", GROUP)
    stage = plan["base"]["workload"]["stages"][0] | {"count": 2, "width": 416, "height": 320}
    stage = {
        key: value for key, value in stage.items() if key not in ("cfg_scale", "sampler", "seed")
    }
    workload = {"kind": "image", "stages": [stage]}
    return {**plan, "base": {**plan["base"], "workload": workload}, "matrix": {"cell": cells}, "order": "plain"}  # fmt: skip


def at_work(night):
    """Two workers in the middle of something, a queue behind them, and a controller."""
    night.submit(_pack(SCENES[:2], "interactive", "retouched", steps=2), "--name", "retouched")
    night.submit(_pack(SCENES[2:], "batch", "evening pack"), "--name", "evening")
    workers = [night.worker(name, seconds_per_image=9) for name in ("ada", "bob")]

    def busy():
        events = [{one["event"] for one in worker.events()} for worker in workers]
        return all("claimed" in one for one in events)

    night.wait_for(busy, "both workers to be at work")
    night.controller()


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


GALLERY = "#/images?order=oldest"
COMPARED = "#/compare?id=sweep.0001:0&id=sweep.0002:0&id=sweep.0006:0"
AT_WORK = """document.querySelectorAll('[role=progressbar][aria-valuenow]').length >= 2
  && document.querySelector('.strip img')"""
VIEWS = (
    # file, address, size, dark, what must be there first
    ("review-light", GALLERY, DESK, False, "document.querySelectorAll('[role=option] img').length > 20"),
    ("review-dark", GALLERY, DESK, True, "document.querySelectorAll('[role=option] img').length > 20"),
    ("review-live-light", "#/", DESK, False, AT_WORK),
    ("review-live-dark", "#/", DESK, True, AT_WORK),
    ("review-group-light", f"#/group/{quote(GROUP)}", DESK, False, "document.querySelector('[data-picked]')"),
    ("review-compare-light", COMPARED, DESK, False, "document.querySelectorAll('main img').length > 2"),
    ("review-grid-dark", f"#/grid?group={quote(GROUP)}", (1200, 620), True, "document.querySelectorAll('main img').length > 6"),
    ("review-phone-dark", GALLERY, PHONE, True, "document.querySelectorAll('[role=option] img').length > 5"),
)  # fmt: skip
LARGE = "review-large-dark"
PICTURES = [*(name for name, *_ in VIEWS), LARGE]


def shoot(browser, night, into):
    """Every picture, and of the gallery's first image the large view."""
    for name, address, size, dark, first in VIEWS:
        page = browser.page(size=size)
        if size is PHONE:
            page.size(*PHONE, scale=2, mobile=True)
        page.scheme("dark" if dark else "light")
        page.goto(f"{night.url}{address}")
        if address is COMPARED:
            page.wait_for("document.querySelector('main table')", "the table")
            page.evaluate("document.querySelector('main table').scrollIntoView({block: 'end'})")
        take(page, first, into / f"{name}.png")
        if name == "review-dark":
            page.click("[role=option]")
            take(
                page,
                "document.querySelector('dialog img')?.naturalWidth",
                into / f"{LARGE}.png",
            )


def take(page, first, path):
    """One picture, once everything in it is there."""
    page.wait_for(first, f"what {path.name} is to show", 30)
    page.wait_for(LOADED, f"the pictures in {path.name}", 30)
    path.write_bytes(quantised(page.screenshot()))


def quantised(data):
    """As few bytes as a document may have: as it is, or of few colours, mixed of dots or not."""
    with Image.open(io.BytesIO(data)) as image:
        flat = image.convert("RGB")
    few = _of_few_colours(flat)
    for made in (flat, flat.quantize(palette=few), flat.quantize(palette=few, dither=Image.Dither.NONE)):  # fmt: skip
        written = io.BytesIO()
        made.save(written, "PNG", optimize=True)
        if written.tell() <= BYTES_MAX:
            return written.getvalue()
    raise ValueError(f"a picture of {flat.width} x {flat.height} does not fit {BYTES_MAX} bytes")


def _of_few_colours(flat):
    """A palette: the page's own colours as they are, which are the most frequent, and of those in its pictures the means."""
    own = [colour for _, colour in sorted(flat.getcolors(1 << 24), reverse=True)[:32]]
    means = flat.quantize(256 - len(own), Image.Quantize.FASTOCTREE, kmeans=1)
    found = Image.new("P", (1, 1))
    found.putpalette([*(part for colour in own for part in colour), *means.getpalette()[: 3 * (256 - len(own))]])  # fmt: skip
    return found


def main(arguments=None):
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("into", type=Path, metavar="DIR")
    given = parser.parse_args(arguments)
    given.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="review-shots-") as scratch:
        folder = Path(scratch) / "night"
        os.environ["SPOOL_INDEX"] = str(folder / "index")
        night = Night(folder)
        try:
            stage(night)
            at_work(night)
            with Chromium(Path(scratch) / "chromium") as browser, browser.closing_pages():
                shoot(browser, night, given.into)
        finally:
            night.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
