"""Workflows as they are built of templates, checked against what a real server listed, without any server."""

import json
from pathlib import Path

import pytest
from comfyui_rig import t2i

from spoolctl.spool.records import ADetailer, Code, Hires, Img2Img, Refiner, Upscale
from spoolworker.backends.base import BackendError, Order
from spoolworker.backends.chain import steps
from spoolworker.backends.comfyui.catalogue import Catalogue, template_names
from spoolworker.backends.comfyui.drafts import Drafting
from spoolworker.backends.comfyui.graph import Graph, is_link, load

INFO = json.loads((Path(__file__).parent / "object_info.json").read_text(encoding="utf-8"))
TEMPLATES = {name: load(name) for name in template_names()}
IMPACT = {
    "UltralyticsDetectorProvider": {
        "input": {"required": {"model_name": [["bbox/face_yolov8n.pt", "segm/person_yolov8n-seg.pt"], {}]}},
        "output_node": False,
        "python_module": "custom_nodes.ComfyUI-Impact-Subpack",
    },
    "FaceDetailer": {
        "input": {
            "required": {
                "image": ["IMAGE"], "bbox_detector": ["BBOX_DETECTOR"], "denoise": ["FLOAT", {"default": 0.5}],
                "of_its_next_version": ["INT", {"default": 7}],
            }
        },
        "output_node": False,
        "python_module": "custom_nodes.ComfyUI-Impact-Pack",
    },
}  # fmt: skip


def catalogue(**more):
    info = {**json.loads(json.dumps(INFO)), **more}
    info["LoraLoader"]["input"]["required"]["lora_name"][0] = [
        "one.safetensors",
        "sub/two.safetensors",
    ]
    info["VAELoader"]["input"]["required"]["vae_name"][0] = ["good.vae.pt"]
    return Catalogue(info, ("badhands",))


def draft(stage, *, before=(), image="a.png", size=(64, 64), known=None, model=None, seed=5):
    known = known or catalogue()
    step = list(steps(Order((*before, stage), (), Path(), "")))[-1]
    drafted = Drafting(known, TEMPLATES, model).draft(step, seed, image, size)
    assert known.problems(drafted.nodes) == (), "a real server would take it"
    return drafted


def taken(nodes, node, field):
    """The id of the node whose output an input takes."""
    return nodes[node]["inputs"][field][0]


@pytest.mark.parametrize("name", template_names())
def test_a_shipped_template_names_only_nodes_and_inputs_that_comfyui_has(name):
    known = catalogue(**IMPACT)
    for key, node in TEMPLATES[name].nodes.items():
        assert node["class_type"] in known.classes, key
        if node["class_type"] in INFO:
            assert set(node["inputs"]) <= set(known._inputs(node["class_type"])), key


@pytest.mark.parametrize(
    "stage",
    [
        t2i(),
        t2i(hires=Hires()),
        t2i(hires=Hires(upscaler="Lanczos")),
        t2i(hires=Hires(upscaler="tiny4x")),
        t2i(refiner=Refiner(model="mini-b")),
        t2i(hires=Hires(), refiner=Refiner(model="mini-b")),
        t2i(prompt="x <lora:one:1> <lora:two:0.5>", vae="good.vae", clip_skip=2, hires=Hires()),
        Upscale(stage="upscale"),
        Upscale(stage="upscale", upscaler="tiny4x", denoising_strength=0.3),
    ],
)
def test_every_node_takes_what_is_there_and_nothing_is_made_for_nobody(stage):
    before = () if stage.stage == "txt2img" else (t2i(),)
    nodes = draft(stage, before=before).nodes

    links = [
        value for node in nodes.values() for value in node["inputs"].values() if is_link(value)
    ]
    assert {link[0] for link in links} == set(nodes) - {"save"}


def test_loras_vae_and_clip_skip_lie_between_the_checkpoint_and_all_who_take_it():
    said = "a cat <lora:one:0.8:0.6> <lora:two:1>"
    nodes = draft(
        t2i(prompt=said, vae="good.vae.pt", clip_skip=2, hires=Hires(upscaler="Lanczos"))
    ).nodes

    assert taken(nodes, "lora-1", "model") == "checkpoint"
    assert taken(nodes, "lora-2", "model") == "lora-1"
    assert taken(nodes, "clip_skip", "clip") == "lora-2"
    for sampler in ("sampler", "hires_sampler"):
        assert taken(nodes, sampler, "model") == "lora-2"
    for words in ("positive", "negative"):
        assert taken(nodes, words, "clip") == "clip_skip"
    for coder in ("decode", "hires_decode", "hires_latent"):
        assert taken(nodes, coder, "vae") == "vae"
    assert nodes["lora-1"]["inputs"]["strength_clip"] == 0.8
    assert nodes["lora-1"]["inputs"]["strength_model"] == 0.6
    assert nodes["lora-2"]["inputs"]["lora_name"] == "sub/two.safetensors"
    assert nodes["clip_skip"]["inputs"]["stop_at_clip_layer"] == -2
    assert nodes["positive"]["inputs"]["text"] == "a cat"


@pytest.mark.parametrize("clip_skip", [None, 0, 1])
def test_no_clip_skip_and_the_checkpoints_own_vae_change_nothing(clip_skip):
    nodes = draft(t2i(clip_skip=clip_skip, vae="Automatic")).nodes

    assert set(nodes) == set(TEMPLATES["txt2img"].nodes)


def test_the_second_pass_decodes_what_the_first_made_and_is_saved():
    drafted = draft(t2i(hires=Hires(scale=1.3, upscaler="tiny4x", steps=7, denoising_strength=0.4)))

    nodes = drafted.nodes
    assert drafted.size == (80, 80)  # 83.2, as latents: whole eights
    assert taken(nodes, "hires_decode", "samples") == "sampler"
    assert taken(nodes, "decode", "samples") == "hires_sampler"
    assert nodes["hires_sampler"]["inputs"]["steps"] == 7
    assert nodes["hires_sampler"]["inputs"]["denoise"] == 0.4
    assert nodes["sampler"]["inputs"]["steps"] == 2
    assert nodes["hires_scale"]["inputs"]["width"] == 80


def test_a_refiner_goes_on_where_the_first_model_stopped():
    nodes = draft(t2i(steps=10, refiner=Refiner(model="mini-b", switch_at=0.8))).nodes

    first, second = nodes["sampler"]["inputs"], nodes["refined"]["inputs"]
    assert (first["start_at_step"], first["end_at_step"], first["steps"]) == (0, 8, 10)
    assert (second["start_at_step"], second["steps"]) == (8, 10)
    assert (first["add_noise"], second["add_noise"]) == ("enable", "disable")
    assert first["noise_seed"] == second["noise_seed"] == 5
    assert taken(nodes, "decode", "samples") == "refined"
    assert taken(nodes, "refined", "positive") == "refiner_positive"
    assert nodes["refiner_positive"]["inputs"]["text"] == "a cat"


def test_with_a_second_pass_the_refiner_takes_over_there_as_in_webui():
    hires = Hires(steps=10, denoising_strength=0.5)
    nodes = draft(t2i(steps=20, hires=hires, refiner=Refiner(model="mini-b", switch_at=0.8))).nodes

    second = nodes["hires_sampler"]["inputs"]
    assert nodes["sampler"]["class_type"] == "KSampler"
    assert (second["start_at_step"], second["end_at_step"], second["steps"]) == (10, 18, 20)
    assert taken(nodes, "refined", "latent_image") == "hires_sampler"


@pytest.mark.parametrize("switch_at", [1.0, 0.99])
def test_a_refiner_that_never_takes_over_is_left_out_and_told(switch_at):
    drafted = draft(t2i(refiner=Refiner(model="mini-b", switch_at=switch_at)))

    assert "refiner" not in drafted.nodes
    assert "never takes over" in drafted.warnings[0]


@pytest.mark.parametrize(("denoise", "steps"), [(0.5, 11), (1.0, 20), (0.0, 1), (0.04, 1)])
def test_an_image_is_changed_in_as_many_steps_as_webui_takes(denoise, steps):
    stage = Img2Img(stage="img2img", model="mini-a", steps=20, denoising_strength=denoise)

    assert draft(stage).nodes["sampler"]["inputs"]["steps"] == steps


def test_an_image_is_resized_only_if_another_size_is_asked_for():
    own = draft(Img2Img(stage="img2img", model="mini-a", width=64, height=64))
    other = draft(Img2Img(stage="img2img", model="mini-a", width=128))

    assert "resize" not in own.nodes
    assert taken(other.nodes, "encode", "pixels") == "resize"
    assert other.nodes["resize"]["inputs"]["width"] == 128
    assert other.nodes["resize"]["inputs"]["height"] == 64


def test_an_upscaled_image_may_be_sampled_too_and_keeps_the_size():
    stage = Upscale(stage="upscale", factor=1.7, denoising_strength=0.3)
    drafted = draft(stage, before=(t2i(),), seed=None)

    assert drafted.seed is not None
    assert drafted.size == (108, 108)
    assert taken(drafted.nodes, "save", "images") == "fit"
    assert drafted.nodes["fit"]["inputs"]["width"] == 108
    assert drafted.nodes["positive"]["inputs"]["text"] == "a cat"


def test_upscaling_by_a_latent_method_is_no_stage():
    with pytest.raises(BackendError) as caught:
        draft(Upscale(stage="upscale", upscaler="Latent"), before=(t2i(),))
    assert caught.value.code is Code.BAD_JOB


def test_faces_are_painted_anew_where_the_nodes_are_there():
    known = catalogue(**IMPACT)

    drafted = draft(ADetailer(stage="adetailer", model="mini-a", steps=20), known=known)

    assert "adetailer" in known.abilities("1", TEMPLATES).stages
    assert known.abilities("1", TEMPLATES).extensions == (
        "FaceDetailer",
        "UltralyticsDetectorProvider",
    )
    assert drafted.nodes["detector"]["inputs"]["model_name"] == "bbox/face_yolov8n.pt"
    assert drafted.nodes["detailer"]["inputs"]["feather"] == 4
    assert drafted.nodes["detailer"]["inputs"]["of_its_next_version"] == 7


def test_a_chain_that_names_no_model_takes_the_configured_one_or_none():
    assert draft(t2i(model=None), model="mini-b").model == "mini-b.safetensors"
    with pytest.raises(BackendError) as caught:
        draft(t2i(model=None))
    assert caught.value.code is Code.MODEL_MISSING


def test_known_embeddings_are_named_as_comfyui_names_them():
    nodes = draft(t2i(negative_prompt="(badhands:1.2), notbadhands, <embedding:badhands>")).nodes

    said = nodes["negative"]["inputs"]["text"]
    assert said == "(embedding:badhands:1.2), notbadhands, embedding:badhands"


def test_what_means_something_else_to_webui_is_told():
    assert draft(t2i(prompt="a [b:c:0.5] BREAK d")).warnings[0].startswith("ComfyUI takes 2 parts")
    assert draft(t2i(prompt=r"a \[b\] (c:1.2)")).warnings == ()


def test_a_value_for_which_a_template_has_no_place_is_an_error():
    from spoolctl.spool import UsageError

    with pytest.raises(UsageError, match="no place for 'nothing'"):
        Graph.of(TEMPLATES["txt2img"]).fill({"nothing": 1})


def test_every_problem_of_a_workflow_is_found_with_its_code():
    nodes = {
        "1": {"class_type": "Nope", "inputs": {}},
        "2": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "gone.safetensors"}},
        "3": {"class_type": "VAEDecode", "inputs": {"samples": ["99", 0]}},
        "4": {"class_type": "ImageScale", "inputs": {
            "image": ["3", 0], "upscale_method": "magic", "width": 1, "height": 1, "crop": "disabled"}},
    }  # fmt: skip

    found = [(problem.code, problem.text) for problem in catalogue().problems(nodes)]

    assert [code for code, _ in found] == [
        Code.BACKEND_REJECTED, Code.MODEL_MISSING, Code.BAD_JOB, Code.BACKEND_REJECTED, Code.BACKEND_REJECTED,
    ]  # fmt: skip
    assert "'vae'" in found[3][1]
    assert "magic" in found[4][1]


def test_choices_are_read_in_both_of_their_forms():
    known = catalogue()

    assert known.choices("CheckpointLoaderSimple", "ckpt_name") == (
        "mini-a.safetensors",
        "mini-b.safetensors",
    )
    assert "tiny4x.pth" in known.choices("UpscaleModelLoader", "model_name")
    assert known.choices("LoadImage", "image") is None
