"""StableNew's own snapshots (written by its code, see their INDEX) read as jobs of ours."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_data import stablenew

from spoolctl.spool.errors import BadRecord
from spoolctl.spool.records import (
    ADetailer,
    Dropped,
    Hires,
    Img2Img,
    Input,
    Refiner,
    Txt2Img,
    Upscale,
)
from spoolctl.spool.stablenew import (
    is_snapshot,
    job_from_snapshot,
    learning_of_snapshot,
    stages_of_snapshot,
)
from spoolctl.spool.stages import images_asked, needs_inputs, stages_of
from spoolctl.spool.submit import parse_job

FOLDER = stablenew("generated/njr_snapshots")
THREE = ("txt2img", "adetailer", "upscale")
JUGGERNAUT = "juggernautXL_ragnarokBy"
# file: job_id's last two digits, stages, images, model, width, height, steps, cfg, sampler, scheduler
NINE = {
    "SDXL_mythical_beasts_Fantasy_0.json":
        ("05", THREE, 1, f"{JUGGERNAUT}.safetensors [dd08fa32f9]", 1216, 832, 34, 6.1, "DPM++ 2M", "Karras"),
    "SDXL_mythical_beasts_Fantasy_1.json":
        ("06", THREE, 1, f"{JUGGERNAUT}.safetensors [dd08fa32f9]", 1216, 832, 34, 6.1, "DPM++ 2M", "Karras"),
    "SDXL_mythical_beasts_Fantasy_2.json":
        ("07", THREE, 1, f"{JUGGERNAUT}.safetensors [dd08fa32f9]", 1216, 832, 34, 6.1, "DPM++ 2M", "Karras"),
    "test_lora_embed_pack_0.json":
        ("11", ("txt2img",), 1, f"{JUGGERNAUT}.safetensors", 512, 512, 20, 7.0, "Euler a", "Normal"),
    "test_matrix_pack_0.json":
        ("01", THREE, 2, JUGGERNAUT, 768, 1024, 34, 6.1, "DPM++ 2M", "Karras"),
    "test_matrix_pack_1.json":
        ("02", THREE, 2, JUGGERNAUT, 768, 1024, 34, 6.1, "DPM++ 2M", "Karras"),
    "test_matrix_pack_1.yaml":
        ("02", THREE, 2, JUGGERNAUT, 768, 1024, 34, 6.1, "DPM++ 2M", "Karras"),
    "test_matrix_pack_2.json":
        ("03", THREE, 2, JUGGERNAUT, 768, 1024, 34, 6.1, "DPM++ 2M", "Karras"),
    "test_matrix_pack_3.json":
        ("04", THREE, 2, JUGGERNAUT, 768, 1024, 34, 6.1, "DPM++ 2M", "Karras"),
}  # fmt: skip


def data(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def snapshot(name: str = "test_lora_embed_pack_0.json") -> dict:
    return json.loads(data(name))


def stages(snap: dict, **dropped: object) -> tuple:
    return stages_of_snapshot(snap, Dropped(**dropped))


def chain(snap: dict, *enabled: str) -> dict:
    for entry in snap["normalized_job"]["stage_chain"]:
        entry["enabled"] = entry["stage_type"] in enabled
    return snap


def test_the_table_names_every_sample_snapshot() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(NINE)


@pytest.mark.parametrize("name", NINE)
def test_each_sample_asks_for_the_stages_and_images_that_stablenew_would_make(name) -> None:
    job_id, wanted, images, model, width, height, steps, cfg, sampler, scheduler = NINE[name]
    job = parse_job(data(name))
    first, *rest = stages_of(job)
    assert isinstance(first, Txt2Img)
    assert job.job_id == f"5f0c1e7a9b2d4c6e8f100000000000{job_id}"
    assert (first.stage, *(stage.stage for stage in rest)) == wanted
    assert images_asked(job, inputs=0) == images
    assert not needs_inputs(job)
    assert (first.model, first.vae) == (model, None)
    assert (first.width, first.height, first.steps, first.cfg_scale) == (width, height, steps, cfg)
    assert (first.sampler, first.scheduler) == (sampler, scheduler)
    assert (first.seed, first.clip_skip, first.hires, first.refiner) == (-1, 2, None, None)


def test_prompts_keep_their_embeddings_and_loras_as_they_stand() -> None:
    (first,) = stages(snapshot())
    assert first.prompt == (
        "<embedding:BadDream> <embedding:UnrealisticDream> (masterpiece, best quality), "
        "a [[job]] in [[environment]], highly detailed "
        "<lora:add-detail-xl:0.65> <lora:style-enhance:0.8>"
    )
    assert first.negative_prompt == (
        "blurry, bad quality, distorted, <embedding:bad-hands-5>, bad quality, blurry, "
        "watermark, signature"
    )


def test_the_detailer_and_the_upscaler_get_their_own_settings() -> None:
    _, detail, up = stages(snapshot("test_matrix_pack_0.json"))
    assert isinstance(detail, ADetailer)
    assert (detail.detector, detail.confidence) == ("mediapipe_face_full", 0.59)
    assert (detail.denoising_strength, detail.steps, detail.cfg_scale) == (0.16, 8, 5.0)
    assert (detail.sampler, detail.scheduler, detail.mask_blur) == ("DPM++ 2M", "Karras", 4)
    assert detail.prompt is not None
    assert detail.prompt.startswith("<stable_yogis_pdxl_positives>,\n")
    assert detail.options["hands_model"] == "hand_yolov8s.pt"
    assert isinstance(up, Upscale)
    assert (up.upscaler, up.factor) == ("4xUltrasharp_4xUltrasharpV10", 2.0)
    assert up.denoising_strength is None
    assert up.options["codeformer_weight"] == 0.5


def test_the_snapshot_inside_the_job_is_untouched_and_the_variant_is_told() -> None:
    snap = snapshot("test_matrix_pack_1.json")
    before = copy.deepcopy(snap)
    job = job_from_snapshot(snap, inputs=[Input(path="inputs/aa/x.png")])
    assert job.workload.snapshot == before == snap
    assert job.class_ is None
    assert job.inputs[0].path == "inputs/aa/x.png"
    assert job.randomizer["variant_index"] == 1
    assert job.randomizer["matrix_slot_values"] == {"job": "wizard", "environment": "castle"}


def test_yaml_and_json_of_one_snapshot_ask_for_the_same() -> None:
    assert stages_of(parse_job(data("test_matrix_pack_1.yaml"))) == stages_of(
        parse_job(data("test_matrix_pack_1.json"))
    )


def test_stages_run_in_stablenews_order_whatever_order_the_chain_has() -> None:
    snap = snapshot("test_matrix_pack_0.json")
    snap["normalized_job"]["stage_chain"].reverse()
    assert tuple(s.stage for s in stages(snap)) == THREE


def test_a_chain_with_nothing_enabled_is_txt2img() -> None:
    assert [s.stage for s in stages(chain(snapshot()))] == ["txt2img"]


def test_a_reprocess_snapshot_starts_behind_txt2img_with_the_jobs_model_and_prompt() -> None:
    snap = snapshot("test_matrix_pack_0.json")
    snap["normalized_job"]["extra_metadata"]["reprocess"] = {
        "schema": "stablenew.reprocess.v2.6",
        "input_image_paths": ["C:\\out\\a b.png"],
        "requested_stages": ["adetailer", "upscale"],
    }
    job = job_from_snapshot(snap)
    assert job.workload.dropped.input_image_paths == ("C:\\out\\a b.png",)
    assert [s.stage for s in stages_of(job)] == ["adetailer", "upscale"]
    assert stages_of(job)[0].model == JUGGERNAUT
    assert needs_inputs(job)


def test_a_start_stage_that_is_not_enabled_is_refused() -> None:
    with pytest.raises(BadRecord, match="start_stage 'upscale'") as caught:
        stages(snapshot(), start_stage="upscale")
    assert caught.value.field == "workload.dropped.start_stage"


def test_hires_and_refiner_need_their_switch_and_take_the_flat_settings() -> None:
    snap = snapshot()
    config = snap["normalized_job"]["config"]
    config |= {"hr_scale": "1.5", "hr_upscaler": "Latent (nearest)", "denoising_strength": 0.4}
    config |= {"refiner_checkpoint": "refine.safetensors", "refiner_switch_at": 0.7}
    assert stages(snap)[0].hires is None
    assert stages(snap)[0].refiner is None
    config |= {"enable_hr": True, "use_refiner": True}
    assert stages(snap)[0].hires == Hires(
        scale=1.5, upscaler="Latent (nearest)", steps=0, denoising_strength=0.4
    )
    assert stages(snap)[0].refiner == Refiner(model="refine.safetensors", switch_at=0.7)
    config["refiner_checkpoint"] = "None"
    assert stages(snap)[0].refiner is None


def test_img2img_and_a_sampling_upscale_are_read() -> None:
    snap = chain(snapshot(), "txt2img", "img2img", "upscale")
    up_entry = snap["normalized_job"]["stage_chain"][3]
    up_entry["extra"]["upscale_mode"] = "img2img"
    _, change, up = stages(snap)
    assert isinstance(change, Img2Img)
    assert (change.denoising_strength, change.steps, change.width) == (0.3, 15, None)
    assert isinstance(up, Upscale)
    assert up.denoising_strength == 0.35
    assert up.options == {"sampler_name": "Euler a", "scheduler": "Normal", "steps": 20}


def test_whole_floats_and_numbers_as_text_are_numbers() -> None:
    snap = snapshot()
    snap["normalized_job"] |= {
        "steps": 30.0, "width": "640", "cfg_scale": "6.5", "images_per_prompt": "3",
        "seed": "18446744073709551615", "clip_skip": 0, "vae": "",
    }  # fmt: skip
    first = stages(snap)[0]
    assert (first.steps, first.width, first.cfg_scale, first.count) == (30, 640, 6.5, 3)
    assert first.seed == 18446744073709551615


@pytest.mark.parametrize(("seed", "other", "wanted"), [(None, 7, 7), (-1, -1, -1), (0, 7, 0)])
def test_seed_0_is_a_seed_and_none_is_drawn_by_the_worker(seed, other, wanted) -> None:
    snap = snapshot()
    snap["normalized_job"]["seed"] = seed
    snap["normalized_job"]["config"]["seed"] = other
    assert stages(snap)[0].seed == wanted


@pytest.mark.parametrize("stage", ["animatediff", "svd_native", "video_workflow", "train_lora"])
def test_a_stage_that_no_image_backend_has_is_named(stage) -> None:
    snap = snapshot()
    snap["normalized_job"]["stage_chain"][4] |= {"stage_type": stage, "enabled": True}
    with pytest.raises(BadRecord, match=f"'{stage}'") as caught:
        job_from_snapshot(snap)
    assert caught.value.field == "workload.snapshot.normalized_job.stage_chain.4.stage_type"
    assert "StableNew itself" in caught.value.hint


def test_a_masked_edit_is_refused_rather_than_run_without_its_mask() -> None:
    snap = chain(snapshot(), "img2img")
    snap["normalized_job"]["stage_chain"][1]["extra"]["mask_image_path"] = "C:\\mask.png"
    with pytest.raises(BadRecord, match="mask"):
        job_from_snapshot(snap)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"positive_prompt": " "}, "positive_prompt"),
        ({"stage_chain": []}, "stage_chain"),
        ({"width": "wide"}, "width"),
        ({"steps": 20.5}, "steps"),
        ({"images_per_prompt": 100_000}, "count"),
    ],
)
def test_what_cannot_run_is_refused_with_its_field(change, field) -> None:
    snap = snapshot()
    snap["effective_prompts"] = None
    snap["normalized_job"] |= change
    with pytest.raises(BadRecord) as caught:
        job_from_snapshot(snap)
    assert caught.value.field.endswith(field)


def test_an_early_snapshot_without_a_chain_is_refused() -> None:
    for path in stablenew("tests/data/snapshots").glob("*.json"):
        with pytest.raises(BadRecord, match="missing_"):
            parse_job(path.read_bytes())


def test_the_learning_experiment_is_found_wherever_stablenew_left_it() -> None:
    snap = snapshot()
    assert learning_of_snapshot(snap) is None
    snap["normalized_job"]["config"]["learning_experiment_id"] = "e-1"
    snap["normalized_job"]["extra_metadata"] = {
        "learning": {"schema": "stablenew.learning.v2.6", "experiment_name": "CFG: a/b"},
        "learning_variable": "CFG Scale", "learning_variant_value": 7.0, "learning_stage": "txt2img",
    }  # fmt: skip
    assert job_from_snapshot(snap).learning == {
        "experiment_name": "CFG: a/b", "experiment_id": "e-1",
        "variable_under_test": "CFG Scale", "variant_value": 7.0, "stage": "txt2img",
    }  # fmt: skip


def test_our_own_records_are_no_snapshots() -> None:
    assert is_snapshot(snapshot())
    assert not is_snapshot({"schema": "spool.job/1", "schema_version": "1", "normalized_job": {}})
    assert not is_snapshot({"normalized_job": {}})


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
JOB_KEYS = sorted(snapshot("test_matrix_pack_0.json")["normalized_job"])
CONFIG_KEYS = [
    *sorted(snapshot("test_matrix_pack_0.json")["normalized_job"]["config"]),
    "hr_scale", "hr_upscaler", "refiner_checkpoint", "refiner_switch_at", "learning_variant_value",
]  # fmt: skip
EXTRA_KEYS = sorted(
    {k for e in snapshot("test_matrix_pack_0.json")["normalized_job"]["stage_chain"] for k in e["extra"]}
)  # fmt: skip
ENTRY_KEYS = sorted(snapshot()["normalized_job"]["stage_chain"][0])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    job_and_metadata=st.tuples(
        st.dictionaries(st.sampled_from(JOB_KEYS), JUNK, max_size=2),
        st.dictionaries(st.sampled_from(["reprocess", "learning"]), JUNK, max_size=2),
    ),
    config=st.dictionaries(st.sampled_from(CONFIG_KEYS), JUNK, max_size=3),
    entry=st.dictionaries(st.sampled_from(ENTRY_KEYS), JUNK, max_size=2),
    extra=st.dictionaries(st.sampled_from(EXTRA_KEYS), JUNK, max_size=3),
    number=st.integers(0, 5),
)
def test_junk_in_a_snapshot_gives_a_job_or_a_bad_record(
    job_and_metadata, config, entry, extra, number
) -> None:
    snap = chain(snapshot("test_matrix_pack_0.json"), "txt2img", "img2img", "adetailer", "upscale")
    inner = snap["normalized_job"]
    job, inner["extra_metadata"] = job_and_metadata
    inner["config"] |= {"enable_hr": True, "use_refiner": True, **config}
    inner["stage_chain"][number]["extra"] |= extra
    inner["stage_chain"][number] |= entry
    inner |= job
    try:
        assert stages_of(job_from_snapshot(snap))
    except BadRecord as error:
        assert "\n" not in str(error)  # noqa: PT017


@settings(max_examples=60, deadline=None)
@given(junk=JUNK)
def test_anything_at_all_as_a_snapshot_gives_a_job_or_a_bad_record(junk) -> None:
    for mapping in (
        {"schema_version": "1.0", "normalized_job": junk},
        {"schema_version": "1.0", "normalized_job": {"positive_prompt": "x", "stage_chain": junk}},
    ):
        try:
            assert stages_of(job_from_snapshot(mapping))
        except BadRecord as error:
            assert error.field  # noqa: PT017
