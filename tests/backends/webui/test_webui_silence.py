"""Fourteen ways in which WebUI answers 200 with another picture than was asked for: each is found, before or after."""

import base64
import io
import json

import pytest
from PIL import Image
from webui_rig import Refiner, adetailer, backend, run, txt2img, upscale
from webui_standin import StandIn

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError
from spoolworker.backends.infotext import write_infotext
from spoolworker.backends.webui.answers import read
from spoolworker.backends.webui.asking import Ask


def refused(server, tmp_path, *stages, code):
    with pytest.raises(BackendError) as caught:
        run(server, tmp_path, *stages)
    assert caught.value.code is code
    return str(caught.value)


def test_01_an_unknown_checkpoint_would_leave_the_one_before(server, tmp_path):
    said = refused(server, tmp_path, txt2img(model="sd16"), code=Code.MODEL_MISSING)

    assert "webui has no checkpoint 'sd16'; near: sd15" in said
    assert server.posts("txt2img") == []
    assert len(server.posts("refresh-checkpoints")) == 2, "it is looked for anew before"


def test_01_a_checkpoint_that_was_not_switched_to_is_seen_afterwards(server, tmp_path):
    server.force_model = "other"

    said = refused(server, tmp_path, txt2img(), code=Code.MODEL_SWITCHED_WRONGLY)

    assert "used the model 'other' (bbbbbbbbbb) instead of 'sd15'" in said


def test_02_an_unknown_sampler_would_become_another(server, tmp_path):
    refused(server, tmp_path, txt2img(sampler="Euler z"), code=Code.MODEL_MISSING)

    assert server.posts("txt2img") == []


def test_02_a_sampler_that_was_replaced_is_seen_afterwards():
    ask = Ask("txt2img", {}, sampler="Euler a")

    with pytest.raises(BackendError, match="sampler 'DPM\\+\\+ 2M' instead of 'Euler a'"):
        read(ask, reply(sampler_name="DPM++ 2M"))


def test_03_an_unknown_scheduler_would_become_automatic(server, tmp_path):
    refused(server, tmp_path, txt2img(scheduler="Carras"), code=Code.MODEL_MISSING)


def test_03_a_scheduler_that_was_replaced_is_seen_afterwards():
    ask = Ask("txt2img", {}, scheduler="Karras")

    with pytest.raises(BackendError, match="scheduler 'Automatic' instead of 'Karras'"):
        read(ask, reply({"Schedule type": "Automatic"}))


def test_04_a_missing_lora_would_be_left_out(server, tmp_path):
    stage = txt2img(prompt="a castle <lora:nosuch:0.5>")

    refused(server, tmp_path, stage, code=Code.MODEL_MISSING)

    assert server.posts("txt2img") == []


def test_04_a_lora_that_arrived_since_is_found(server, tmp_path):
    server.loras_on_disk.add("new")

    run(server, tmp_path, txt2img(prompt="a castle <lora:new:1> <lora:add-detail:0.5>"))


def test_04_a_lora_that_cannot_be_loaded_is_seen_afterwards(server, tmp_path):
    server.broken_loras.add("detail")
    stage = txt2img(prompt="a castle <lora:detail:1>")

    said = refused(server, tmp_path, stage, code=Code.MODEL_SWITCHED_WRONGLY)

    assert "left out the LoRA 'detail'" in said


def test_05_an_upscaler_without_weights_would_only_resize(server, tmp_path):
    said = refused(
        server, tmp_path, txt2img(), upscale(upscaler="ESRGAN_4x"), code=Code.MODEL_MISSING
    )

    assert "no weights on the server's disk" in said
    assert "ESRGAN_4x" not in backend(server).probe().upscalers


def test_05_an_upscaler_whose_file_cannot_be_loaded_only_resized_and_is_seen(server, tmp_path):
    server.broken_upscalers.add("R-ESRGAN 4x+")
    file = tmp_path / "in.png"
    Image.frombytes("L", (32, 32), bytes((0, 0, 255, 90) * 8) * 32).save(file)
    stage = upscale(upscaler="R-ESRGAN 4x+")

    with pytest.raises(BackendError) as caught:
        run(server, tmp_path, stage, inputs=[file])
    assert caught.value.code is Code.MODEL_SWITCHED_WRONGLY

    server.broken_upscalers.clear()
    run(server, tmp_path, stage, inputs=[file])
    run(server, tmp_path, upscale(upscaler="Lanczos"), inputs=[file])


def test_06_whether_faces_were_restored_cannot_be_known_so_it_warns(server, tmp_path):
    product = run(server, tmp_path, txt2img(options={"restore_faces": True}))

    assert "does not tell whether faces were restored" in product.warnings[0]


def test_07_an_unknown_detector_would_leave_the_picture(server, tmp_path):
    refused(server, tmp_path, txt2img(), adetailer(detector="nose_v1.pt"), code=Code.MODEL_MISSING)


def test_08_a_key_that_adetailer_does_not_know_would_switch_it_off(server, tmp_path):
    stage = adetailer(options={"ad_no_such": 1})

    refused(server, tmp_path, txt2img(), stage, code=Code.BACKEND_REJECTED)


def test_08_an_adetailer_that_was_off_is_seen_afterwards():
    ask = Ask("img2img", {}, marks=("ADetailer model",))

    with pytest.raises(BackendError, match="'ADetailer model': it did not happen"):
        read(ask, reply({"Schedule type": "Automatic"}))


def test_09_a_script_that_ran_out_of_memory_was_only_logged_there(server, tmp_path):
    server.script_exhausts = True

    refused(server, tmp_path, txt2img(), adetailer(), code=Code.OUT_OF_MEMORY)


def test_09_a_controlnet_that_failed_was_only_logged_there(server, tmp_path):
    server.controlnet_raises = True
    unit = {"enabled": True, "module": "canny"}
    stage = txt2img(options={"alwayson_scripts": {"ControlNet": {"args": [unit]}}})

    refused(server, tmp_path, stage, code=Code.BACKEND_REJECTED)


@pytest.mark.parametrize("side", ["width", "height"])
def test_10_a_side_that_is_no_multiple_of_8_would_be_rounded_down(server, tmp_path, side):
    refused(server, tmp_path, txt2img(**{side: 516}), code=Code.BAD_JOB)


def test_10_another_size_than_was_asked_for_is_seen_afterwards():
    ask = Ask("txt2img", {}, size=(64, 64))

    with pytest.raises(BackendError, match="made 56x64 pixels instead of 64x64"):
        read(ask, reply(size=(56, 64)))


def test_11_a_refiner_that_never_took_over_is_seen_afterwards(server, tmp_path):
    stage = txt2img(steps=4, refiner=Refiner(model="other", switch_at=0.9))

    said = refused(server, tmp_path, stage, code=Code.BACKEND_REJECTED)

    assert "'Refiner'" in said


@pytest.mark.parametrize(("model", "switch_at"), [("other", 1.0), ("sd15", 0.5)])
def test_11_a_refiner_that_never_can_is_refused_before(server, tmp_path, model, switch_at):
    stage = txt2img(refiner=Refiner(model=model, switch_at=switch_at))

    refused(server, tmp_path, stage, code=Code.BAD_JOB)


def test_12_an_image_that_somebody_else_interrupted_is_half_made(server, tmp_path):
    server.interrupts_itself_at = 2

    said = refused(server, tmp_path, txt2img(), code=Code.OUTPUT_INCOMPLETE)

    assert "somebody else interrupted" in said


def test_13_a_field_that_the_server_does_not_know_would_be_ignored(server, tmp_path):
    refused(server, tmp_path, txt2img(options={"clip_skip": 2}), code=Code.BACKEND_REJECTED)


def test_14_a_setting_that_was_not_taken_is_told(server, tmp_path):
    server.options["randn_source"] = "NV"
    server.forgets_settings = {"randn_source": "GPU"}

    product = run(server, tmp_path, txt2img())

    assert product.warnings == ("webui did not take its settings randn_source",)


# Beyond the fourteen


@pytest.mark.parametrize("vae", ["other.vae.pt", None])
def test_a_vae_that_was_not_switched_to_is_seen_afterwards(vae):
    ask = Ask("txt2img", {}, vae="/models/VAE/nice.vae.pt")

    with pytest.raises(BackendError, match="instead of 'nice\\.vae\\.pt'") as caught:
        read(ask, reply(sd_vae_name=vae))

    assert caught.value.code is Code.MODEL_SWITCHED_WRONGLY


def test_a_vae_that_stays_although_none_was_asked_for_is_seen_afterwards():
    with pytest.raises(BackendError, match="VAE 'left\\.pt' instead of 'None'"):
        read(Ask("txt2img", {}, vae=""), reply(sd_vae_name="left.pt"))


def test_an_unknown_vae_would_be_none(server, tmp_path):
    refused(server, tmp_path, txt2img(vae="nosuch.pt"), code=Code.MODEL_MISSING)


def test_forges_vae_is_seen_in_the_infotext(tmp_path):
    with StandIn(forge=True) as forge:
        forge.ignored_options = {"forge_additional_modules"}
        refused(forge, tmp_path, txt2img(vae="nice.vae.pt"), code=Code.MODEL_SWITCHED_WRONGLY)


def test_too_few_images_are_incomplete(server, tmp_path):
    server.short_by = 1

    refused(server, tmp_path, txt2img(count=4), code=Code.OUTPUT_INCOMPLETE)


def test_a_truncated_image_is_found_before_the_next_stage_eats_it(server, tmp_path):
    server.truncate = True

    refused(server, tmp_path, txt2img(), upscale(), code=Code.OUTPUT_CORRUPT)

    assert server.posts("extra-single-image") == []


def test_other_seeds_than_were_asked_for_are_seen():
    with pytest.raises(BackendError, match="used the seeds \\[5\\] instead of \\[7\\]"):
        read(Ask("txt2img", {}, seeds=(7,)), reply(all_seeds=[5]))


def test_a_grid_before_the_images_is_left_out():
    answer = read(Ask("txt2img", {}, images=1), reply(index_of_first_image=1, times=2))

    assert len(answer.images) == 1


def test_a_server_that_sends_jpeg_gives_pngs_with_a_word_about_it(server, tmp_path):
    server.options["samples_format"] = "jpg"
    product = run(server, tmp_path, txt2img(), upscale())

    with Image.open(product.made[1].path) as image:
        assert image.format == "PNG"
    assert "samples_format is jpg" in product.warnings[0]


def test_words_in_angle_brackets_that_webui_drops_are_told(server, tmp_path):
    product = run(server, tmp_path, txt2img(prompt="<embedding:good> a castle"))

    assert product.warnings == (
        "webui leaves <embedding:...> out of the prompt: it knows no such thing",
    )


@pytest.mark.parametrize("info", [None, "", "[]", "no json", "[" * 100_000])
def test_an_answer_without_its_account_is_refused(info):
    with pytest.raises(BackendError) as caught:
        read(Ask("txt2img", {}), {"images": [], "info": info})

    assert caught.value.code is Code.BACKEND_REJECTED


def reply(fields=None, *, size=(64, 64), times=1, **info):
    """An answer to one txt2img, and what it says of itself."""
    out = io.BytesIO()
    Image.new("RGB", size, (1, 2, 3)).save(out, "PNG")
    text = write_infotext(
        "a castle", "", {"Steps": 4, "Seed": 7, "Size": "64x64", **(fields or {})}
    )
    said = {"all_seeds": [7], "infotexts": [text] * times, **info}
    image = base64.b64encode(out.getvalue()).decode()
    return {"images": [image] * times, "info": json.dumps(said)}
