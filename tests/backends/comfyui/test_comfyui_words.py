"""WebUI's words in ComfyUI's."""

import io

import pytest
from comfyui_pictures import draw
from PIL import Image

from spoolworker.backends.base import BackendError
from spoolworker.backends.comfyui.live import Event, LoadTime, Progress, read_event
from spoolworker.backends.comfyui.pictures import as_png, size_of, with_text
from spoolworker.backends.comfyui.words import (
    files_called,
    plain_name,
    read_prompt,
    sampler_of,
    upscalers_of,
)

SAMPLERS = (
    "euler",
    "euler_ancestral",
    "dpmpp_2m",
    "dpmpp_2m_sde",
    "ddim",
    "uni_pc",
    "res_multistep",
)
SCHEDULERS = ("normal", "karras", "exponential", "ddim_uniform", "sgm_uniform")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (("Euler a", None), ("euler_ancestral", "normal")),
        (("Euler", "Automatic"), ("euler", "normal")),
        (("DPM++ 2M", None), ("dpmpp_2m", "karras")),
        (("DPM++ 2M", "Normal"), ("dpmpp_2m", "normal")),
        (("DPM++ 2M Karras", None), ("dpmpp_2m", "karras")),
        (("DPM++ 2M Karras", "SGM Uniform"), ("dpmpp_2m", "sgm_uniform")),
        (("DPM++ 2M SDE", "Automatic"), ("dpmpp_2m_sde", "exponential")),
        (("res_multistep", "karras"), ("res_multistep", "karras")),
        (("PLMS", "Karras"), (None, "karras")),
        (("Euler", "Polyexponential"), ("euler", None)),
    ],
)
def test_a_sampler_and_its_schedule_are_found_or_missed(said, found):
    assert sampler_of(*said, SAMPLERS, SCHEDULERS) == found


HAVE = (
    "a.safetensors",
    "sdxl/b.safetensors",
    "other\\c.ckpt",
    "x/d.safetensors",
    "y/d.safetensors",
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.safetensors", ("a.safetensors",)),
        ("a", ("a.safetensors",)),
        ("A.safetensors [dd08fa32f9]", ("a.safetensors",)),
        ("b", ("sdxl/b.safetensors",)),
        ("sdxl\\b", ("sdxl/b.safetensors",)),
        ("other/c.ckpt", ("other\\c.ckpt",)),
        ("d", ("x/d.safetensors", "y/d.safetensors")),
        ("x/d", ("x/d.safetensors",)),
        ("ab", ()),
    ],
)
def test_a_file_is_found_by_the_names_that_people_use(name, found):
    assert files_called(name, HAVE) == found


def test_a_models_name_in_the_text_has_neither_folder_nor_suffix():
    assert plain_name("sdxl\\my.model.safetensors") == "my.model"
    assert plain_name(None) is None


def test_networks_are_taken_out_of_a_prompt():
    read = read_prompt("a <lora:one:0.5> b <lora:two:te=0.2:unet=0.9>, <hypernet:x:1> <lora:three>")

    assert read.text == "a b ,"
    assert [(lora.name, lora.model, lora.clip) for lora in read.loras] == [
        ("one", 0.5, 0.5), ("two", 0.9, 0.2), ("three", 1.0, 1.0),
    ]  # fmt: skip
    assert read.unknown == ("<hypernet:x:1>",)


def test_text_is_put_into_a_png_and_nothing_else_changes():
    png = draw(16, 8, "seed", {"prompt": "{}", "workflow": "…"})

    for text in ("plain", "mit Umlauten und 日本語"):
        told = with_text(png, text)
        with Image.open(io.BytesIO(told)) as image:
            image.load()
            assert image.info["parameters"] == text
            assert image.info["prompt"] == "{}"
            assert image.info["workflow"] == "…"
            with Image.open(io.BytesIO(png)) as before:
                assert image.tobytes() == before.tobytes()
    assert size_of(told, "x") == (16, 8)


def test_a_still_jpeg_becomes_a_png_and_a_moving_webp_is_refused():
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "JPEG")
    png, converted = as_png(out.getvalue(), "x.jpg")
    assert converted
    assert size_of(png, "x") == (8, 8)

    out = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    for data in (out.getvalue(), b"no image", b""):
        with pytest.raises(BackendError):
            as_png(data, "x")


NODES = {
    "load": {"inputs": {}},
    "sample": {"inputs": {"steps": 8}},
    "save": {"inputs": {"steps": ["load", 0]}},
}


def test_progress_counts_a_sampling_node_by_its_steps():
    progress = Progress(NODES)
    progress.take(Event("execution_cached", {"nodes": ["load"]}))
    assert progress.fraction == pytest.approx(1 / 11)
    progress.take(Event("executing", {"node": "sample"}))
    progress.take(Event("progress", {"node": "sample", "value": 4, "max": 8}))
    assert progress.fraction == pytest.approx(5.5 / 11)
    assert progress.node == "sample"
    progress.take(Event("executing", {"node": "sample"}))  # told anew after a reconnect
    assert progress.fraction == pytest.approx(5.5 / 11)
    progress.take(Event("executing", {"node": "save"}))
    assert progress.fraction == pytest.approx(10 / 11)
    progress.take(Event("progress_state", {"nodes": {"save": {"state": "finished"}, "?": {}}}))
    assert progress.fraction == 1.0


LOADING = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {}},
    "2": {"class_type": "LoraLoader", "inputs": {}},
    "3": {"class_type": "LoadImage", "inputs": {}},
    "4": {"class_type": "KSampler", "inputs": {}},
}


def test_the_loaders_time_is_told_apart_from_the_sampling():
    now = iter([0.0, 12.0, 15.0, 16.0, 40.0])
    load = LoadTime(lambda: next(now))
    assert load.seconds is None

    for node in ("1", "2", "3", "4", None):
        load.take(Event("executing", {"node": node}), LOADING)
        load.take(Event("progress", {"node": node}), LOADING)

    assert load.seconds == 15.0


def test_a_model_that_was_cached_took_no_time_to_load():
    load = LoadTime(lambda: 7.0)
    load.take(Event("executing", {"node": "4"}), LOADING)

    assert load.seconds == 0.0


@pytest.mark.parametrize(
    "message",
    ["no json", "[]", '{"type": "x"}', '{"type": "x", "data": 1}', b"", b"\0\0\0\3\0\0\0\1text"],
)
def test_a_message_of_no_use_is_passed_over(message):
    assert read_event(message) is None


@pytest.mark.parametrize(
    "data", [{}, {"node": None, "value": "x"}, {"node": "load", "value": 1, "max": 0}]
)
def test_progress_bears_strange_data(data):
    progress = Progress(NODES)
    progress.take(Event("progress", data))
    assert progress.fraction == 0.0


def test_every_name_by_which_a_job_may_ask_for_an_upscaler_is_told():
    """The card listed files only, and a job that asked for Lanczos, the default, waited for ever."""
    files = ("4x-UltraSharp.pth", "upscalers/RealESRGAN_x4plus.pth")

    assert upscalers_of(files) == ("Lanczos", "Nearest", *files, "R-ESRGAN 4x+")
    assert upscalers_of(()) == ("Lanczos", "Nearest")
