"""What is derived of a record and its commit alone: seeds, sizes, other kinds of workload, and what is refused."""

import json

import pytest

from spoolctl.deriving import Larger, UpscaleOnly, Variations, derived, wanted_of
from spoolctl.spool import (
    JOB_SCHEMA,
    MANIFEST_SCHEMA,
    Job,
    Manifest,
    Output,
    StateForbids,
    UsageError,
    Verdict,
    from_mapping,
    layout,
)

TXT2IMG = {"stage": "txt2img", "prompt": "a fox", "width": 512, "height": 768, "count": 4}
WORKFLOW = {
    "kind": "comfyui",
    "workflow": {
        "3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 20, "denoise": None}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
    },
    "inputs": {"steps": {"node": "3", "field": "steps", "value": 30}},
    "outputs": {"9": {"count": 2}},
}
SEED = {"seed": {"node": "3", "field": "seed"}}


def job(workload, **fields) -> Job:
    workload = {"kind": "image", "stages": workload} if isinstance(workload, list) else workload
    return from_mapping(Job, {"schema": JOB_SCHEMA, "workload": workload, **fields})


def output(number, stage, index, seed, *, final=False, **said) -> Output:
    return Output(
        path=f"a1/{layout.output_name(index, number, stage)}", bytes=9, sha256="ab" * 32, stage=stage,
        image_index=index, final=final, seed_actual=seed, width=512, height=768, **said,
    )  # fmt: skip


def commit(*outputs) -> Manifest:
    return Manifest(
        schema_=MANIFEST_SCHEMA, name="one", attempt=1, verdict=Verdict.SUCCEEDED, by="s",
        day="2026-11-21", final=True, outputs=outputs,
    )  # fmt: skip


def finals(stage="txt2img", number=1, seed=100, images=4) -> Manifest:
    """The commit of a job of which only the last stage's images are kept."""
    return commit(
        *(
            output(number, stage, i, None if seed is None else seed + i, final=True)
            for i in range(images)
        )
    )


def stages(records):
    for one in records:
        from_mapping(Job, one)
    (record,) = records
    return record["workload"]["stages"]


def larger(told, manifest, index=2, factor=2):
    return stages(derived(told, manifest, index, Larger(factor)))


# Seeds


def test_the_same_image_and_wish_give_the_same_jobs():
    one, two = (derived(job([TXT2IMG]), finals(), 2, Variations(5)) for _ in range(2))
    assert one == two
    assert derived(job([TXT2IMG]), finals(), 2, Variations(5, turn=1)) != one


def test_a_seed_that_the_job_used_is_passed_over():
    seeds = [one["workload"]["stages"][0]["seed"] for one in derived(job([TXT2IMG]), finals(), 2, Variations(3))]  # fmt: skip
    taken = (*finals().outputs, output(2, "upscale", 0, seeds[1]))
    again = derived(job([TXT2IMG]), commit(*taken), 2, Variations(3))
    assert [one["workload"]["stages"][0]["seed"] for one in again] == [seeds[0], seeds[2], seeds[2] + 1]  # fmt: skip


def test_a_variation_has_one_seed_throughout():
    told = job([TXT2IMG | {"seed": 1}, {"stage": "img2img", "seed": 9}, {"stage": "adetailer"}])
    (first, second, third) = stages(derived(told, finals("adetailer", 3), 0, Variations(1)))
    assert first["seed"] not in (1, 9)
    assert "count" not in first
    assert "seed" not in second
    assert "seed" not in third


def test_each_stage_that_had_a_seed_of_its_own_has_this_images_again():
    told = job([TXT2IMG, {"stage": "img2img", "seed": 9}, {"stage": "adetailer"}])
    manifest = commit(
        *(output(1, "txt2img", i, 500 + i) for i in range(4)),
        *(output(2, "img2img", i, 9 + i) for i in range(4)),
        *(output(3, "adetailer", i, 9 + i, final=True) for i in range(4)),
    )
    first, second, third = larger(told, manifest)
    assert (first["seed"], second["seed"]) == (502, 11)
    assert "seed" not in third


def test_where_only_the_last_images_are_kept_a_said_seed_counts_up_and_the_last_one_is_told():
    told = job([TXT2IMG | {"seed": 500}, {"stage": "img2img", "seed": -1}])
    first, second = larger(told, finals("img2img", 2, seed=70))
    assert (first["seed"], second["seed"]) == (502, 72)


def test_a_drawn_seed_that_is_told_nowhere_is_refused():
    told = job([TXT2IMG, {"stage": "img2img", "seed": 9}])
    with pytest.raises(StateForbids, match="seed that stage 'txt2img' drew") as caught:
        larger(told, finals("img2img", 2, seed=9))
    assert "--upscale" in caught.value.hint


def test_with_variation_strength_the_seed_stays_and_the_subseed_counts():
    options = {"subseed": 30, "subseed_strength": 0.2}
    told = job([TXT2IMG | {"seed": 500, "options": options}])
    kept = commit(*(output(1, "txt2img", i, 500, final=True) for i in range(4)))
    for manifest in (kept, finals(seed=None)):
        (first,) = larger(told, manifest)
        assert first["seed"] == 500
        assert first["options"] == {"subseed": 32, "subseed_strength": 0.2}


def test_a_variation_seed_that_was_drawn_is_refused():
    told = job([TXT2IMG | {"seed": 500, "options": {"subseed_strength": 0.2}}])
    with pytest.raises(StateForbids, match="variation seed"):
        larger(told, finals(seed=500))
    assert derived(told, finals(seed=500), 0, Variations(1))


def test_the_largest_seed_is_no_limit():
    told = job([TXT2IMG | {"seed": 2**64 - 1}])
    (first,) = larger(told, finals(seed=2**64 - 1, images=1), index=0)
    assert first["seed"] == 2**64 - 1
    assert derived(told, finals(seed=2**64 - 1, images=1), 0, Variations(2))


# Sizes


def test_a_size_that_goes_before_the_scale_is_multiplied_too():
    options = {"hr_resize_x": 1024, "hr_resize_y": 0}
    (first,) = larger(job([TXT2IMG | {"hires": {}, "options": options}]), finals(), factor=1.5)
    assert first["options"] == {"hr_resize_x": 1536, "hr_resize_y": 0}
    assert first["hires"] == {"scale": 3.0}
    (first,) = larger(job([TXT2IMG | {"options": options}]), finals())
    assert first["options"] == options


def test_a_later_stage_does_not_bring_the_image_back_to_its_size():
    told = job([TXT2IMG, {"stage": "img2img", "width": 520, "height": 768}, {"stage": "img2img"}])
    _, second, third = larger(told, finals("img2img", 3), factor=1.5)
    assert (second["width"], second["height"]) == (784, 1152)
    assert "width" not in third


@pytest.mark.parametrize(
    ("chain", "factor", "hint"),
    [
        ([TXT2IMG | {"hires": {"scale": 8}}], 2, "it is as large as it can be sampled; enlarge the image as it is (--upscale FACTOR)"),
        ([TXT2IMG | {"width": 4096}], 5, "the largest factor is 4"),
        ([TXT2IMG, {"stage": "upscale", "factor": 8}], 3, "the largest factor is 2.66"),
        ([TXT2IMG, {"stage": "img2img", "width": 8192, "height": 512}], 3, "the largest factor is 2"),
        ([TXT2IMG | {"hires": {"scale": 1.5}, "options": {"hr_resize_x": 8192}}], 4, "the largest factor is 2"),
    ],
)  # fmt: skip
def test_what_no_stage_could_make_is_refused_with_the_largest_that_can_be(chain, factor, hint):
    with pytest.raises(UsageError) as caught:
        larger(job(chain), finals(), factor=factor)
    assert caught.value.hint == hint


def test_enlarging_beyond_what_a_side_may_have_is_refused():
    manifest = commit(output(1, "txt2img", 0, 1, final=True).model_copy(update={"width": 8192}))
    with pytest.raises(UsageError) as caught:
        derived(job([TXT2IMG]), manifest, 0, UpscaleOnly(3))
    assert caught.value.hint == "the largest factor is 2"


def test_without_an_upscaler_in_its_chain_the_stages_own_default_holds():
    assert stages(derived(job([TXT2IMG]), finals(), 1, UpscaleOnly(2))) == [{"stage": "upscale", "factor": 2}]  # fmt: skip


# Other kinds


def test_a_workflow_that_says_where_its_seed_is_can_be_varied():
    told = job(WORKFLOW | {"inputs": WORKFLOW["inputs"] | SEED})
    records = derived(told, finals("comfyui", seed=5, images=2), 1, Variations(2))
    workloads = [one["workload"] for one in records]
    seeds = [one["inputs"]["seed"].pop("value") for one in workloads]
    assert len({5, *seeds}) == 3
    for one in workloads:
        assert one == WORKFLOW | {"inputs": WORKFLOW["inputs"] | SEED}


def test_a_workflow_that_does_not_say_where_its_seed_is_cannot():
    with pytest.raises(StateForbids, match="does not say where its seed is") as caught:
        derived(job(WORKFLOW), finals("comfyui"), 1, Variations(2))
    assert "inputs" in caught.value.hint


@pytest.mark.parametrize("workload", [WORKFLOW, {"kind": "command", "command": "paint"}])
def test_of_other_kinds_only_the_image_can_be_enlarged(workload):
    told, manifest = job(workload), finals("comfyui")
    with pytest.raises(StateForbids, match=f"is of kind '{workload['kind']}'") as caught:
        derived(told, manifest, 1, Larger(2))
    assert "--upscale" in caught.value.hint
    (record,) = derived(told, manifest, 1, UpscaleOnly(2))
    assert record["inputs"] == [{"job": "one", "image_index": 1}]


def test_a_program_cannot_be_varied():
    with pytest.raises(StateForbids, match="is of kind 'command'"):
        derived(job({"kind": "command", "command": "paint"}), finals("paint"), 0, Variations(1))


@pytest.mark.parametrize("wanted", [Variations(1), Larger(2), UpscaleOnly(2)])
def test_of_a_text_nothing_is_made(wanted):
    told = job({"kind": "text", "model": "llava", "prompt": "what is it"})
    manifest = commit(output(1, "text", 0, 3, final=True).model_copy(update={"path": "a1/0000-1-text.txt"}))  # fmt: skip
    with pytest.raises(StateForbids, match="left no image"):
        derived(told, manifest, 0, wanted)


def test_an_image_that_was_only_enlarged_is_not_varied_but_the_one_before_it():
    told = job([{"stage": "upscale"}], inputs=[{"job": "first", "image_index": 3}])
    with pytest.raises(StateForbids, match="without any seed") as caught:
        derived(told, finals("upscale"), 0, Variations(1))
    assert caught.value.hint == "vary the image that it was made of, an image of 'first'"


# Inputs


def test_of_several_inputs_a_variation_takes_its_images_own():
    given = [{"path": f"inputs/aa/{n}.png"} for n in range(3)]
    told = job([{"stage": "img2img", "prompt": "night"}], inputs=given)
    (record,) = derived(told, finals("img2img", images=3), 2, Variations(1))
    assert record["inputs"] == [given[2]]


def test_inputs_that_nobody_can_tell_apart_any_more_are_refused():
    told = job([{"stage": "img2img", "prompt": "night"}], inputs=[{"job": "first"}])
    with pytest.raises(StateForbids, match="does not tell them any more"):
        derived(told, finals("img2img"), 2, Variations(1))


def test_a_chain_that_makes_its_images_keeps_all_of_its_inputs():
    given = [{"path": "inputs/aa/0.png"}, {"path": "inputs/aa/1.png"}]
    told = job([TXT2IMG], inputs=given)
    for wanted in (Variations(1), Larger(2)):
        (record,) = derived(told, finals(), 2, wanted)
        assert record["inputs"] == given


# What is left out, and what stays


def test_limits_of_time_hold_for_the_same_work_only():
    told = job([TXT2IMG], limits={"timeout_s": 60}, not_before="2026-11-20T22:00:00Z", after=["x"])
    (varied,) = derived(told, finals(), 0, Variations(1))
    (grown,) = derived(told, finals(), 0, Larger(2))
    assert varied["limits"] == {"timeout_s": 60}
    assert "limits" not in grown
    for record in (varied, grown):
        assert not {"not_before", "after", "job_id", "learning", "group", "class"} & set(record)


def test_a_record_can_be_written_whatever_its_metadata_holds():
    told = job([TXT2IMG], metadata={"derived_from": {"job": "older"}, "x": [None, {"ü": 1}]})
    (record,) = derived(told, finals(), 1, Larger(2))
    assert record["metadata"] == {
        "x": [None, {"ü": 1}],
        "derived_from": {"job": "one", "image_index": 1, "how": "larger"},
    }
    assert json.dumps(record)


# Wishes


@pytest.mark.parametrize(
    ("how", "number", "wanted"),
    [
        ("variations", 4, Variations(4)),
        ("variations", "4", Variations(4)),
        ("larger", "1.5", Larger(1.5)),
        ("upscale", 8, UpscaleOnly(8.0)),
    ],
)
def test_plain_values_say_what_is_wanted(how, number, wanted):
    assert wanted_of(how, number) == wanted


@pytest.mark.parametrize(
    ("how", "number"),
    [
        ("variations", 0), ("variations", 101), ("variations", 1.5), ("variations", "many"), ("variations", True),
        ("variations", None), ("variations", "1e999"), ("variations", [4]), ("larger", 1), ("larger", -2), ("larger", "nan"),
        ("larger", 8.01), ("upscale", 0), ("upscale", "inf"), ("smaller", 2), ("variations", 10**400),
    ],
)  # fmt: skip
def test_a_number_that_makes_no_sense_is_refused(how, number):
    with pytest.raises(UsageError) as caught:
        wanted_of(how, number)
    assert caught.value.hint


@pytest.mark.parametrize("factor", [float("nan"), 0.5, float("inf")])
def test_a_wish_cannot_be_made_of_such_a_number_either(factor):
    for kind in (Larger, UpscaleOnly):
        with pytest.raises(UsageError):
            kind(factor)
