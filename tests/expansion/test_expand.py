"""A plan makes the jobs that it says, the same ones every time, and nothing is found out late."""

import hashlib
import itertools
import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plans import BASE, made, on_base, prompts, stages, varies

from spoolctl.controller.learning import corpus_records
from spoolctl.expansion import JOBS_MAX
from spoolctl.spool import BadRecord, NewerRecord, Plan, is_whole, parse_job

LOADED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""No time decides: the machine may be busy."""
EVERYTHING = """\
schema: spool.plan/1
name: Füchse
seed: 7
base:
  requires: {vram_gb: 6.5}
  workload:
    kind: image
    stages:
      - {stage: txt2img, negative_prompt: blurry, steps: 20}
      - {stage: upscale, factor: 2}
packs: [{file: foxes.txt, rows: [0, 1]}]
slots: {mode: random, limit: 3, values: {place: [snow, a wood, a field, Küste], light: [dawn, noon, dusk]}}
wildcards: words
matrix:
  cfg_scale: [5, 6.5, 7]
  upscale.factor: [2, 1.5]
seeds: {count: 2}
"""
FILES = {
    "foxes.txt": "__animal__ in the [[place]], [[light]]\nneg: __bad__\n\nan old __animal__ at [[light]]\n",
    "words/animal.txt": "# one a line\nred fox\n\n__size__ fennec\n",
    "words/size.txt": "small\r\nlarge\r\n",
    "words/bad.txt": "text, watermark\n",
}
GOLDEN = "a69365a87a08c6a731d45a5183ced7c007e72a062fcb544a2a48ef4681a1819a"


def digest(expansion):
    told = hashlib.sha256()
    for one in expansion.jobs():
        told.update(one.data)
    return told.hexdigest()


def test_an_expansion_is_the_same_bytes_on_every_machine_and_in_every_version() -> None:
    """Were this to change, a plan that somebody kept would make other images. Only ``spool.plan/2`` may."""
    assert digest(made(EVERYTHING, FILES)) == GOLDEN


def test_the_same_plan_gives_the_same_jobs_again() -> None:
    one, other = made(EVERYTHING, FILES), made(EVERYTHING, FILES)

    assert [x.data for x in one.jobs()] == [x.data for x in other.jobs()]
    assert [x.data for x in one.jobs()] == [x.data for x in one.jobs()]


def test_as_many_jobs_are_made_as_were_counted_and_no_two_ask_for_the_same() -> None:
    found = list(made(EVERYTHING, FILES).jobs())

    assert len(found) == made(EVERYTHING, FILES).total == 2 * 3 * 3 * 2 * 2
    assert len({json.dumps(json.loads(x.data)["workload"]) for x in found}) == len(found)


def test_every_job_is_a_whole_record_of_its_group_and_says_where_it_stands() -> None:
    expansion = made(EVERYTHING, FILES)

    for number, one in enumerate(expansion.jobs()):
        job = parse_job(one.data)
        assert is_whole(one.data)
        assert job.group == "Füchse"
        assert job.requires.vram_gb == 6.5
        assert job.randomizer["variant_index"] == number
        assert job.randomizer["variant_total"] == expansion.total
        assert job.randomizer["master_seed"] == 7
        assert job.randomizer["plan_sha256"] == expansion.facts["plan_sha256"]


def test_nothing_is_left_for_a_worker_to_vary() -> None:
    for one in made(EVERYTHING, FILES).jobs():
        first = stages(one)[0]
        assert "__" not in first.prompt + first.negative_prompt
        assert "[[" not in first.prompt
        assert first.seed not in (None, -1)


def test_jobs_that_differ_in_a_field_alone_have_the_same_words() -> None:
    by_rest = {}
    for one in made(EVERYTHING, FILES).jobs():
        place = (
            one.varies["row"],
            one.varies["seed"],
            one.varies["[[light]]"],
            one.varies.get("[[place]]"),
        )
        by_rest.setdefault(place, set()).add(stages(one)[0].prompt)

    assert {len(found) for found in by_rest.values()} == {1}


def test_a_row_that_is_added_at_the_end_changes_no_other_rows_picks() -> None:
    more = FILES | {"foxes.txt": FILES["foxes.txt"] + "\nyet another __animal__ by [[place]]\n"}
    plan = EVERYTHING.replace("rows: [0, 1]", "rows: [0, 1, 2]")

    before = Counter(prompts(made(EVERYTHING, FILES)))
    after = Counter(prompts(made(plan, more)))

    assert before == Counter({k: n for k, n in after.items() if "yet another" not in k})


def test_other_chance_needs_another_master_seed() -> None:
    assert prompts(made(EVERYTHING, FILES)) != prompts(
        made(EVERYTHING.replace("seed: 7", "seed: 8"), FILES)
    )


def test_without_a_master_seed_it_is_derived_from_the_plan_and_told() -> None:
    plan = EVERYTHING.replace("seed: 7\n", "")

    one, other = made(plan, FILES), made(plan, FILES)

    assert one.master == other.master
    assert str(one.master) in " ".join(one.notes)
    assert digest(one) == digest(other)
    assert made(plan.replace("steps: 20", "steps: 21"), FILES).master != one.master


def test_a_plan_without_chance_needs_no_word_about_it() -> None:
    assert on_base("matrix: {steps: [10, 20]}").notes == ()


def test_the_facts_say_what_a_group_should_keep() -> None:
    facts = made(EVERYTHING, FILES).facts

    assert facts["varies"]["cfg_scale"] == [5, 6.5, 7]
    assert len(facts["varies"]["seed"]) == 2
    assert facts["packs"] == [{"pack": "foxes", "rows": "0-1"}]
    assert sorted(facts["files"]) == sorted(FILES)
    assert (facts["total"], facts["possible"], facts["order"]) == (72, 72, "spread")
    json.dumps(facts)


def test_the_facts_stay_small_whatever_varies() -> None:
    prompts = ", ".join(f"{'x' * 2_000}{n}" for n in range(300))
    rows = {"p.txt": "\n\n".join(str(n) for n in range(3000))}
    one = on_base(f"matrix: {{prompt: [{prompts}]}}").facts
    other = on_base("packs: [{file: p.txt, rows: [7, 0-5, 9]}, p.txt]", rows).facts

    assert len(json.dumps(one)) < 110_000
    assert [pack["rows"] for pack in other["packs"]] == ["7, 0-5, 9", "0-2999"]


def test_the_digest_tells_another_pack_from_the_same() -> None:
    changed = FILES | {"words/size.txt": "tiny\n"}

    assert (
        made(EVERYTHING, FILES).facts["plan_sha256"]
        != made(EVERYTHING, changed).facts["plan_sha256"]
    )


# Fields


def test_a_short_word_is_the_first_sampling_stages_and_a_stages_name_its_own() -> None:
    found = list(
        on_base(
            "matrix: {cfg_scale: [3], upscale.factor: [4], stages.1.upscaler: [x], priority: [9]}"
        ).jobs()
    )

    assert stages(found[0])[0].cfg_scale == 3
    assert (stages(found[0])[1].factor, stages(found[0])[1].upscaler) == (4, "x")
    assert found[0].job.priority == 9


def test_a_field_that_the_base_does_not_say_can_vary_and_so_can_one_inside_it() -> None:
    found = list(
        on_base("matrix: {hires.scale: [1.5], requires.tags: [[fast]], options.eta: [0.5]}").jobs()
    )

    assert stages(found[0])[0].hires.scale == 1.5
    assert found[0].job.requires.tags == ("fast",)
    assert stages(found[0])[0].options == {"eta": 0.5}


def test_several_fields_change_together_under_a_name_of_ones_own() -> None:
    expansion = on_base("matrix: {shape: [{width: 512, height: 768}, {width: 768, height: 512}]}")

    assert [(stages(x)[0].width, stages(x)[0].height) for x in expansion.jobs()] == [
        (512, 768),
        (768, 512),
    ]


@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        ("matrix: {cfg_scal: [1]}", "'matrix.cfg_scal': 'cfg_scal' leads nowhere", "'cfg_scale'"),
        ("matrix: {img2img.steps: [1]}", "'img2img.steps' leads nowhere", "txt2img, upscale"),
        ("matrix: {upscale.facto: [1]}", "'matrix.upscale.facto': unknown key", "'factor'"),
        ("matrix: {stages.7.factor: [1]}", "there is no item '7'", "0 to 1"),
        ("matrix: {cfg_scale: [5, high]}", "not 'high'", ""),
        ("matrix: {shape: [{widht: 512}]}", "'matrix.shape': 'widht' leads nowhere", "'width'"),
        ("matrix: {shape: [{}]}", "an empty mapping", ""),
        ("matrix: {a: []}", "'matrix.a'", ""),
        ("matrix: {steps: [1], txt2img.steps: [2]}", "sets what 'matrix.steps' sets already", ""),
        ("matrix: {seed: [1]}\nseeds: [2]", "sets what 'seeds' sets already", ""),
        ("seeds: {from: 1}", "'seeds.count'", ""),
        ("seeds: {from: 18446744073709551615, count: 2}", "'seeds'", ""),
        ("seeds: {count: 100000000}", "makes 100000000 jobs", "sample"),
        ("sample: 100001\nseeds: {count: 100002}", "'sample' of 100002", ""),
        ("packs: [none.txt]", "no file 'none.txt'", "plan's own folder"),
        ("learning: none.json", "no file 'none.json'", ""),
        ("matrix: {prompt: [a __b__]}", "the wildcard '__b__'", "wildcards: FOLDER"),
        ("matrix: {prompt: [a __b__]}\nwildcards: w", "no file 'w/b.txt'", "one value a line"),
        ("sead: 1", "unknown key 'sead'", "'seed'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_part_of_the_plan_before_any_job(line, said, hint) -> None:
    with pytest.raises(BadRecord) as caught:
        on_base(line)

    assert said in str(caught.value)
    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_fault_that_two_values_make_together_is_told_with_its_job() -> None:
    expansion = on_base("matrix: {requires.tokens: [[nas]]}\nseeds: [1]")
    long = on_base(
        f"slots: {{values: {{x: [{'y' * 15000}]}}}}\nmatrix: {{prompt: ['[[x]] [[x]]']}}"
    )

    assert len(list(expansion.jobs())) == 1
    with pytest.raises(BadRecord, match="'job 1 of 1'"):
        list(long.jobs())


def test_the_group_is_the_plans_else_the_bases_else_the_files() -> None:
    grouped = BASE.replace("base: {", "base: {group: theirs, ")

    assert made(grouped, name="file").name == "theirs"
    assert made(grouped + "name: mine", name="file").name == "mine"
    assert next(made(BASE, name="file").jobs()).job.group == "file"
    with pytest.raises(BadRecord, match="'group' leads nowhere"):
        on_base("matrix: {group: [a, b]}")


def test_a_stage_that_is_there_twice_must_be_named_by_its_number() -> None:
    plan = BASE.replace("{stage: upscale}", "{stage: upscale}, {stage: upscale}")

    with pytest.raises(BadRecord) as caught:
        made(plan + "matrix: {upscale.factor: [2]}")

    assert caught.value.hint == "say which: 'stages.1.factor', 'stages.2.factor'"


def test_a_plan_of_a_newer_version_is_told_as_such() -> None:
    with pytest.raises(NewerRecord):
        made(BASE.replace("plan/1", "plan/2"))


# Seeds


def test_seeds_count_up_by_the_images_of_a_job_so_that_none_is_made_twice() -> None:
    plan = BASE.replace("seed: 5", "count: 4")

    assert varies(made(plan + "seeds: {from: 100, count: 3}"), "seed") == [(100,), (104,), (108,)]
    assert varies(made(plan + "seeds: {from: 100, count: 2, step: 1}"), "seed") == [(100,), (101,)]
    assert varies(made(plan + "seeds: [9, 3]"), "seed") == [(9,), (3,)]


def test_drawn_seeds_are_the_first_ones_of_more() -> None:
    few, more = (varies(on_base(f"seed: 1\nseeds: {{count: {n}}}"), "seed") for n in (3, 5))

    assert len(set(more)) == 5
    assert more[:3] == few


def test_a_base_that_is_looped_counts_up_from_its_own_seed() -> None:
    pack = {"p.txt": "one\n"}

    fixed = on_base("packs: [{file: p.txt, loops: 3}]", pack)
    free = made(BASE.replace("seed: 5", "steps: 9") + "packs: [{file: p.txt, loops: 3}]", pack)

    assert [stages(x)[0].seed for x in fixed.jobs()] == [5, 6, 7]
    assert [stages(x)[0].seed for x in free.jobs()] == [None] * 3


# Order and samples


def test_every_variant_comes_once_before_any_seed_comes_again() -> None:
    expansion = on_base("matrix: {cfg_scale: [5, 6, 7], steps: [10, 20]}\nseeds: [1, 2]")
    found = varies(expansion, "cfg_scale", "steps", "seed")

    assert {seed for *_, seed in found[:6]} == {1}
    assert {one[:2] for one in found[:6]} == set(itertools.product((5, 6, 7), (10, 20)))
    assert {cfg for cfg, *_ in found[:3]} == {5, 6, 7}
    assert {steps for _, steps, _ in found[:2]} == {10, 20}


def test_the_plain_order_is_as_written() -> None:
    expansion = on_base("matrix: {cfg_scale: [5, 6], steps: [10, 20]}\nseeds: [1, 2]\norder: plain")

    assert varies(expansion, "cfg_scale", "steps", "seed") == list(
        itertools.product((5, 6), (10, 20), (1, 2))
    )


def test_both_orders_make_the_same_jobs_but_for_their_numbers() -> None:
    plan = "matrix: {cfg_scale: [5, 6, 7], steps: [10, 20]}\nseeds: {count: 3}\n"

    one, other = (
        Counter(json.dumps(json.loads(x.data)["workload"]) for x in on_base(plan + order).jobs())
        for order in ("", "order: plain")
    )

    assert one == other


def test_a_sample_holds_as_many_different_jobs_as_asked_and_is_the_same_again() -> None:
    plan = "seed: 3\nmatrix: {cfg_scale: [5, 6, 7, 8], steps: [10, 20, 30]}\nseeds: {count: 50}\nsample: 100"
    expansion = on_base(plan)
    found = varies(expansion, "cfg_scale", "steps", "seed")

    assert (expansion.total, expansion.possible) == (100, 600)
    assert len(set(found)) == 100
    assert found == varies(on_base(plan), "cfg_scale", "steps", "seed")
    assert {x.job.randomizer["mode"] for x in expansion.jobs()} == {"sample"}


def test_a_sample_can_be_drawn_from_more_than_anybody_could_count_through() -> None:
    axes = ", ".join(f"options.o{n}: [{', '.join(map(str, range(100)))}]" for n in range(12))

    expansion = on_base(f"matrix: {{{axes}}}\nsample: 20")

    assert expansion.possible == 100**12
    assert len({x.data for x in expansion.jobs()}) == 20


def test_a_sample_of_more_than_there_are_is_all_of_them() -> None:
    expansion = on_base("matrix: {steps: [1, 2]}\nsample: 10")

    assert expansion.total == 2
    assert "only 2" in expansion.notes[0]


def test_the_most_that_a_plan_may_make_is_counted_without_making_it() -> None:
    assert on_base(f"seeds: {{from: 0, count: {JOBS_MAX}}}").total == JOBS_MAX


# Bases


def test_a_base_can_be_a_job_file_and_of_any_kind_of_workload() -> None:
    files = {
        "job.yaml": "schema: spool.job/1\njob_id: mine\nworkload: {kind: text, model: llama, prompt: a}\n"
    }

    found = list(
        made(
            "schema: spool.plan/1\nbase: job.yaml\nmatrix: {model: [x, y]}\nseeds: [4]", files
        ).jobs()
    )

    assert [x.job.workload.model for x in found] == ["x", "y"]
    assert {x.job.workload.seed for x in found} == {4}
    assert {x.job.job_id for x in found} == {None}, "one id for many jobs would name none of them"


def test_the_arguments_of_a_command_and_the_inputs_of_a_workflow_are_short_words() -> None:
    command = made(
        "schema: spool.plan/1\nbase: {workload: {kind: command, command: render, arguments: {frame: 1}}}\nmatrix: {frame: [1, 2]}"
    )
    comfyui = made("""\
        schema: spool.plan/1
        base:
          workload:
            kind: comfyui
            workflow: {"1": {class_type: KSampler, inputs: {cfg: 3}}, "2": {class_type: SaveImage, inputs: {}}}
            inputs: {cfg_scale: {node: "1", field: cfg}}
            outputs: {"2": {}}
        matrix: {cfg_scale: [4.5]}
        """)

    assert [x.job.workload.arguments for x in command.jobs()] == [{"frame": 1}, {"frame": 2}]
    assert [x.job.workload.inputs["cfg_scale"].value for x in comfyui.jobs()] == [4.5]


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("schema: spool.plan/1\n", "neither a base nor packs"),
        ("schema: spool.plan/1\nbase: {stages: []}\n", "'base' is neither a job"),
        (
            "schema: spool.plan/1\nbase: {workload: {kind: image, stages: [{stage: txt2img}]}}\n",
            "no prompt",
        ),
        ("schema: spool.plan/1\nbase: {txt2img: {steps: 5}}\n", "no prompt"),
        ("schema: spool.plan/1\nbase: b.yaml\n", "no file 'b.yaml'"),
        ("mode: single_variable_sweep\ntarget_variable: steps\n", "not on what"),
    ],
)
def test_a_plan_that_nothing_could_be_made_of_is_refused(plan, said) -> None:
    with pytest.raises(BadRecord, match=said):
        made(plan)


def test_a_fault_in_a_file_is_told_with_the_file_and_its_line() -> None:
    with pytest.raises(BadRecord, match=r"'b.yaml', line 2"):
        made("schema: spool.plan/1\nbase: b.yaml", {"b.yaml": "a: 1\na: 2\n"})


def test_the_corpus_tells_mode_size_and_pack_of_a_plans_job(a_commit) -> None:
    first = next(made(EVERYTHING, FILES).jobs())

    (record,) = corpus_records(
        spool_id="s", location_of_results="results/g/x", job=first.job, manifest=a_commit
    )

    assert record["randomizer_mode"] == "random"
    assert record["randomizer_plan_size"] == 72
    assert record["metadata"]["pack_name"] == "foxes"


def test_files_of_another_order_or_name_are_other_files() -> None:
    """Else two expansions would give two contents to one file name."""
    digests = {
        made(EVERYTHING + more, FILES, name=name).facts["plan_sha256"]
        for more in ("", "order: plain\n")
        for name in ("a", "b")
    }
    unnamed = EVERYTHING.replace("name: Füchse\n", "")

    assert len(digests) == 2, "the plan has a name of its own"
    assert (
        made(unnamed, FILES, name="a").facts["plan_sha256"]
        != made(unnamed, FILES, name="b").facts["plan_sha256"]
    )


def test_more_draws_for_a_row_than_anybody_waits_for_are_refused() -> None:
    values = ", ".join(f"v{n}" for n in range(200))
    slots = f"slots: {{mode: random, limit: 20000, values: {{a: [{values}], b: [{values}]}}}}"

    with pytest.raises(BadRecord, match="may draw 10000"):
        on_base(slots + "\nmatrix: {prompt: ['[[a]] [[b]]']}\nsample: 2")


SCALARS = st.sampled_from(["txt2img", "seed", "p.txt", "", "a.b", "words", "[[a]]"])
KEYS = st.sampled_from(
    ["workload", "kind", "stages", "stage", "prompt", "values", "mode", "limit", "file", "rows", "from", "count",
     "target_variable", "sweep_values", "steps", "txt2img", "upscale.factor"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**19) | st.floats() | SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@LOADED
@given(
    st.dictionaries(
        st.sampled_from(sorted(Plan.model_fields.keys() - {"schema_"})), ANYTHING, max_size=4
    )
)
def test_anything_that_calls_itself_a_plan_is_expanded_or_refused_with_a_reason(fields) -> None:
    plan = {
        "schema": "spool.plan/1",
        "base": {"txt2img": {"prompt": "x"}},
        "matrix": {"prompt": ["a"]},
    }
    refused = None
    try:
        expansion = made(json.dumps(plan | fields), {"p.txt": "a [[a]]\n\nb\n"})
        list(itertools.islice(expansion.jobs(), 3))
    except BadRecord as error:
        refused = error

    assert refused is None or "\n" not in str(refused)
