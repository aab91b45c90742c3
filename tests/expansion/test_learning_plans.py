"""Learning plans: each step a job, and what the corpus is told of it."""

import json

import pytest
from plans import made, on_base, stages, varies

from spoolctl.controller.learning import corpus_records
from spoolctl.expansion.expand import VALUE_CHARS_MAX
from spoolctl.expansion.learning import path_of
from spoolctl.spool import BadRecord

SWEEP = {
    "mode": "single_variable_sweep", "stage": "txt2img", "target_variable": "CFG Scale", "sweep_values": [5.0, 6.0, 7.0],
    "images_per_step": 2, "metadata": {"experiment_name": "cfg", "experiment_description": "which scale"},
}  # fmt: skip


def test_a_sweep_in_stablenews_own_file_is_a_job_a_step() -> None:
    expansion = on_base("learning: sweep.json", {"sweep.json": json.dumps(SWEEP)})
    found = list(expansion.jobs())

    assert sorted(stages(x)[0].cfg_scale for x in found) == [5, 6, 7]
    assert {stages(x)[0].count for x in found} == {2}
    for one in found:
        told = one.job.learning
        assert (
            told["variant_value"]
            == stages(one)[0].cfg_scale
            == SWEEP["sweep_values"][told["step_index"]]
        )
        assert told["variable_under_test"] == "CFG Scale"
        assert (told["experiment_name"], told["stage"], told["step_total"]) == ("cfg", "txt2img", 3)
    assert (
        expansion.facts["learning"]["experiment_id"] == f"cfg-{expansion.facts['plan_sha256'][:8]}"
    )


def test_a_group_keeps_the_learning_plan_as_it_was_submitted() -> None:
    facts = on_base(f"learning: {json.dumps(SWEEP)}").facts
    assert facts["learning_plan"] == SWEEP
    several = {
        "mode": "multi_variable_experiment",
        "variables": {"cfg_scale": [5, 7], "prompt": ["a" * 600]},
    }
    told = on_base(f"learning: {json.dumps(several)}").facts["learning_plan"]
    assert told["variables"]["cfg_scale"] == [5, 7]
    assert len(told["variables"]["prompt"][0]) == VALUE_CHARS_MAX, "a group's facts stay small"


def test_the_corpus_tells_the_experiment_of_each_step(a_commit) -> None:
    one = next(on_base(f"learning: {json.dumps(SWEEP)}").jobs())

    (record,) = corpus_records(
        spool_id="s", location_of_results="results/g/x", job=one.job, manifest=a_commit
    )

    assert record["randomizer_mode"] == "learning_experiment"
    assert record["metadata"]["variant_value"] == one.job.learning["variant_value"]
    assert record["metadata"]["learning_context"]["experiment_id"].startswith("cfg-")
    assert record["primary_cfg_scale"] == one.job.learning["variant_value"]


def test_several_variables_are_tried_each_with_each() -> None:
    expansion = on_base("""\
        learning:
          mode: multi_variable_experiment
          variables: {cfg_scale: [5, 7], upscale.factor: [2, 3]}
          metadata: {experiment_id: e-1}
        order: plain
        """)
    told = [one.job.learning for one in expansion.jobs()]

    assert [one["step_index"] for one in told] == [0, 1, 2, 3]
    assert told[1]["variant_value"] == "cfg_scale=5, upscale.factor=3"
    assert told[0]["variable_under_test"] == "cfg_scale, upscale.factor"
    assert {one["experiment_id"] for one in told} == {"e-1"}
    assert varies(expansion, "txt2img.cfg_scale", "upscale.factor")[1] == (5, 3)


def test_steps_are_tried_on_every_prompt_and_every_seed_first_each_step_once() -> None:
    plan = f"learning: {json.dumps(SWEEP)}\npacks: [p.txt]\nseeds: {{from: 1, count: 2}}"
    expansion = on_base(plan, {"p.txt": "a\n\nb\n"})

    assert expansion.total == 12
    assert sorted(one.job.learning["step_index"] for one in list(expansion.jobs())[:3]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("stage", "variable", "path"),
    [
        ("txt2img", "CFG Scale", "txt2img.cfg_scale"), ("txt2img", "sampler", "txt2img.sampler"),
        ("txt2img", "sampler_name", "txt2img.sampler"), ("img2img", "Denoise Strength", "img2img.denoising_strength"),
        ("txt2img", "denoise_strength", "txt2img.hires.denoising_strength"), ("txt2img", "Upscale Factor", "upscale.factor"),
        ("upscale", "upscaling_resize", "upscale.factor"), ("adetailer", "adetailer_confidence", "adetailer.confidence"),
        ("txt2img", "options.eta", "options.eta"),
    ],
)  # fmt: skip
def test_stablenews_words_for_variables_are_understood(stage, variable, path) -> None:
    assert path_of(stage, variable) == path


@pytest.mark.parametrize(
    ("learning", "said"),
    [
        ({**SWEEP, "mode": "prompt_optimizer_preset_comparison"}, "'learning.mode'"),
        ({**SWEEP, "target_variable": "LoRA Strength"}, "no field of a stage"),
        ({**SWEEP, "stage": "img2img"}, "'img2img.cfg_scale' leads nowhere"),
        ({**SWEEP, "sweep_values": []}, "tries nothing"),
        ({**SWEEP, "variables": {"steps": [1]}}, "for another mode"),
        ({**SWEEP, "sweep_values": ["high"]}, "not 'high'"),
        ({**SWEEP, "images_per_step": 0}, "images_per_step"),
    ],
)
def test_a_learning_plan_that_cannot_be_run_is_refused(learning, said) -> None:
    with pytest.raises(BadRecord, match=said):
        on_base(f"learning: {json.dumps(learning)}")


def test_one_variable_in_two_spellings_is_refused() -> None:
    with pytest.raises(BadRecord, match="the same field"):
        on_base(
            "learning: {mode: multi_variable_experiment, variables: {CFG Scale: [1], cfg_scale: [2]}}"
        )


def test_a_learning_plan_goes_without_a_matrix() -> None:
    with pytest.raises(BadRecord, match="either 'matrix' or 'learning'"):
        on_base(f"learning: {json.dumps(SWEEP)}\nmatrix: {{steps: [1]}}")


def test_the_plan_names_an_experiment_that_has_no_name() -> None:
    learning = {key: value for key, value in SWEEP.items() if key != "metadata"}
    expansion = made(
        "schema: spool.plan/1\nname: Cats\nbase: {workload: {kind: image, stages: [{stage: txt2img, prompt: a}]}}\n"
        f"learning: {json.dumps(learning)}"
    )

    assert expansion.facts["learning"]["experiment_name"] == "Cats"
