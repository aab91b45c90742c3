"""The text that WebUI users find in their PNG files."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spoolctl.spool import ADetailer, Hires, Img2Img, Sampling, Txt2Img, Upscale
from spoolworker.backends.infotext import Infotext, describe, read_infotext, write_infotext

SAID = Sampling(
    prompt="a castle", model="dream", sampler="Euler a", scheduler="Karras", steps=20, cfg_scale=7.0
)

line = st.text(st.characters(codec="utf-8", exclude_characters="\r\n")).map(str.strip)
prompt = (
    st.lists(line.filter(lambda text: not text.startswith("Negative prompt:")))
    .map("\n".join)
    .map(str.strip)
)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9 /-]{1,12}[A-Za-z0-9]", fullmatch=True)
values = st.text(st.characters(codec="utf-8"), min_size=1)


@settings(deadline=None)
@given(prompt, prompt, st.dictionaries(names, values, min_size=3, max_size=8))
def test_what_is_written_is_read_back(words, negative, fields):
    text = write_infotext(words, negative, fields)

    assert read_infotext(text) == Infotext(words, negative, fields)


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_read(text):
    read_infotext(text)


def test_the_text_is_what_webui_writes():
    fields = describe(
        Txt2Img(stage="txt2img", width=512, height=768), SAID, seed=7, size=(512, 768), before={}
    )

    assert write_infotext("a castle,\non a hill", "blurry", fields) == (
        "a castle,\non a hill\nNegative prompt: blurry\n"
        "Steps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, Seed: 7, "
        "Size: 512x768, Model: dream, Version: sketch"
    )


def test_a_text_of_webui_itself_is_read():
    text = (
        "a cat, <lora:paws:0.8>\nNegative prompt: dog\nbird\n"
        "Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 4294967295, "
        'Size: 832x1216, Model hash: 31e35c80fc, Lora hashes: "paws: 0123, x: 4", Version: v1.10.1'
    )

    found = read_infotext(text)

    assert (found.prompt, found.negative_prompt) == ("a cat, <lora:paws:0.8>", "dog\nbird")
    assert found.fields["Lora hashes"] == "paws: 0123, x: 4"
    assert found.fields["CFG scale"] == "6.5"
    assert list(found.fields)[-1] == "Version"


def test_a_last_line_with_fewer_than_three_fields_is_prompt():
    assert read_infotext("a cat\nwith: a hat") == Infotext("a cat\nwith: a hat", "", {})


@pytest.mark.parametrize("value", ["a, b", "a: b", "a\nb", '"a"', " a", 'a, "b"'])
def test_a_value_that_would_break_the_line_is_quoted(value):
    text = write_infotext("", "", {"Model": value, "Seed": 1, "Steps": 2})

    assert "\n" not in text
    assert read_infotext(text).fields["Model"] == value


def test_hires_tells_the_size_before_it_as_webui_does():
    stage = Txt2Img(stage="txt2img", width=64, height=64, hires=Hires(scale=1.5))

    fields = describe(stage, SAID, seed=1, size=(96, 96), before={})

    assert fields["Size"] == "64x64"
    assert (fields["Hires upscale"], fields["Hires upscaler"]) == (1.5, "Latent")


def test_an_upscale_adds_to_what_was_told_before():
    stage = Upscale(stage="upscale", factor=2.0)

    after = describe(stage, SAID, seed=1, size=(128, 128), before={"Seed": 1, "Size": "64x64"})
    alone = describe(stage, Sampling(), seed=None, size=(128, 128), before={})

    assert after == {
        "Seed": 1,
        "Size": "64x64",
        "Postprocess upscale by": 2.0,
        "Postprocess upscaler": "Lanczos",
    }
    assert alone["Size"] == "128x128"


def test_the_other_sampling_stages_tell_their_strength():
    blended = describe(
        Img2Img(stage="img2img", denoising_strength=0.25), SAID, seed=1, size=(8, 9), before={}
    )
    touched = describe(ADetailer(stage="adetailer"), SAID, seed=1, size=(8, 9), before={})

    assert (blended["Denoising strength"], blended["Size"]) == (0.25, "8x9")
    assert touched["ADetailer model"] == "face_yolov8n.pt"
