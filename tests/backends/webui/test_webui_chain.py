"""What the ``webui`` backend asks of the server stage by stage, and what it leaves."""

import pytest
from PIL import Image
from webui_rig import (
    Hires,
    Refiner,
    adetailer,
    backend,
    img2img,
    order,
    picture_file,
    run,
    txt2img,
    upscale,
)
from webui_standin import StandIn

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError, Made, Watch
from spoolworker.backends.infotext import read_infotext
from spoolworker.outputs import check


def told(made):
    with Image.open(made.path) as image:
        return read_infotext(image.info["parameters"])


def test_a_whole_chain_leaves_every_stages_images_with_their_seeds(server, tmp_path):
    product = run(
        server, tmp_path, txt2img(count=2), img2img(seed=None), adetailer(), upscale(factor=1.5)
    )

    assert [made.path.name for made in product.made] == [
        "0000-1-txt2img.png", "0001-1-txt2img.png", "0000-2-img2img.png", "0001-2-img2img.png",
        "0000-3-adetailer.png", "0001-3-adetailer.png", "0000-4-upscale.png", "0001-4-upscale.png",
    ]  # fmt: skip
    assert [made.seed_actual for made in product.made] == [7, 8] * 4
    assert [made.final for made in product.made] == [False] * 6 + [True] * 2
    assert {(made.width, made.height) for made in product.made[-2:]} == {(96, 96)}
    assert [timing.images for timing in product.timings] == [2, 2, 2, 2]
    assert (product.used.model, product.used.version) == ("sd15", "v1.10.1")
    assert product.warnings == ()


def test_each_image_keeps_the_servers_own_account_of_it(server, tmp_path):
    product = run(server, tmp_path, txt2img(count=2, negative_prompt="mist"), upscale())

    infotexts = [told(made) for made in product.made]
    assert [one.fields["Seed"] for one in infotexts] == ["7", "8", "7", "8"]
    assert infotexts[0].prompt == "a castle"
    assert infotexts[0].negative_prompt == "mist"
    assert infotexts[0].fields["Sampler"] == "Euler a"


def test_an_account_that_the_server_left_out_of_the_file_is_put_back_into_it(server, tmp_path):
    server.options["enable_pnginfo"] = False

    product = run(server, tmp_path, txt2img())

    assert told(product.made[0]).fields["Seed"] == "7"


def test_every_request_names_its_checkpoint_and_says_each_setting_that_another_may_have_changed(
    server, tmp_path
):
    run(server, tmp_path, txt2img(clip_skip=2, vae="nice.vae"), img2img(seed=None, clip_skip=1))

    first, second = server.posts("txt2img")[0], server.posts("img2img")[0]
    assert first["override_settings"] == {
        "sd_model_checkpoint": "sd15", "sd_vae": "nice.vae.pt", "CLIP_stop_at_last_layers": 2,
        "eta_noise_seed_delta": 0, "randn_source": "CPU", "samples_format": "png",
    }  # fmt: skip
    assert second["override_settings"]["CLIP_stop_at_last_layers"] == 1
    assert second["override_settings"]["upscaler_for_img2img"] == "None"
    assert first["override_settings_restore_afterwards"] is True


def test_the_servers_own_settings_stay_as_they_were(server, tmp_path):
    # Overridden settings that are not in the server's file stayed on for all later jobs, the person's own too.
    loaded = {"sd_checkpoint_hash": server._sd_models()[0]["sha256"]}  # what is, and no setting
    before = {**server.options, "upscaler_for_img2img": "None", **loaded}

    run(server, tmp_path, txt2img(clip_skip=2), img2img(seed=None), upscale())

    assert server.options == before


def test_settings_are_written_once_and_not_at_all_if_that_is_not_wanted(server, tmp_path):
    one = backend(server)
    one.run(order(tmp_path, txt2img()), Watch())
    one.run(order(tmp_path, txt2img()), Watch())
    assert len(server.posts("options")) == 1

    server.asked.clear()
    run(server, tmp_path, txt2img(), options={"write_settings": False})
    assert server.posts("options") == []


def test_a_server_whose_settings_are_frozen_is_used_with_a_warning(server, tmp_path):
    frozen = {"error": "AssertionError", "errors": "saving settings is disabled"}
    server.fail_next.append(("POST /sdapi/v1/options", 500, frozen))

    product = run(server, tmp_path, txt2img())

    assert "saving settings is disabled" in product.warnings[0]


@pytest.mark.parametrize(
    ("sizes", "asked"),
    [
        ((10, 4, 1), [(1, 4, 7), (1, 4, 11), (1, 2, 15)]),
        ((10, 4, 3), [(3, 1, 7), (3, 1, 10), (3, 1, 13), (1, 1, 16)]),
        ((5, 8, 2), [(2, 2, 7), (1, 1, 11)]),
        ((1, 4, 1), [(1, 1, 7)]),
    ],
)
def test_many_images_are_asked_for_a_few_at_a_time(server, tmp_path, sizes, asked):
    count, at_once, batch = sizes
    stage = txt2img(count=count, options={"batch_size": batch})
    product = run(server, tmp_path, stage, options={"images_per_request": at_once})

    posts = server.posts("txt2img")
    assert [(post["batch_size"], post["n_iter"], post["seed"]) for post in posts] == asked
    assert [made.seed_actual for made in product.made] == list(range(7, 7 + count))


def test_seeds_go_round_in_a_request_of_their_own(server, tmp_path):
    product = run(server, tmp_path, txt2img(count=3, seed=2**64 - 1))

    assert [post["seed"] for post in server.posts("txt2img")] == [2**64 - 1, 0]
    assert [made.seed_actual for made in product.made] == [2**64 - 1, 0, 1]


def test_a_seed_left_open_is_drawn_here_and_never_by_the_server(server, tmp_path):
    product = run(server, tmp_path, txt2img(seed=-1, count=2))

    assert [(made.seed_requested, made.seed_actual) for made in product.made] == [
        (-1, 1000),
        (-1, 1001),
    ]
    assert server.posts("txt2img")[0]["seed"] == 1000


def test_with_subseeds_the_seed_stays_and_the_subseed_counts_over_all_requests(server, tmp_path):
    options = {"subseed": 50, "subseed_strength": 0.3}
    product = run(
        server, tmp_path, txt2img(count=5, options=options), options={"images_per_request": 2}
    )

    posts = server.posts("txt2img")
    assert [(post["seed"], post["subseed"]) for post in posts] == [(7, 50), (7, 52), (7, 54)]
    assert {made.seed_actual for made in product.made} == {7}


def test_hires_and_refiner_are_settings_of_the_same_request(server, tmp_path):
    stage = txt2img(
        hires=Hires(scale=1.5, steps=3, denoising_strength=0.4),
        refiner=Refiner(model="other.safetensors", switch_at=0.5),
    )
    product = run(server, tmp_path, stage)

    (post,) = server.posts("txt2img")
    assert {
        "enable_hr": True, "hr_scale": 1.5, "hr_upscaler": "Latent", "hr_second_pass_steps": 3,
        "denoising_strength": 0.4, "refiner_checkpoint": "other", "refiner_switch_at": 0.5,
    }.items() <= post.items()  # fmt: skip
    assert (product.made[0].width, product.made[0].height) == (96, 96)


def test_a_chain_without_hires_says_so(server, tmp_path):
    run(server, tmp_path, txt2img())

    assert server.posts("txt2img")[0]["enable_hr"] is False


def test_adetailer_is_its_script_and_leaves_img2img_itself_out(server, tmp_path):
    run(server, tmp_path, txt2img(), adetailer(detector="hand_yolov8n.pt", confidence=0.6))

    args = server.posts("img2img")[0]["alwayson_scripts"]["ADetailer"]["args"]
    assert args[:2] == [True, True]
    assert args[2] == {
        "ad_model": "hand_yolov8n.pt", "ad_confidence": 0.6, "ad_denoising_strength": 0.4, "ad_mask_blur": 4,
        "ad_use_steps": True, "ad_steps": 4, "ad_use_cfg_scale": True, "ad_cfg_scale": 7.0,
        "ad_use_sampler": True, "ad_sampler": "Euler a", "ad_scheduler": "Karras",
    }  # fmt: skip


def test_an_adetailer_that_finds_nothing_leaves_the_picture_and_a_warning(server, tmp_path):
    server.finds_faces = False

    product = run(server, tmp_path, txt2img(), adetailer())

    assert product.warnings == (
        "image 0: ADetailer changed nothing: it found nothing, or failed at it",
    )


def test_a_second_tab_is_for_hands(server, tmp_path):
    options = {"enable_hands_pass": True, "ad_dilate_erode": 8}
    run(server, tmp_path, txt2img(), adetailer(options=options))

    tabs = server.posts("img2img")[0]["alwayson_scripts"]["ADetailer"]["args"][2:]
    assert [tab["ad_model"] for tab in tabs] == ["face_yolov8n.pt", "hand_yolov8n.pt"]
    assert [tab["ad_dilate_erode"] for tab in tabs] == [8, 6]
    assert "fingers" in tabs[1]["ad_prompt"]


def test_upscale_is_the_extras_call_unless_it_samples_too(server, tmp_path):
    run(
        server, tmp_path, txt2img(seed=7),
        upscale(upscaler="R-ESRGAN 4x+", factor=2),
        upscale(upscaler="Lanczos", factor=1.5, denoising_strength=0.3, options={"steps": 9}),
    )  # fmt: skip

    (extras,), (sampled,) = server.posts("extra-single-image"), server.posts("img2img")
    assert (extras["upscaler_1"], extras["upscaling_resize"], extras["resize_mode"]) == (
        "R-ESRGAN 4x+",
        2,
        0,
    )
    assert (sampled["width"], sampled["steps"], sampled["seed"]) == (192, 9, 7)
    assert sampled["prompt"] == "a castle"
    assert sampled["override_settings"]["upscaler_for_img2img"] == "Lanczos"


def test_an_input_begins_the_chain_and_keeps_its_size(server, tmp_path):
    file = picture_file(tmp_path / "in.png", (72, 80))
    product = run(server, tmp_path, img2img(), inputs=[file])

    post = server.posts("img2img")[0]
    assert (post["width"], post["height"], post["denoising_strength"]) == (72, 80, 0.5)
    assert (product.made[0].width, product.made[0].height) == (72, 80)


def test_an_enlarged_input_that_is_sampled_anew_gets_a_seed(server, tmp_path):
    file = picture_file(tmp_path / "in.png")
    product = run(server, tmp_path, upscale(denoising_strength=0.2), inputs=[file])

    assert product.made[0].seed_actual == 1000


def test_a_chain_goes_on_behind_the_stages_that_an_earlier_attempt_left(server, tmp_path):
    file = picture_file(tmp_path / "done.png")
    done = ((Made(file, "txt2img", 0, final=False, width=64, height=64, seed_actual=33),),)
    shares = []
    watch = Watch(on_progress=lambda share, _stage: shares.append(share))

    product = run(server, tmp_path, txt2img(), img2img(seed=None), watch=watch, done=done)

    assert server.posts("txt2img") == []
    assert [(m.path.name, m.seed_actual) for m in product.made] == [("0000-2-img2img.png", 33)]
    assert min(shares) >= 0.5


def test_each_stage_is_told_when_its_images_lie_in_scratch(server, tmp_path):
    seen = []
    watch = Watch(
        on_stage=lambda made, timing: seen.append(
            (timing.stage, [one.path.stat().st_size > 0 for one in made])
        )
    )
    run(server, tmp_path, txt2img(count=2), upscale(), watch=watch)

    assert seen == [("txt2img", [True, True]), ("upscale", [True, True])]


def test_options_go_into_the_request_and_what_the_stage_says_does_not(server, tmp_path):
    options = {
        "styles": ["noir"], "tiling": True, "override_settings": {"eta_noise_seed_delta": 31337},
        "alwayson_scripts": {"ControlNet": {"args": [{"enabled": True, "module": "canny"}]}},
    }  # fmt: skip
    run(server, tmp_path, txt2img(options=options))

    post = server.posts("txt2img")[0]
    assert post["styles"] == ["noir"]
    assert post["tiling"] is True
    assert post["alwayson_scripts"] == options["alwayson_scripts"]
    assert post["override_settings"]["eta_noise_seed_delta"] == 31337
    assert post["override_settings"]["sd_model_checkpoint"] == "sd15"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"seed": 3}, Code.BAD_JOB),
        ({"n_iter": 5}, Code.BAD_JOB),
        ({"batch_size": 0}, Code.BAD_JOB),
        ({"no_such_field": 1}, Code.BACKEND_REJECTED),
        ({"override_settings": {"sd_model_checkpoint": "other"}}, Code.BAD_JOB),
        ({"override_settings": {"no_such_setting": 1}}, Code.MODEL_MISSING),
        ({"styles": ["none such"]}, Code.MODEL_MISSING),
        ({"styles": "noir"}, Code.BAD_JOB),
        ({"alwayson_scripts": {"None such": {"args": []}}}, Code.MODEL_MISSING),
        ({"alwayson_scripts": ["ControlNet"]}, Code.BAD_JOB),
        ({"script_name": "none such"}, Code.MODEL_MISSING),
    ],
)
def test_an_option_that_the_server_would_ignore_or_fail_at_is_refused_before(
    server, tmp_path, options, code
):
    with pytest.raises(BackendError) as caught:
        run(server, tmp_path, txt2img(options=options))

    assert caught.value.code is code
    assert server.posts("txt2img") == []


def test_a_stage_to_come_that_cannot_be_done_is_found_before_the_first_picture(server, tmp_path):
    with pytest.raises(BackendError) as caught:
        run(server, tmp_path, txt2img(), upscale(upscaler="4x-UltraSharp"))

    assert caught.value.code is Code.MODEL_MISSING
    assert server.posts("txt2img") == []


def test_a_model_that_arrived_since_the_server_looked_is_found(server, tmp_path):
    server.on_disk["new"] = "cccccccccc"

    product = run(server, tmp_path, txt2img(model="new"))

    assert product.used.model == "new"


@pytest.mark.parametrize(
    "name", ["sd15", "sd15.safetensors", "SD15.safetensors", "sd15.safetensors [aaaaaaaaaa]", "aaaaaaaaaa"]
)  # fmt: skip
def test_a_checkpoint_is_known_by_its_name_its_file_its_title_and_its_hash(server, tmp_path, name):
    run(server, tmp_path, txt2img(model=name))

    settings = server.posts("txt2img")[0]["override_settings"]
    assert settings["sd_model_checkpoint"] == "sd15"


def test_a_job_without_a_model_gets_the_servers_own_and_not_the_last_jobs(server, tmp_path):
    one = backend(server)
    one.run(order(tmp_path, txt2img(model="other")), Watch())
    product = one.run(order(tmp_path, txt2img(model=None)), Watch())

    assert product.used.model == "sd15"


def test_a_sampler_with_its_scheduler_in_its_name_is_taken_apart(server, tmp_path):
    run(server, tmp_path, txt2img(sampler="dpm++ 2m karras", scheduler=None))

    post = server.posts("txt2img")[0]
    assert (post["sampler_name"], post["scheduler"]) == ("DPM++ 2M", "Karras")


def test_pictures_after_the_real_ones_are_left_out(server, tmp_path):
    server.extra_images = 1  # as ControlNet adds the maps that it looked at

    product = run(server, tmp_path, txt2img(count=2))

    assert len(product.made) == 2


def test_forge_loads_a_vae_as_a_module_and_keeps_its_text_encoders(tmp_path):
    with StandIn(forge=True) as forge:
        forge.options["forge_additional_modules"] = [
            "/models/text_encoder/t5.sft",
            "/models/VAE/x.sft",
        ]
        product = run(forge, tmp_path, txt2img(vae="nice.vae.pt"))
        plain = run(forge, tmp_path, txt2img())

        first, second = forge.posts("txt2img")
    assert first["override_settings"]["forge_additional_modules"] == [
        "/models/text_encoder/t5.sft",
        "/models/VAE/nice.vae.pt",
    ]
    assert "sd_vae" not in first["override_settings"]
    assert second["override_settings"]["forge_additional_modules"] == [
        "/models/text_encoder/t5.sft",
        "/models/VAE/x.sft",
    ]
    assert product.used.version.startswith("f2")
    assert plain.used.model == "sd15"


def test_what_a_chain_leaves_passes_the_agents_own_check(server, tmp_path):
    stages = (
        txt2img(count=3, hires=Hires(scale=1.5)), img2img(seed=None), adetailer(),
        upscale(upscaler="R-ESRGAN 4x+", factor=1.5), upscale(denoising_strength=0.3, factor=2),
    )  # fmt: skip
    product = run(server, tmp_path, *stages)

    check(product, images_asked=3, stages=stages)


def test_names_in_the_second_passes_options_are_looked_up_too(server, tmp_path):
    options = {
        "hr_checkpoint_name": "other.safetensors", "hr_sampler_name": "k_euler", "hr_scheduler": "karras",
    }  # fmt: skip
    run(server, tmp_path, txt2img(hires=Hires(), options=options))

    post = server.posts("txt2img")[0]
    assert (post["hr_checkpoint_name"], post["hr_sampler_name"], post["hr_scheduler"]) == (
        "other",
        "Euler",
        "Karras",
    )
    with pytest.raises(BackendError) as caught:
        run(server, tmp_path, txt2img(hires=Hires(), options={"hr_sampler_name": "Euler z"}))
    assert caught.value.code is Code.MODEL_MISSING


@pytest.mark.parametrize(
    ("vae", "sent"), [(None, "Automatic"), ("None", "None"), ("Nice.vae", "nice.vae.pt")]
)
def test_the_vae_is_said_in_every_request(server, tmp_path, vae, sent):
    run(server, tmp_path, txt2img(vae=vae))

    assert server.posts("txt2img")[0]["override_settings"]["sd_vae"] == sent


def test_a_script_that_makes_what_it_likes_is_not_held_to_seeds_and_sizes(server, tmp_path):
    server.scripts.append("SD upscale")
    stage = txt2img(options={"script_name": "SD upscale", "script_args": [64, 2]})

    assert len(run(server, tmp_path, stage).made) == 1


def test_words_that_a_job_leaves_out_are_those_that_the_page_begins_with(server, tmp_path):
    stage = txt2img(steps=None, cfg_scale=None, sampler=None, scheduler=None)
    run(server, tmp_path, stage)

    post = server.posts("txt2img")[0]
    assert (post["steps"], post["cfg_scale"], post["scheduler"]) == (20, 7.0, "Automatic")
    assert "sampler_name" not in post
