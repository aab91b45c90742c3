"""Work: the few facts of a job by which jobs are chosen and compared."""

import json

import pytest

from spoolctl.scheduling.work import Piece, Work, work_of
from spoolctl.spool import BadRecord, parse_job


def work(*stages, kind="image", **workload):
    body = {"kind": kind, **({"stages": list(stages)} if kind == "image" else {}), **workload}
    return work_of(parse_job(json.dumps({"schema": "spool.job/1", "workload": body}).encode()))


def txt2img(**says):
    return {"stage": "txt2img", "prompt": "a lighthouse", **says}


def test_the_work_of_a_plain_image_is_its_steps_times_its_megapixels():
    told = work(
        txt2img(width=1000, height=1000, steps=30, count=4, model="XL.safetensors [0123456789]")
    )
    assert told == Work("image", "xl", (), (Piece("txt2img", 4, 30, 1.0),))
    assert told.units == 120


def test_a_second_pass_counts_in_steps_of_the_larger_size():
    told = work(
        txt2img(width=500, height=500, steps=20, hires={"scale": 2, "denoising_strength": 0.5})
    )
    assert told.pieces == (Piece("txt2img", 1, 10 + 5, 1.0),)


def test_a_chain_hands_its_size_and_steps_down():
    told = work(
        txt2img(width=500, height=500, steps=40),
        {"stage": "img2img", "denoising_strength": 0.5},
        {"stage": "upscale", "factor": 2},
    )
    assert told.pieces == (
        Piece("txt2img", 1, 40, 0.25),
        Piece("img2img", 1, 20, 0.25),
        Piece("upscale", 1, 0, 1.0),
    )
    assert told.megapixels == 1.0


def test_the_heavy_model_is_the_first_that_is_said_and_loras_come_from_prompts():
    told = work(
        txt2img(prompt="a <lora:Film.safetensors:0.5> b <lora:Ink:1>", model="base"),
        {"stage": "img2img", "model": "other"},
    )
    assert (told.model, told.loras) == ("base", ("film", "ink"))


def test_a_batch_is_what_the_card_holds_at_once():
    assert work(txt2img(count=8, options={"batch_size": 4})).batch == 4


def test_texts_and_programs_are_counted_by_their_number():
    assert work(kind="text", model="llava:7b", prompt="?", count=3).pieces == (Piece("text", 3),)


def test_a_job_whose_stages_cannot_be_read_has_no_work():
    with pytest.raises(BadRecord):
        work(kind="stablenew", snapshot={})
