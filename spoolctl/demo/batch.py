"""What the demo submits: prompts by seeds by chains of stages, in all three classes, and one file that is no job."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spoolctl.spool import (
    JOB_SCHEMA,
    Actor,
    Job,
    draft,
    encode,
    from_mapping,
    images_asked,
    layout,
    stages_of,
    submit,
)

SHELF = "demo"
GROUP = "demo batch"
MODEL = "sketchbook-v1"
SEEDS = (1001, 2002)
SCENES = {
    "lighthouse": "a lighthouse at night, long exposure",
    "fox": "a red fox in fresh snow, soft light",
    "harbour": "a harbour in the fog, early morning",
}
BACKDROPS = {
    "garden": "a walled garden in June",
    "desert": "a desert road, heat haze",
    "city": "a city from above, rain",
    "forest": "a pine forest, low sun",
}
FRAGILE = f"{SHELF}.storm"
FRAGILE_WORD = "storm"
"""The job whose prompt holds this word fails once (``drills``)."""
ADETAILER: dict[str, Any] = {"stage": "adetailer", "denoising_strength": 0.5}
UPSCALE: dict[str, Any] = {"stage": "upscale", "factor": 2}
CHAINS: tuple[tuple[dict[str, Any], ...], ...] = ((), (UPSCALE,), (ADETAILER, UPSCALE))
"""What follows txt2img."""

BROKEN_FILE = "typed-by-hand.yaml"
BROKEN = b"""\
schema: spool.job/1
workload:
  kind: image
  stages:
    - {stage: txt2img, prompt: a bridge, stepz: 28}
...
"""
BROKEN_IN = "queue/interactive"


@dataclass(frozen=True)
class Ask:
    """One job of the demo."""

    name: str
    job_class: str
    job: Job
    data: bytes
    images: int

    @property
    def chain(self) -> str:
        """Its stages, for people."""
        return " > ".join(stage.stage for stage in stages_of(self.job))

    @property
    def strokes(self) -> int:
        """How many images all its stages make together: how long it takes."""
        return self.images * len(stages_of(self.job))


def compose() -> list[Ask]:
    """All jobs of the demo, in the order of their submission."""
    asks = [
        _ask("storm", "interactive", [_txt2img("a storm over the pass", 7, count=1)]),
        _ask("tailor", "interactive", [_txt2img("a tailor at work", 11, count=1), *CHAINS[2]]),
    ]
    for row, (word, prompt) in enumerate(SCENES.items()):
        for column, seed in enumerate(SEEDS):
            chain = CHAINS[(row + column) % len(CHAINS)]
            stages = [_txt2img(prompt, seed, count=2), *chain]
            asks.append(_ask(f"{word}-{seed}", "normal", stages))
    original = f"{SHELF}.lighthouse-{SEEDS[0]}"
    again = {
        "stage": "img2img", "prompt": "the same at dusk", "seed": 5, "denoising_strength": 0.45,
    }  # fmt: skip
    asks.append(_ask("dusk", "normal", [again, UPSCALE], inputs=[{"job": original}], given=2))
    asks += [_ask(w, "batch", [_txt2img(p, 3000, count=3)]) for w, p in BACKDROPS.items()]
    return asks


def submit_all(actor: Actor, asks: list[Ask]) -> None:
    """Submit the jobs, each to where it belongs; errors as for ``submit``."""
    for ask in asks:
        place = layout.WAITING if ask.job.needs else layout.queue(ask.job_class)
        submit(actor, [draft(ask.name, ask.data, ask.job)], place)


def drop_broken(root: Path) -> None:
    """Drop a file with a typing error into a queue, as a person does with a mouse."""
    (root / BROKEN_IN / BROKEN_FILE).write_bytes(BROKEN)


def _txt2img(prompt: str, seed: int, *, count: int) -> dict[str, Any]:
    return {
        "stage": "txt2img", "prompt": prompt, "negative_prompt": "text, watermark", "model": MODEL,
        "sampler": "Euler a", "steps": 28, "cfg_scale": 6.5, "seed": seed,
        "width": 384, "height": 288, "count": count,
    }  # fmt: skip


def _ask(
    word: str,
    job_class: str,
    stages: list[dict[str, Any]],
    *,
    inputs: list[dict[str, Any]] | None = None,
    given: int = 0,
) -> Ask:
    mapping = {
        "schema": JOB_SCHEMA,
        "class": job_class,
        "group": GROUP,
        "submitted_by": "spoolctl demo",
        "inputs": inputs or [],
        "workload": {"kind": "image", "stages": stages},
    }
    job = from_mapping(Job, mapping)
    images = images_asked(job, inputs=given)
    return Ask(f"{SHELF}.{word}", job_class, job, encode(job), images)
