"""Prompt packs: what StableNew's builder makes of them is what they become here; any other text is refused with a reason."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plans import made, prompts, stages
from sample_data import stablenew

from spoolctl.expansion import expand, parse_plan
from spoolctl.expansion.packs import Row, read_json, rows_of_table, rows_of_text
from spoolctl.spool import BadRecord, parse_job, stages_of

LOADED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""No time decides: the machine may be busy."""
PIECES = st.sampled_from(
    ["neg:", "neg: bad, worse", "<embedding:x>", "(<embedding:x>:1.2)", "<x>", "<lora:a:0.5>", "<lora:a:b>", "#", "[[a]]", "\n", "\n\n",
     "\t", "\r\n", " ", "a cat", "<", ">", "((", "\x00", "\u2028", "ß", "<embedding:", "<lora:"]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["pack_data", "preset_data", "slots", "matrix", "values", "name", "text", "loras", "negative", "enabled", "mode",
                         "positive_embeddings", "limit", "txt2img"]), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip
BASE = "base: {workload: {kind: image, stages: [{stage: txt2img, negative_prompt: grey}]}}\n"


def of(pack, files, more=""):
    return made(f"schema: spool.plan/1\n{BASE}packs: [{pack}]\n{more}", files)


# Text


def test_a_block_is_a_row_of_embeddings_text_and_loras_and_of_negatives() -> None:
    text = """
# a comment
<lora:late:0.5>
(<embedding:soft>:0.80) <embedding:fine>
best quality
  a [[thing]] here
<old>
neg: <embedding:bad>, blurry ,, dark
neg: (<embedding:worse>:1.5)
<lora:Late:0.9> <lora:two:x>
"""

    assert rows_of_text(text) == (
        Row(
            "(<embedding:soft>:0.8) <embedding:fine> <embedding:old> best quality a [[thing]] here "
            "<lora:late:0.5> <lora:two:1.0>",
            "<embedding:bad>, (<embedding:worse>:1.5), blurry, dark",
        ),
    )


def test_blocks_end_at_blank_lines_whatever_ends_a_line() -> None:
    assert [row.positive for row in rows_of_text("a\r\nb\r\n \r\nc\r\r\rd")] == ["a b", "c", "d"]


def test_a_block_of_negatives_alone_is_no_row() -> None:
    assert rows_of_text("neg: bad\n\n# nothing\n\na") == (Row("a", ""),)


def test_a_table_has_the_negative_behind_a_tab() -> None:
    assert rows_of_table("# x\na cat\tblurry\n\nb\n") == (Row("a cat", "blurry"), Row("b", ""))


@LOADED
@given(TEXTS)
def test_any_text_becomes_rows_whose_prompts_are_not_empty(text) -> None:
    for row in rows_of_text(text):
        assert row.positive
        assert len(row.positive) <= 20 * len(text) + 20


def test_reading_takes_time_that_grows_with_the_text() -> None:
    """Each of these made a pattern look at the whole line again from every place in it."""
    for piece in (
        "<embedding:",
        "(<embedding:",
        "<lora:",
        "<lora:a:",
        "( ",
        "(<embedding:a>:1",
        "<a",
    ):
        rows_of_text(piece * 200_000)


# JSON


def test_the_rows_of_json_become_the_prompts_that_the_same_rows_of_text_become() -> None:
    for name in (
        "SDXL_mythical_beasts_Fantasy",
        "SDXL_angelic_warriors_Fantasy",
        "test_lora_embed_pack",
    ):
        text = rows_of_text(stablenew(f"packs/{name}.txt").read_text(encoding="utf-8"))
        told = read_json(json.loads(stablenew(f"packs/{name}.json").read_text(encoding="utf-8")))
        assert told.rows == text


def test_json_of_before_has_its_slots_at_the_top() -> None:
    found = read_json(
        {"name": "old", "slots": [{"text": "a", "loras": [["x", 0.5]], "negative": "b\nc, d"}]}
    )

    assert found.rows == (Row("a <lora:x:0.5>", "b, c, d"),)


def test_a_row_that_lacks_its_template_is_refused() -> None:
    with pytest.raises(BadRecord, match="template 'wide'"):
        read_json({"slots": [{"text": "a", "template_id": "wide"}]})


@LOADED
@given(st.dictionaries(st.sampled_from(["pack_data", "preset_data", "slots", "matrix"]), JSON))
def test_any_json_is_read_or_refused_with_a_reason(mapping) -> None:
    refused = None
    try:
        read_json(mapping)
    except BadRecord as error:
        refused = error

    assert refused is None or (refused.field and "\n" not in str(refused))


# Slots


FOUR = "slots: {values: {a: [x, y], b: ['1', '2']}%s}"
ROWS = {"p.txt": "one [[a]] [[b]]\n\ntwo [[b]]\n\nthree [[c]]\n"}


def test_each_row_has_every_combination_of_the_slots_that_stand_in_it() -> None:
    found = sorted(prompts(of("p.txt", ROWS, FOUR % "")))

    assert found == ["one x 1", "one x 2", "one y 1", "one y 2", "three [[c]]", "two 1", "two 2"]


def test_a_limit_takes_the_first_combinations_or_draws_so_many_for_each_row() -> None:
    first = prompts(of("p.txt", ROWS, FOUR % ", limit: 3"))
    drawn = prompts(of("p.txt", ROWS, "seed: 5\n" + FOUR % ", limit: 3, mode: random"))

    assert sorted(p for p in first if "one" in p) == ["one x 1", "one x 2", "one y 1"]
    assert len({p for p in drawn if "one" in p}) == 3


def test_in_turn_means_one_for_each_row_or_one_for_each_job() -> None:
    rows = {"p.txt": "\n\n".join(f"{n} [[a]]" for n in range(4))}
    slots = "slots: {values: {a: [x, y, z]}, mode: %s}\norder: plain\n"

    by_row = prompts(of("{file: p.txt, loops: 2}", rows, slots % "sequential"))
    by_job = prompts(of("{file: p.txt, loops: 2}", rows, slots % "rotate"))

    assert by_row == ["0 x", "0 x", "1 y", "1 y", "2 z", "2 z", "3 x", "3 x"]
    assert by_job == ["0 x", "0 y", "1 z", "1 x", "2 y", "2 z", "3 x", "3 y"]


@pytest.mark.parametrize(
    ("mode", "prompt"),
    [("replace", "own x"), ("append", "one x, own x"), ("prepend", "own x, one x")],
)
def test_a_prompt_of_the_plans_own_is_put_to_each_row(mode, prompt) -> None:
    more = f"slots: {{values: {{a: [x]}}, prompt: 'own [[a]]', prompt_mode: {mode}}}"

    assert prompts(of("p.txt", {"p.txt": "one [[a]]"}, more)) == [prompt]


def test_a_slots_name_may_be_spelt_as_stablenew_allows() -> None:
    more = "slots: {values: {hair_color: [red]}}"

    assert prompts(of("p.txt", {"p.txt": "[[Hair Color]], [[hair-color]]"}, more)) == ["red, red"]


def test_slots_that_are_off_stay_as_they_stand_and_so_do_those_without_values_which_is_told() -> (
    None
):
    pack = {"pack_data": {"matrix": {"enabled": True, "slots": [{"name": "a", "values": ["x"]}]}}}
    files = {"p.txt": "[[a]] [[b]]", "p.json": json.dumps(pack)}

    assert prompts(of("p.txt", files)) == ["x [[b]]"]
    assert prompts(of("p.txt", files, "slots: off")) == ["[[a]] [[b]]"]
    assert of("p.txt", files).notes == ("prompts of 'p' keep [[b]] as they stand: no values",)


# What goes with what


def test_a_rows_negative_comes_behind_that_of_the_settings() -> None:
    (one,) = of("p.txt", {"p.txt": "a\nneg: blue"}).jobs()

    assert stages(one)[0].negative_prompt == "grey, blue"


def test_a_rows_negative_comes_behind_that_of_the_matrix_too() -> None:
    found = of(
        "p.txt",
        {"p.txt": "a\nneg: blue"},
        "matrix: {negative_prompt: [red, __x__]}\nwildcards: off",
    )

    assert [stages(one)[0].negative_prompt for one in found.jobs()] == ["red, blue", "__x__, blue"]
    with pytest.raises(BadRecord, match="wildcard '__x__'"):
        of("p.txt", {"p.txt": "a"}, "matrix: {negative_prompt: [__x__]}")


def test_a_prompt_of_the_plans_own_is_put_to_those_of_a_matrix() -> None:
    plan = "slots: {values: {a: [x, y]}, prompt: 'in [[a]]', prompt_mode: append}\nmatrix: {prompt: [one, two]}\n"

    found = made(f"schema: spool.plan/1\n{BASE}{plan}")

    assert sorted(prompts(found)) == ["one, in x", "one, in y", "two, in x", "two, in y"]
    assert found.notes == ()


def test_a_prompt_of_the_matrix_that_lacks_the_slot_is_made_again_and_this_is_told() -> None:
    plan = "slots: {values: {a: [x, y]}}\nmatrix: {prompt: ['one [[a]]', two]}\n"

    found = made(f"schema: spool.plan/1\n{BASE}{plan}")

    assert sorted(prompts(found)) == ["one x", "one y", "two", "two"]
    assert "made again" in found.notes[0]


def test_negatives_need_a_place_in_the_base() -> None:
    plan = (
        "schema: spool.plan/1\nbase: {workload: {kind: text, model: m, prompt: x}}\npacks: [p.txt]"
    )

    with pytest.raises(BadRecord, match="no place for one"):
        made(plan, {"p.txt": "a\nneg: b"})
    assert [x.job.workload.prompt for x in made(plan, {"p.txt": "a"}).jobs()] == ["a"]


def test_rows_are_chosen_by_number_and_range() -> None:
    rows = {"p.txt": "\n\n".join("abcdef")}

    assert prompts(of("{file: p.txt, rows: [5, 1-3]}", rows, "order: plain")) == [
        "f",
        "b",
        "c",
        "d",
    ]
    with pytest.raises(BadRecord, match="no row 6") as caught:
        of("{file: p.txt, rows: [4-6]}", rows)
    assert "6 rows" in caught.value.hint


def test_a_pack_is_found_by_its_stem_and_its_text_goes_before_its_json() -> None:
    files = {"d/p.json": json.dumps({"slots": [{"text": "from json"}]})}

    assert prompts(of("d/p", files)) == ["from json"]
    assert prompts(of("d/p.json", files | {"d/p.txt": "from text"})) == ["from text"]
    assert prompts(of("d/p", files | {"d/p.tsv": "from table\tx"})) == ["from table"]


def test_settings_of_a_pack_cannot_be_laid_over_a_job() -> None:
    with pytest.raises(BadRecord, match="over a StableNew preset only"):
        of("{file: p.txt, settings: pack}", {"p.txt": "a"})


def test_packs_and_a_matrix_of_prompts_do_not_go_together() -> None:
    with pytest.raises(BadRecord, match="'packs' sets already"):
        of("p.txt", {"p.txt": "a"}, "matrix: {prompt: [b]}")


def test_wildcards_that_hold_each_other_are_refused() -> None:
    files = {"p.txt": "a __b__", "w/b.txt": "__c__", "w/c.txt": "x __b__"}

    with pytest.raises(BadRecord, match="hold each other"):
        list(of("p.txt", files, "wildcards: w").jobs())


def test_wildcards_that_multiply_are_refused() -> None:
    files = {"p.txt": "__b__", "w/b.txt": "__b__ __b__ __b__ __b__"}

    with pytest.raises(BadRecord, match=r"more than 1000 wildcards|hold each other"):
        list(of("p.txt", files, "wildcards: w").jobs())


def test_wildcards_can_lie_in_folders_and_be_left_alone() -> None:
    files = {"p.txt": "__beasts/fox__ __beasts/fox__", "w/beasts/fox.txt": "a\nb\nc\nd\ne\nf\n"}

    assert prompts(of("p.txt", files, "wildcards: off")) == ["__beasts/fox__ __beasts/fox__"]
    (one,) = of("p.txt", files, "wildcards: w\nseed: 1").jobs()
    assert one.job.randomizer["wildcards"].keys() == {"beasts/fox#0", "beasts/fox#1"}


# The real packs


def real(text):
    folder = stablenew("INDEX.md").parent
    return expand(parse_plan(text), lambda path: (folder / path).read_bytes(), name="real")


def inherited(chain):
    """The stages with what each takes from the ones before it."""
    told, found = {}, []
    for stage in chain:
        said = stage.model_dump(mode="json")
        for key in (
            "prompt",
            "negative_prompt",
            "model",
            "vae",
            "sampler",
            "scheduler",
            "steps",
            "cfg_scale",
            "seed",
            "clip_skip",
        ):
            if key in said:
                said[key] = told.get(key) if said[key] is None else said[key]
                told[key] = said[key]
        found.append(said)
    return found


@pytest.mark.parametrize(
    ("pack", "rows", "jobs"),
    [
        ("packs/test_matrix_pack", "", 4),
        ("packs/SDXL_mythical_beasts_Fantasy", ", rows: [0]", 12),
        ("packs/test_lora_embed_pack", "", 1),
        ("packs/SDXL_mythical_beasts_Fantasy", "", 120),  # 10 rows, 4 of 5 places, 3 loops
        ("packs/SDXL_angelic_warriors_Fantasy", "", 70),  # 10 rows, all of 7 places (limit 8)
        ("packs/SDXL_male_fantasy_heroes_Realistic", "", 10),  # its matrix is off
        ("packs/SDXL_mythical_beasts_Realistic", "", 30),  # its matrix is off; 3 loops
        ("packs-v1/landscapes", "", 4),
        ("packs-v1/international_test", "", 5),
        ("packs-v1/Test_Royal Interior", "", 1),
        ("packs-v1/SDXL_batch_prompts_fantastical_homes_FIXED", "", 10),
    ],
)  # fmt: skip
def test_a_real_pack_becomes_as_many_jobs_as_stablenew_would_build(pack, rows, jobs) -> None:
    expansion = real(
        "schema: spool.plan/1\nbase: generated/default_config.json\n"
        f"packs: [{{file: {pack}.txt, settings: pack{rows}}}]"
    )

    assert expansion.total == jobs
    assert len([parse_job(one.data) for one in expansion.jobs()]) == jobs


@pytest.mark.parametrize(
    ("pack", "snapshots"),
    [("test_matrix_pack", 4), ("test_lora_embed_pack", 1), ("SDXL_mythical_beasts_Fantasy", 1)],
)
def test_a_real_packs_jobs_are_the_chains_of_the_snapshots_that_stablenew_built(
    pack, snapshots
) -> None:
    """Every prompt and every setting of every stage."""
    expansion = real(
        "schema: spool.plan/1\nbase: generated/default_config.json\norder: plain\n"
        f"packs: [{{file: packs/{pack}.txt, settings: pack, rows: [0]}}]"
    )
    chains = [inherited(stages_of(one.job)) for one in expansion.jobs()]

    for number in range(snapshots):
        snapshot = stablenew(f"generated/njr_snapshots/{pack}_{number}.json")
        built = inherited(stages_of(parse_job(snapshot.read_bytes())))
        assert built in chains if pack.startswith("SDXL") else built == chains[number]


def test_the_slots_of_a_pack_whose_matrix_is_off_stay_and_this_is_told() -> None:
    expansion = real(
        "schema: spool.plan/1\nbase: presets/Testing.json\npacks: [packs/test_lora_embed_pack]"
    )

    assert "a [[job]] in [[environment]]" in prompts(expansion)[0]
    assert "keep [[environment]], [[job]] as they stand" in expansion.notes[0]


def test_the_real_pack_with_wildcards_asks_for_their_files() -> None:
    plan = "schema: spool.plan/1\nbase: presets/Testing.json\npacks: [packs-v1/randomization_test.txt]\n"

    with pytest.raises(BadRecord, match="wildcard '__mood__'"):
        real(plan)
    assert real(plan + "wildcards: off").total == 1


@pytest.mark.parametrize(
    "preset",
    ["Beast_Boss_Juggernaut_SDXL", "DreamshaperXLOptimized", "Photoreal_Character_Juggernaut_SDXL", "Portrait_CloseUp_Fashion_SDXL_v1",
     "Testing"],
)  # fmt: skip
def test_every_real_preset_is_a_base(preset) -> None:
    (one, *_) = real(
        f"schema: spool.plan/1\nbase: presets/{preset}.json\nmatrix: {{prompt: [a fox]}}"
    ).jobs()

    assert stages(one)[0].prompt == "a fox"
    assert stages(one)[0].model


@pytest.mark.parametrize("pack", ["gp1_simple", "gp3_batch", "gp6_stages"])
def test_a_flat_preset_is_read_too(pack) -> None:
    (one,) = real(f"schema: spool.plan/1\npacks: [tests/fixtures/packs/{pack}.json]").jobs()
    first = stages(one)[0]

    assert first.model == "sd_xl_base_1.0"
    assert first.count == (3 if pack == "gp3_batch" else 1)
    assert [x.stage for x in stages(one)] == (
        ["txt2img", "adetailer"] if pack == "gp6_stages" else ["txt2img"]
    )


def test_a_snapshot_is_a_base_whose_model_rules_the_whole_chain() -> None:
    plan = "schema: spool.plan/1\nbase: generated/njr_snapshots/test_matrix_pack_0.json\nmatrix: {model: [x]}"
    (one,) = real(plan).jobs()

    assert [s.model for s in stages(one) if s.stage != "upscale"] == ["x", None]
    assert stages(one)[0].prompt.startswith(
        "<embedding:positive_embed> (masterpiece, best quality) wizard"
    )
