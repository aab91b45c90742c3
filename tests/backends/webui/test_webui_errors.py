"""What WebUI's error answers mean, in A1111's form and in Forge's, and what is found out before a claim."""

import json

import pytest
from PIL import Image
from webui_rig import backend, img2img, order, run, txt2img
from webui_standin import StandIn

from spoolctl.spool import Code, UsageError
from spoolworker.backends import open_backend
from spoolworker.backends.base import BackendError, Watch
from spoolworker.backends.webui.refusals import refusal
from spoolworker.backends.webui.settings import Settings


def a1111(name, text, detail=""):
    return {"error": name, "detail": detail, "body": "", "errors": text}


def forge(name, text, detail=""):
    return {"error": name, "detail": detail, "body": "", "message": text}


CUDA = "CUDA out of memory. Tried to allocate 2.00 GiB"
ALLOC = "[enforce fail at alloc_cpu.cpp:83] err == 0. DefaultCPUAllocator: can't allocate memory"
INT = [{"loc": ["body", "steps"], "msg": "value is not a valid integer", "type": "type_error"}]


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (500, a1111("OutOfMemoryError", CUDA), Code.OUT_OF_MEMORY),
        (500, forge("OutOfMemoryError", CUDA), Code.OUT_OF_MEMORY),
        (500, a1111("torch.OutOfMemoryError", "Allocation on device"), Code.OUT_OF_MEMORY),
        (500, forge("RuntimeError", "CUBLAS_STATUS_ALLOC_FAILED"), Code.OUT_OF_MEMORY),
        (500, a1111("RuntimeError", "HIP out of memory. Tried"), Code.OUT_OF_MEMORY),
        (500, a1111("RuntimeError", ALLOC), Code.OUT_OF_HOST_MEMORY),
        (500, forge("RuntimeError", ALLOC), Code.OUT_OF_HOST_MEMORY),
        (500, a1111("MemoryError", ""), Code.OUT_OF_HOST_MEMORY),
        (500, a1111("NansException", "A tensor with all NaNs"), Code.BACKEND_REJECTED),
        (500, a1111("RuntimeError", "CUDA error: device-side assert"), Code.BACKEND_REJECTED),
        (500, a1111("ZeroDivisionError", "float division by zero"), Code.BACKEND_REJECTED),
        (500, a1111("AssertionError", ""), Code.BACKEND_REJECTED),
        (500, a1111("AssertionError", "could not find upscaler named x"), Code.MODEL_MISSING),
        (500, a1111("Exception", "Could not find checkpoint with name x"), Code.MODEL_MISSING),
        (500, a1111("SafetensorError", "Error while deserializing"), Code.MODEL_MISSING),
        (500, forge("RuntimeError", "model 'x' not found"), Code.MODEL_MISSING),
        (500, a1111("FileNotFoundError", "No such file: /models/x"), Code.MODEL_MISSING),
        (
            500,
            a1111("OSError", "The paging file is too small (os error 1455)"),
            Code.OUT_OF_HOST_MEMORY,
        ),
        (500, a1111("HTTPException", "", "Invalid encoded image"), Code.BAD_JOB),
        (500, {"detail": "Invalid encoded image"}, Code.BAD_JOB),
        (404, a1111("HTTPException", "", "Init image not found"), Code.BAD_JOB),
        (404, {"detail": "Not Found"}, Code.BACKEND_UNREACHABLE),
        (422, a1111("HTTPException", "", "Script 'ADetailer' not found"), Code.MODEL_MISSING),
        (422, {"detail": "Script 'ADetailer' not found"}, Code.MODEL_MISSING),
        (422, {"detail": INT}, Code.BAD_JOB),
        (502, "<html>Bad Gateway</html>", Code.BACKEND_UNREACHABLE),
        (504, "", Code.BACKEND_UNREACHABLE),
        (500, "Internal Server Error", Code.BACKEND_REJECTED),
        (500, "[" * 100_000, Code.BACKEND_REJECTED),
        (500, ["odd"], Code.BACKEND_REJECTED),
    ],
)
def test_each_error_has_its_code(status, body, code):
    text = body if isinstance(body, str) else json.dumps(body)

    error = refusal(status, text, "/sdapi/v1/txt2img")

    assert error.code is code
    assert "\n" not in str(error)
    assert len(str(error)) < 400


def test_what_the_server_said_stands_in_the_log_and_pictures_do_not():
    body = {"detail": [{"loc": ["body", "init_images"], "msg": "none", "input": "A" * 90_000}]}

    error = refusal(422, json.dumps(body), "/sdapi/v1/img2img")

    assert error.log_tail == "body.init_images: none"


@pytest.mark.parametrize("kind", [False, True])
def test_an_error_of_the_running_server_ends_the_run_with_its_code(tmp_path, kind):
    with StandIn(forge=kind) as server:
        server.fail_next.append(("txt2img", 500, a1111("OutOfMemoryError", CUDA)))
        with pytest.raises(BackendError) as caught:
            run(server, tmp_path, txt2img())

    assert caught.value.code is Code.OUT_OF_MEMORY
    assert CUDA in caught.value.log_tail


def test_after_an_error_the_server_is_used_on(server, tmp_path):
    server.broken_models.add("other")
    made = backend(server)
    with pytest.raises(BackendError) as caught:
        made.run(order(tmp_path, txt2img(model="other")), Watch())
    assert caught.value.code is Code.MODEL_MISSING

    assert made.run(order(tmp_path, txt2img()), Watch()).used.model == "sd15"


def test_a_proxy_that_gives_up_leaves_nothing_running_behind_it(server, tmp_path):
    server.fail_next.append(("txt2img", 504, "gateway timeout"))

    with pytest.raises(BackendError) as caught:
        run(server, tmp_path, txt2img())

    assert caught.value.code is Code.BACKEND_UNREACHABLE
    assert len(server.posts("refresh-checkpoints")) == 2, "asked whether it is idle, at both ends"


# Before a claim


def test_the_card_tells_what_the_server_has(server):
    found = backend(server).probe()

    assert (found.backend, found.version) == ("webui", None)
    assert found.stages == ("txt2img", "img2img", "adetailer", "upscale")
    assert [model.name for model in found.models] == ["sd15", "other"]
    assert found.models[0].sha256 == "aaaaaaaaaa" * 6 + "abcd"
    assert found.loaded_model == "sd15"
    assert found.vaes == ("nice.vae.pt",)
    assert found.loras == ("add-detail", "detail")
    assert found.embeddings == ("badhand",)
    assert found.upscalers == ("None", "Lanczos", "Nearest", "R-ESRGAN 4x+")
    assert found.samplers == ("DPM++ 2M", "Euler a", "Euler")
    assert found.extensions == ("adetailer",)


def test_what_it_holds_on_the_card_is_told_also_while_it_works(server):
    assert backend(server).vram_held_gb() == 3.0


def test_memory_that_was_given_back_is_taken_again_before_the_next_request(server, tmp_path):
    """A1111 moves the model to the machine's memory and then fails to sample with it."""
    made = backend(server)
    made.run(order(tmp_path / "1", txt2img()), Watch())

    assert made.release()
    assert (made.vram_held_gb(), made.probe().loaded_model) == (0.0, None)
    made.run(order(tmp_path / "2", txt2img()), Watch())
    made.run(order(tmp_path / "3", txt2img()), Watch())

    assert server.card_calls == ["reload", "unload", "reload"]
    assert made.probe().loaded_model == "sd15"


def test_a_worker_that_was_started_anew_finds_the_model_put_away_by_its_former_life(
    server, tmp_path
):
    backend(server).release()

    backend(server).run(order(tmp_path, txt2img()), Watch())

    assert server.is_on_card


def test_memory_is_not_taken_from_somebody_who_works_at_the_servers_page(server):
    server.state["job_count"] = 1

    assert not backend(server).release()
    assert server.card_calls == []


def test_a_server_that_cannot_put_its_model_back_is_left_to_tell_so_itself(server, tmp_path):
    server.fail_next.append(("reload-checkpoint", 500, a1111("AttributeError", "NoneType")))

    assert backend(server).run(order(tmp_path, txt2img()), Watch()).made


def test_the_loaded_model_is_that_of_the_last_request(server, tmp_path):
    made = backend(server)
    made.run(order(tmp_path, txt2img(model="other")), Watch())

    found = made.probe()

    assert found.loaded_model == "other"
    assert found.version == "v1.10.1"


def test_without_the_extension_there_is_no_stage_adetailer(server):
    server.scripts.remove("ADetailer")

    assert backend(server).probe().stages == ("txt2img", "img2img", "upscale")


def test_forge_says_so_before_it_ran(tmp_path):
    with StandIn(forge=True) as server:
        found = backend(server).probe()

    assert (found.version, found.vaes) == ("Forge", ("nice.vae.pt",))


def test_a_server_that_is_not_there_is_unreachable():
    with StandIn() as gone:
        made = backend(gone)

    with pytest.raises(BackendError, match="cannot be reached") as caught:
        made.probe()
    assert caught.value.code is Code.BACKEND_UNREACHABLE


def test_a_server_without_its_api_is_unreachable_and_says_how_to_start_it(server):
    server.fail_next.append(("options", 404, {"detail": "Not Found"}))

    with pytest.raises(BackendError, match="started with --api") as caught:
        backend(server).probe()
    assert caught.value.code is Code.BACKEND_UNREACHABLE


def test_another_program_at_that_address_is_no_webui(server):
    server.answer_garbage = True
    with pytest.raises(BackendError) as caught:
        backend(server).probe()
    assert caught.value.code is Code.BACKEND_REJECTED

    server.answer_garbage = False
    server.options = {"model": "llama"}
    with pytest.raises(BackendError, match="is no WebUI"):
        backend(server).probe()


def test_lists_in_another_shape_are_an_error_and_no_crash(server):
    server.styles = [{}]
    server._sd_models = lambda: [{"model_name": 5}]

    with pytest.raises(BackendError, match="shape that is not WebUI's") as caught:
        backend(server).probe()
    assert caught.value.code is Code.BACKEND_REJECTED


def test_a_card_whose_driver_gave_up_takes_the_node_out(server):
    server.cuda = {"error": "CUDA error: unspecified launch failure"}

    with pytest.raises(BackendError, match="only a restart") as caught:
        backend(server).probe()
    assert caught.value.code is Code.BACKEND_UNREACHABLE


def test_a_machine_without_a_card_is_fine(server):
    server.cuda = {"error": "unavailable"}

    assert backend(server).probe().backend == "webui"


def test_a_server_of_an_older_version_without_schedulers_is_used(server, tmp_path):
    for name in ("schedulers", "prompt-styles", "extensions", "embeddings"):
        server.fail_next += [(f"GET /sdapi/v1/{name}", 404, {"detail": "Not Found"})] * 2

    run(server, tmp_path, txt2img(sampler="Euler", scheduler=None))

    assert "scheduler" not in server.posts("txt2img")[0]


# Logging in, and secrets


def test_credentials_log_in_and_stand_nowhere_else(tmp_path):
    with StandIn(api_auth="me:s3cret") as server:
        made = backend(server, login="me:s3cret")
        made.probe()
        made.run(order(tmp_path, txt2img()), Watch())
        wrong = backend(server, login="me:oth3r")
        with pytest.raises(BackendError) as caught:
            wrong.probe()

    assert caught.value.code is Code.BACKEND_UNAUTHORISED
    told = f"{caught.value!r}{caught.value}{caught.value.log_tail}{wrong._settings!r}{made!r}"
    assert "s3cret" not in told
    assert "oth3r" not in told


def test_credentials_may_stand_in_the_address(tmp_path):
    with StandIn(api_auth="me:p@ss") as server:
        address = server.url.replace("http://", "http://me:p%40ss@")
        made = open_backend("webui", {"url": address})
        made.probe()

    with pytest.raises(BackendError) as caught:
        made.probe()
    assert "p@ss" not in str(caught.value)
    assert "p%40ss" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"adress": "x"},
        {"poll_s": "soon"},
        {"poll_s": "-1"},
        {"images_per_request": "0"},
        {"images_per_request": "2.5"},
        {"exclusive": "perhaps"},
        {"url": "ftp://me:s3cret@host"},
        {"url": "http://"},
        {"url": "http://host:port"},
    ],
)
def test_an_option_that_makes_no_sense_is_refused_without_repeating_it(options):
    with pytest.raises(UsageError) as caught:
        open_backend("webui", options)

    assert "s3cret" not in str(caught.value)


def test_options_are_read_from_text():
    settings = Settings.from_text({"exclusive": "no", "images_per_request": "2", "preview_s": "0"})

    assert (settings.exclusive, settings.images_per_request, settings.preview_s) == (False, 2, 0.0)


def test_a_picture_that_was_turned_by_its_camera_has_the_size_that_the_server_sees(
    server, tmp_path
):
    file = tmp_path / "in.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 96)).save(file, "JPEG", exif=exif)
    run(server, tmp_path, img2img(), inputs=[file])

    assert (server.posts("img2img")[0]["width"], server.posts("img2img")[0]["height"]) == (96, 64)


def test_a_failure_tells_what_was_done_and_asked_and_no_prompt(server, tmp_path):
    """A job that brought 3 images of 4 said so in one line and left no log: nobody could tell what had been asked."""
    server.cuda["system"] = {"free": 1 << 30, "used": 7 << 30, "total": 8 << 30}
    server.fail_next = [("/sdapi/v1/img2img", 500, a1111("OutOfMemoryError", CUDA))]
    with pytest.raises(BackendError) as caught:
        run(server, tmp_path, txt2img(prompt="a secret"), img2img(prompt="a secret", steps=9))
    done, asked, *said = caught.value.log_tail.splitlines()
    assert done.startswith("webui: txt2img: 1 images in ")
    assert asked.startswith("webui: img2img: asked for 'img2img': ")
    assert "width 64, height 64, steps 9" in asked
    assert asked.endswith("model sd15")
    assert CUDA in said[0]
    assert said[-1] == "webui: card: 1024 of 8192 MiB free"
    assert "secret" not in caught.value.log_tail


def test_pictures_that_are_missing_leave_the_request_in_the_log(server, tmp_path):
    server.short_by = 1
    with pytest.raises(BackendError, match="3 images of 4") as caught:
        run(server, tmp_path, txt2img(count=4))
    assert "asked for 'txt2img': n_iter 4, batch_size 1" in caught.value.log_tail
