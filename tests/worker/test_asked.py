"""What was asked of the backend stands on one line of the verdict, and no prompt does."""

import json
from pathlib import Path

import pytest

from spoolctl.spool import parse_job, stages_of
from spoolworker.asked import asked
from spoolworker.backends.base import Made, Order

SECRET = "a lighthouse that nobody may know of"


def order(workload, *, inputs=0, done=0):
    told = json.dumps({"schema": "spool.job/1", "workload": workload}).encode()
    files = tuple(Path(f"{index}.png") for index in range(inputs))
    made = tuple(Made(file, "txt2img", 0, final=False, width=8, height=8) for file in files)
    stages = stages_of(parse_job(told))
    return Order(stages, () if done else files, Path(), "job-1", done=(made,) * done)


def chain(*stages, **facts):
    return order({"kind": "image", "stages": list(stages)}, **facts)


FIRST = {
    "stage": "txt2img", "prompt": SECRET, "negative_prompt": SECRET, "width": 512, "height": 768, "count": 4,
    "steps": 20, "sampler": "Euler a", "model": "dreamshaper", "options": {"hr_prompt": SECRET},
}  # fmt: skip
WORKFLOW = {
    "1": {"class_type": "KSampler", "inputs": {"steps": 30, "sampler_name": "euler", "text": SECRET}},
    "2": {"class_type": "SaveImage", "inputs": {}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (
            chain(FIRST, {"stage": "upscale"}),
            "txt2img 512x768 x4, 20 steps, Euler a, dreamshaper; upscale x2 by Lanczos",
        ),
        (chain({"stage": "txt2img", "prompt": SECRET}), "txt2img 512x512"),
        (
            chain(
                {
                    **FIRST,
                    "count": 1,
                    "scheduler": "Karras",
                    "hires": {"scale": 1.5, "upscaler": "4x-UltraSharp"},
                    "refiner": {"model": "sdxl-refiner"},
                },
                {"stage": "adetailer", "prompt": SECRET, "steps": 12},
                {"stage": "img2img", "width": 1024, "model": "other"},
                {"stage": "upscale", "factor": 1.5, "upscaler": "R-ESRGAN 4x+"},
            ),
            (
                "txt2img 512x768, hires x1.5 by 4x-UltraSharp, 20 steps, Euler a Karras, dreamshaper, refiner sdxl-refiner; "
                "adetailer face_yolov8n.pt, 12 steps; img2img 1024xown, other; upscale x1.5 by R-ESRGAN 4x+"
            ),
        ),
        (
            chain({"stage": "img2img", "prompt": SECRET, "steps": 5}, inputs=1),
            "img2img, 5 steps, from 1 file",
        ),
        (
            order(
                {
                    "kind": "comfyui",
                    "workflow": WORKFLOW,
                    "inputs": {
                        "prompt": {"node": "1", "field": "text"},
                        "steps": {"node": "1", "field": "steps"},
                        "sampler": {"node": "1", "field": "sampler_name", "value": "dpmpp_2m"},
                        "wish": {"node": "1", "field": "text", "value": SECRET},
                    },
                    "outputs": {"2": {"count": 3}},
                },
                inputs=2,
            ),
            "comfyui x3, 30 steps, dpmpp_2m, from 2 files",
        ),
        (
            order(
                {
                    "kind": "text",
                    "model": "llava:7b",
                    "prompt": SECRET,
                    "system": SECRET,
                    "count": 3,
                },
                inputs=2,
            ),
            "text x6, llava:7b, from 2 files",
        ),
        (
            order({"kind": "command", "command": "stablenew", "arguments": {"prompt": SECRET}}),
            "command_stablenew",
        ),
    ],
    ids=["chain", "nothing-said", "everything", "inputs", "comfyui", "text", "command"],
)
def test_an_order_is_told_on_one_line_without_a_prompt(made, told):
    assert asked(made) == told
    assert SECRET not in told


def test_stages_that_an_earlier_attempt_made_are_not_told_but_the_words_that_come_from_them_are():
    again = chain(FIRST, {"stage": "img2img"}, {"stage": "upscale"}, inputs=4, done=1)

    assert asked(again) == (
        "img2img, 20 steps, Euler a, dreamshaper, from 4 files; upscale x2 by Lanczos"
    )
