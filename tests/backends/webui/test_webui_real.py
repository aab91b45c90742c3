"""One suite against the stand-in and, unchanged, against a real WebUI whose address stands in ``SPOOL_TEST_WEBUI``.

The real one needs two checkpoints, a LoRA, and Lanczos; it is used as by a worker that has it for itself. What it samples is tiny, so
a CPU with random weights will do.
"""

import base64
import json
import os
import urllib.request
from dataclasses import dataclass

import pytest
from PIL import Image
from webui_rig import (
    Hires,
    Img2Img,
    Refiner,
    Txt2Img,
    adetailer,
    order,
    picture_file,
    upscale,
)
from webui_standin import StandIn

from spoolctl.spool import Code
from spoolworker.backends import open_backend
from spoolworker.backends.base import BackendError, Interrupted, Watch
from spoolworker.backends.infotext import read_infotext
from tests.backends.background import Background

MANY = 400
"""Steps that no CPU is done with before it is interrupted."""


@dataclass
class Place:
    """A server to test against."""

    url: str
    standin: StandIn | None

    def __post_init__(self):
        self.backend = open_backend("webui", {"url": self.url, "poll_s": "0.05"})
        found = self.backend.probe()
        self.model, self.other = (one.name for one in found.models[:2])
        self.lora = found.loras[0]

    def make_slow(self):
        if self.standin:
            self.standin.pause_at = 2

    def make_fast(self):
        if self.standin:
            self.standin.go_on()

    def get(self, path):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/sdapi/v1/{path}") as answer:
            return json.load(answer)

    def txt2img(self, **said):
        fields = {
            "stage": "txt2img", "prompt": "a castle", "model": self.model, "seed": 7, "steps": 2,
            "width": 64, "height": 64, "sampler": "Euler", "scheduler": "Karras",
        }  # fmt: skip
        return Txt2Img(**{**fields, **said})

    def run(self, tmp_path, *stages, watch=None, **more):
        return self.backend.run(order(tmp_path, *stages, **more), watch or Watch())


@pytest.fixture(params=["stand-in", "real"])
def place(request):
    if request.param == "stand-in":
        with StandIn() as standin:
            yield Place(standin.url, standin)
        return
    address = os.environ.get("SPOOL_TEST_WEBUI")
    if not address:
        pytest.skip("no real WebUI: SPOOL_TEST_WEBUI names none")
    yield Place(address, None)


def told(made):
    with Image.open(made.path) as image:
        image.load()
        return read_infotext(image.info["parameters"])


def test_the_server_tells_what_it_has(place):
    found = place.backend.probe()

    assert {"txt2img", "img2img", "upscale"} <= set(found.stages)
    assert found.loaded_model in [one.name for one in found.models]
    assert "Lanczos" in found.upscalers
    assert "Euler" in found.samplers


def test_a_chain_is_walked_and_each_image_accounts_for_itself(place, tmp_path):
    shares = []
    watch = Watch(on_progress=lambda share, stage: shares.append((share, stage)))
    stages = (
        place.txt2img(count=2, negative_prompt="mist", clip_skip=2),
        Img2Img(stage="img2img", denoising_strength=0.5, clip_skip=1),
        upscale(upscaler="Lanczos", factor=1.5),
    )
    product = place.run(tmp_path, *stages, watch=watch)

    assert [(m.path.name, m.width, m.height, m.seed_actual) for m in product.made] == [
        ("0000-1-txt2img.png", 64, 64, 7), ("0001-1-txt2img.png", 64, 64, 8),
        ("0000-2-img2img.png", 64, 64, 7), ("0001-2-img2img.png", 64, 64, 8),
        ("0000-3-upscale.png", 96, 96, 7), ("0001-3-upscale.png", 96, 96, 8),
    ]  # fmt: skip
    accounts = [told(made) for made in product.made]
    assert [one.fields["Seed"] for one in accounts] == ["7", "8"] * 3
    assert {one.fields["Model"] for one in accounts} == {product.used.model}
    assert [one.fields.get("Clip skip") for one in accounts] == ["2", "2", None, None, None, None]
    assert accounts[0].negative_prompt == "mist"
    assert shares[-1] == (1.0, "upscale")
    assert product.warnings == ()


def test_a_second_pass_makes_it_larger(place, tmp_path):
    stage = place.txt2img(hires=Hires(scale=1.5, steps=2, denoising_strength=0.5))

    product = place.run(tmp_path, stage)

    assert (product.made[0].width, product.made[0].height) == (96, 96)
    assert told(product.made[0]).fields["Hires upscale"] == "1.5"


def test_an_enlargement_may_sample(place, tmp_path):
    stage = upscale(upscaler="Lanczos", factor=2, denoising_strength=0.4)

    product = place.run(tmp_path, place.txt2img(), stage)

    assert (product.made[1].width, product.made[1].height) == (128, 128)
    assert told(product.made[1]).fields["Denoising strength"] == "0.4"


def test_the_model_is_switched_and_said_to_be(place, tmp_path):
    one = place.run(tmp_path, place.txt2img(model=place.other))
    loaded = place.backend.probe().loaded_model
    two = place.run(tmp_path, place.txt2img())

    assert (one.used.model, two.used.model) == (place.other, place.model)
    assert loaded == place.other


def test_a_refiner_takes_over(place, tmp_path):
    stage = place.txt2img(steps=4, refiner=Refiner(model=place.other, switch_at=0.5))

    product = place.run(tmp_path, stage)

    assert place.other in told(product.made[0]).fields["Refiner"]
    assert product.used.model == place.model


def test_batches_and_requests_count_the_seeds_on(place, tmp_path):
    stage = place.txt2img(count=5, options={"batch_size": 2})

    product = place.run(tmp_path, stage)

    assert [told(made).fields["Seed"] for made in product.made] == ["7", "8", "9", "10", "11"]


def test_with_subseeds_the_seed_stays(place, tmp_path):
    options = {"subseed": 50, "subseed_strength": 0.3}

    product = place.run(tmp_path, place.txt2img(count=2, options=options))

    assert [made.seed_actual for made in product.made] == [7, 7]


def test_a_lora_is_loaded(place, tmp_path):
    product = place.run(tmp_path, place.txt2img(prompt=f"a castle <lora:{place.lora}:0.5>"))

    assert place.lora in told(product.made[0]).fields["Lora hashes"]


@pytest.mark.parametrize(
    "said",
    [
        {"model": "no such model"}, {"sampler": "no such sampler"}, {"scheduler": "no such"},
        {"vae": "no such vae.pt"}, {"prompt": "<lora:no_such:1>"}, {"options": {"styles": ["no such"]}},
        {"hires": Hires(upscaler="no such upscaler")}, {"refiner": Refiner(model="no such model")},
        {"options": {"alwayson_scripts": {"no such": {"args": []}}}},
    ],
)  # fmt: skip
def test_what_the_server_does_not_have_is_said_before_it_samples(place, tmp_path, said):
    with pytest.raises(BackendError) as caught:
        place.run(tmp_path, place.txt2img(**said))

    assert caught.value.code is Code.MODEL_MISSING


def test_a_field_that_the_server_does_not_know_is_refused(place, tmp_path):
    with pytest.raises(BackendError) as caught:
        place.run(tmp_path, place.txt2img(options={"no_such_field": 1}))

    assert caught.value.code is Code.BACKEND_REJECTED


def test_without_adetailer_the_stage_is_missing(place, tmp_path):
    if place.standin:
        place.standin.scripts.remove("ADetailer")
    if "adetailer" in place.backend.probe().stages:
        pytest.skip("this server has ADetailer")

    with pytest.raises(BackendError) as caught:
        place.run(tmp_path, place.txt2img(), adetailer())
    assert caught.value.code is Code.MODEL_MISSING


def test_adetailer_leaves_an_image_without_faces_as_it_is(place, tmp_path):
    if "adetailer" not in place.backend.probe().stages:
        pytest.skip("this server has no ADetailer")
    if place.standin:
        place.standin.finds_faces = False

    product = place.run(tmp_path, place.txt2img(), adetailer())

    assert product.warnings == (
        "image 0: ADetailer changed nothing: it found nothing, or failed at it",
    )


def test_an_upscaler_whose_file_is_no_good_is_found_out(place, tmp_path):
    name = os.environ.get("SPOOL_TEST_WEBUI_BROKEN_UPSCALER", "blocked4x")
    if place.standin:
        place.standin.upscalers[name] = "/models/blocked4x.pth"
        place.standin.broken_upscalers.add(name)
    if name not in place.backend.probe().upscalers:
        pytest.skip(f"this server has no broken upscaler called {name}")
    file = tmp_path / "in.png"
    Image.frombytes("L", (32, 32), bytes((0, 0, 255, 90) * 8) * 32).convert("RGB").save(file)

    with pytest.raises(BackendError) as caught:
        place.run(tmp_path, upscale(upscaler=name), inputs=[file])
    assert caught.value.code is Code.MODEL_SWITCHED_WRONGLY


def test_the_servers_settings_stay_as_they_were(place, tmp_path):
    place.run(tmp_path, place.txt2img(), Img2Img(stage="img2img"))  # pins them
    before = place.get("options")

    place.run(tmp_path, place.txt2img(model=place.other, clip_skip=3), Img2Img(stage="img2img"))

    # What is loaded, which the server notes among its settings
    after = place.get("options") | {"sd_checkpoint_hash": before["sd_checkpoint_hash"]}
    assert after == before


def test_a_run_is_cancelled_in_its_midst_and_the_server_is_idle(place, tmp_path):
    watch = Watch()
    watch.on_progress = lambda share, _stage: share > 0 and watch.interrupted.set()
    place.make_slow()

    with pytest.raises(Interrupted):
        place.run(tmp_path, place.txt2img(steps=MANY), watch=watch)

    assert place.get("progress?skip_current_image=true")["state"]["job_count"] == 0
    place.make_fast()
    assert len(place.run(tmp_path, place.txt2img()).made) == 1


def test_progress_within_a_request_is_told_and_only_grows(place, tmp_path):
    shares = []

    def tell(share, _stage):
        shares.append(share)
        place.make_fast()

    place.make_slow()
    place.run(tmp_path, place.txt2img(steps=20), watch=Watch(on_progress=tell))

    assert 0 < shares[0] < 1
    assert shares == sorted(set(shares))
    assert shares[-1] == 1.0


def test_previews_are_pictures(place, tmp_path):
    seen = []

    def show(image):
        seen.append(image)
        place.make_fast()

    backend = open_backend("webui", {"url": place.url, "poll_s": "0.05", "preview_s": "0.01"})
    place.make_slow()
    backend.run(order(tmp_path, place.txt2img(steps=25)), Watch(on_preview=show))

    assert seen[0][:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0", b"RIFF")


def test_what_a_worker_that_died_left_running_is_stopped_first(place, tmp_path):
    place.make_slow()
    body = {"prompt": "x", "steps": MANY, "width": 64, "height": 64, "sampler_name": "Euler"}
    orphan = Background(lambda: place.backend._client.generate("txt2img", body))
    while place.get("progress?skip_current_image=true")["state"]["sampling_step"] < 2:
        pass
    worker = open_backend("webui", {"url": place.url, "poll_s": "0.05"})

    product = worker.run(
        order(tmp_path, upscale(), inputs=[picture_file(tmp_path / "a.png")]), Watch()
    )

    assert len(product.made) == 1
    assert orphan.join().error is None
    place.make_fast()


def test_what_a_failed_enlargement_leaves_standing_disturbs_nothing(place, tmp_path):
    text = base64.b64encode(picture_file(tmp_path / "a.png").read_bytes()).decode()
    with pytest.raises(BackendError) as caught:
        place.backend._client.generate(
            "extra-single-image", {"image": text, "upscaler_1": "no such"}
        )
    assert caught.value.code is Code.MODEL_MISSING
    assert place.get("progress?skip_current_image=true")["state"]["job_count"] != 0

    assert len(place.run(tmp_path, place.txt2img()).made) == 1


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("txt2img", {"steps": "many"}, Code.BAD_JOB),
        ("txt2img", {"alwayson_scripts": {"no such": {"args": []}}}, Code.MODEL_MISSING),
        ("img2img", {"prompt": "x"}, Code.BAD_JOB),
        ("img2img", {"init_images": ["%%%"], "steps": 1}, Code.BAD_JOB),
        ("no-such-call", {}, Code.BACKEND_UNREACHABLE),
        ("txt2img", {"steps": 0, "width": 64, "height": 64}, Code.BACKEND_REJECTED),
    ],
)
def test_each_refusal_has_its_code(place, path, body, code):
    with pytest.raises(BackendError) as caught:
        place.backend._client.generate(path, body)

    assert caught.value.code is code
