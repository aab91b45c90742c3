"""What holds on every ComfyUI: the stand-in always, and the real one at SPOOL_TEST_COMFYUI, which needs two checkpoints
called mini-a and mini-b, and an upscaler called tiny4x. The same tests for both."""

import os

import pytest
from comfyui_rig import WORKFLOW, WORKLOAD, Rig, t2i
from comfyui_standin import StandIn
from PIL import Image

from spoolctl.spool.records import Code, ComfyUIWorkload, Hires, Img2Img, Refiner, Upscale
from spoolworker.backends.base import BackendError, Interrupted
from spoolworker.backends.infotext import read_infotext
from spoolworker.outputs import check

REAL = os.environ.get("SPOOL_TEST_COMFYUI")


@pytest.fixture(params=["stand-in", "real"])
def server(request, tmp_path):
    """A rig before a server."""
    if request.param == "real":
        if not REAL:
            pytest.skip("no real ComfyUI: SPOOL_TEST_COMFYUI holds no address")
        yield Rig(tmp_path, REAL, poll_s="0.3")
        return
    standin = StandIn(tmp_path / "server")
    standin.info["UpscaleModelLoader"]["input"]["required"]["model_name"][1]["options"] = [
        "tiny4x.pth"
    ]
    yield Rig(tmp_path, standin.url)
    standin.close()


def sizes(product):
    return [(made.width, made.height) for made in product.made]


def text_of(made):
    with Image.open(made.path) as image:
        image.load()
        return image.info


def test_a_probe_tells_version_stages_and_models(server):
    told = server.backend.probe()

    assert told.backend == "comfyui"
    assert told.version
    assert {"txt2img", "img2img", "upscale", "comfyui"} <= set(told.stages)
    assert {"mini-a.safetensors", "mini-b.safetensors"} <= {model.name for model in told.models}
    assert "tiny4x.pth" in told.upscalers
    assert "euler" in told.samplers


def test_each_image_has_its_own_seed_and_says_how_it_was_made(server):
    product = server.run(t2i(count=2, negative_prompt="dog", sampler="Euler a", cfg_scale=5.0))

    assert [made.path.name for made in product.made] == ["0000-1-txt2img.png", "0001-1-txt2img.png"]
    assert [(made.seed_requested, made.seed_actual) for made in product.made] == [(5, 5), (6, 6)]
    told = read_infotext(text_of(product.made[1])["parameters"])
    assert (told.prompt, told.negative_prompt) == ("a cat", "dog")
    assert told.fields["Seed"] == "6"
    assert told.fields["Model"] == "mini-a"
    assert told.fields["Sampler"] == "Euler a"
    assert "prompt" in text_of(product.made[0]), "the server's own chunk stays"
    assert product.used.model == "mini-a.safetensors"


def test_progress_grows_to_one_and_the_stage_is_told(server):
    product = server.run(t2i())

    fractions = [fraction for fraction, _ in server.seen.progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert [(made, timing.stage) for made, timing in server.seen.stages] == [
        (product.made, "txt2img")
    ]


def test_a_chain_leaves_every_stage_in_its_size(server):
    stages = (
        t2i(),
        Img2Img(stage="img2img", denoising_strength=0.6, width=72, height=64),
        Upscale(stage="upscale", factor=1.7),
        Upscale(stage="upscale", upscaler="tiny4x", factor=2.0),
        Upscale(stage="upscale", factor=1.3, denoising_strength=0.4),
    )

    product = server.run(*stages)

    check(product, images_asked=1, stages=stages)  # as the agent does

    assert sizes(product) == [(64, 64), (72, 64), (122, 108), (244, 216), (317, 280)]
    assert [made.final for made in product.made] == [False, False, False, False, True]
    assert {made.seed_actual for made in product.made} == {5}


@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos", "tiny4x"])
def test_a_second_pass_makes_the_larger_size(server, upscaler):
    product = server.run(t2i(hires=Hires(scale=1.5, upscaler=upscaler), clip_skip=2))

    assert sizes(product) == [(96, 96)]


@pytest.mark.parametrize("hires", [None, Hires(scale=2.0)])
def test_a_refiner_takes_over(server, hires):
    product = server.run(t2i(refiner=Refiner(model="mini-b", switch_at=0.5), hires=hires))

    assert read_infotext(text_of(product.made[0])["parameters"]).fields["Refiner"] == "mini-b"
    assert sizes(product) == [(128, 128) if hires else (64, 64)]


def test_another_checkpoint_is_the_one_that_is_used(server):
    server.run(t2i())
    product = server.run(t2i(model="mini-b"))

    assert product.used.model == "mini-b.safetensors"
    assert server.backend.probe().loaded_model == "mini-b.safetensors"


def test_a_chain_on_inputs_changes_each_of_them(server):
    first = server.run(t2i(count=2))
    given = [made.path for made in first.made]

    product = server.run(
        Img2Img(stage="img2img", prompt="y", model="mini-a", steps=2, seed=9), inputs=given
    )

    assert [made.image_index for made in product.made] == [0, 1]
    assert [made.seed_actual for made in product.made] == [9, 10]


def test_a_chain_goes_on_behind_the_stages_that_are_done(server):
    first = server.run(t2i(count=2))

    product = server.run(t2i(count=2), Upscale(stage="upscale", factor=2.0), done=(first.made,))

    assert [made.path.name for made in product.made] == ["0000-2-upscale.png", "0001-2-upscale.png"]
    assert [made.seed_actual for made in product.made] == [5, 6]


def test_a_workflow_runs_with_its_inputs_and_leaves_what_it_promised(server):
    picture = server.run(t2i()).made[0].path

    workload = ComfyUIWorkload.model_validate(WORKLOAD)
    product = server.run(workload, inputs=[picture])

    check(product, images_asked=workload.images, stages=(workload,))  # as the agent does

    assert [made.path.name for made in product.made] == [f"000{i}-1-comfyui.png" for i in range(3)]
    assert all(made.final for made in product.made)
    seeds = {(made.seed_requested, made.seed_actual) for made in product.made}
    assert len(seeds) == 1
    assert next(iter(seeds))[0] == -1
    assert next(iter(seeds))[1] >= 0
    assert read_infotext(text_of(product.made[0])["parameters"]).prompt == "a dog"
    assert product.used.model == "mini-b.safetensors"


def test_the_same_work_twice_is_never_answered_with_old_files(server):
    """An identical workflow is answered from the cache with the files of the run before; the attempt in their names makes it another."""
    first, second = server.run(t2i()), server.run(t2i())

    assert first.made[0].path.read_bytes() != b""
    assert second.made[0].path.read_bytes() != b""
    assert first.made[0].path != second.made[0].path


def test_a_model_that_is_not_there_is_missed_before_anything_is_sent(server):
    with pytest.raises(BackendError) as caught:
        server.run(t2i(model="nowhere"))

    assert caught.value.code is Code.MODEL_MISSING
    assert server.seen.progress == []


def test_a_node_class_that_is_not_there_is_found_before_claiming(server):
    strange = {**WORKFLOW, "11": {"class_type": "NoSuchNode", "inputs": {}}}
    workload = ComfyUIWorkload.model_validate({**WORKLOAD, "workflow": strange})

    assert server.backend.misfits([workload]) == ("node class 'NoSuchNode' is not here",)
    assert server.backend.misfits([ComfyUIWorkload.model_validate(WORKLOAD)]) == ()
    assert server.backend.misfits(
        [t2i(model="nowhere"), Upscale(stage="upscale", upscaler="none-such")]
    )
    with pytest.raises(BackendError) as caught:
        server.run(workload, inputs=[server.run(t2i()).made[0].path])
    assert caught.value.code is Code.BACKEND_REJECTED


def test_an_interrupted_run_leaves_the_server_at_rest(server):
    with pytest.raises(Interrupted):
        server.run(t2i(steps=1000), stop_at=0.002)

    queue = server.backend._client.queue()
    assert (queue.running, queue.pending) == ((), ())
    assert server.run(t2i()).made, "and it works on"


def test_the_server_takes_no_half_of_a_workflow(server):
    """It answers 200, drops the outputs that it cannot make, and says so only in node_errors."""
    half = {
        **WORKFLOW,
        "12": {"class_type": "LoadImage", "inputs": {"image": "never-uploaded.png"}},
        "13": {"class_type": "SaveImage", "inputs": {"images": ["12", 0], "filename_prefix": "x"}},
    }
    workload = ComfyUIWorkload.model_validate({**WORKLOAD, "workflow": half})

    with pytest.raises(BackendError) as caught:
        server.run(workload, inputs=[server.run(t2i()).made[0].path])

    assert caught.value.code is Code.BACKEND_REJECTED
    assert "never-uploaded.png" in caught.value.log_tail
    queue = server.backend._client.queue()
    assert (queue.running, queue.pending) == ((), ()), "nor does the other half run on"
