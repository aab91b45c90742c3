"""Rating images and handling the corpus: what the commands do and say, and how they refuse."""

import csv
import json

import pytest
from cli_bench import Bench

from spoolctl.controller.scanner import Scanner
from spoolctl.spool import Facts, Life

ONE = """\
schema: spool.job/1
learning: {experiment_name: sweep, variable_under_test: CFG Scale, variant_value: 7}
workload:
  kind: image
  stages:
    - {stage: txt2img, prompt: a lighthouse, seed: 7}
"""


def scan(bench: Bench) -> None:
    actor = bench.actor("controller-c")
    Scanner(actor, Life(actor, "controller", Facts())).scan()


@pytest.fixture
def merged(bench: Bench) -> Bench:
    bench.submit("one", ONE)
    bench.succeed("one")
    scan(bench)
    return bench


def test_an_image_is_rated_and_the_controller_brings_it_into_the_corpus(merged: Bench) -> None:
    ran = merged("rate", "one", "4", "--note", "nice", "--anatomy", "3", "--people")
    assert (ran.code, ran.out) == (0, "one:0: rated 4 (anatomy 3), with people, note: nice\n")
    scan(merged)
    lines = (merged.root / "corpus/learning_records.jsonl").read_bytes().splitlines()
    metadata = json.loads(lines[-1])["metadata"]
    assert (metadata["user_rating"], metadata["user_rating_raw"]) == (3, 4)
    assert metadata["spool_word_by"] == "person-ada-l"


def test_a_choice_and_a_note_leave_the_rating_and_a_new_rating_drops_the_parts_of_the_old(
    merged: Bench,
) -> None:
    merged("rate", "one:0", "4", "--anatomy", "3")
    assert merged("rate", "one", "pick").out == "one:0: rated 4 (anatomy 3), picked\n"
    assert (
        merged("rate", "one", "--note", "x").out == "one:0: rated 4 (anatomy 3), picked, note: x\n"
    )
    assert merged("rate", "one", "2").out == "one:0: rated 2, picked, note: x\n"
    assert merged("rate", "one", "reject", "--note", "").out == "one:0: rated 2, rejected\n"
    assert merged("rate", "one", "clear").out == "one:0: nothing said\n"


def test_without_a_word_it_tells_what_was_said(merged: Bench) -> None:
    assert merged("rate", "one").out == "one:0: nothing said\n"
    merged("rate", "one", "5", "--no-people")
    ran = merged("rate", "one", "--json")
    assert ran.document == {
        "images": [
            {
                "job": "one", "image": 0, "word": 1, "by": "person-ada-l", "at": "2026-11-20T22:00:00Z", "rating": 5,
                "anatomy": None, "composition": None, "prompt_adherence": None,
                "choice": None, "note": None, "has_people": False,
            }
        ]
    }  # fmt: skip


def test_an_error_with_one_image_does_not_keep_the_word_from_the_others(merged: Bench) -> None:
    merged.submit("two", ONE)
    ran = merged("rate", "one:9", "two", "one:0", "3")
    assert ran.out == "one:0: rated 3\n"
    assert ran.code == 22
    assert "'one' has no image 9" in ran.err
    assert "'two': it has not succeeded" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("4",), "rate what with '4'?"),
        (("one", "7"), "rating is 7"),
        (("one", "0"), "rating is 0"),
        (("one", "clear", "--note", "x"), "clear takes everything back"),
        (("one", "--anatomy", "3"), "anatomy without a rating"),
        (("one", "pick", "--composition", "8"), "composition is 8"),
    ],
)
def test_what_makes_no_sense_is_refused(merged: Bench, arguments, said) -> None:
    ran = merged("rate", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "hint" in ran.err


def test_a_job_of_several_images_must_be_told_which(bench: Bench) -> None:
    bench.submit("many")
    bench.succeed("many")
    scan(bench)
    path = bench.root / "corpus/parts/singles/many.jsonl"
    record = json.loads(path.read_bytes().splitlines()[0])
    other = json.loads(json.dumps(record))
    other["metadata"]["spool_image_index"] = 1
    path.write_text("".join(json.dumps(one) + "\n" for one in (record, other)))
    ran = bench("rate", "many", "4")
    assert ran.code == 2
    assert "'many' has 2 images" in ran.err
    assert bench("rate", "many:1", "4").out == "many:1: rated 4\n"


# The corpus


def test_the_spools_own_corpus_is_sound_and_told_in_figures(merged: Bench) -> None:
    merged("rate", "one", "4")
    scan(merged)
    assert merged("corpus", "check").out.endswith("learning_records.jsonl: 0 bad lines\n")
    ran = merged("corpus", "stats")
    assert ran.out.splitlines()[:2] == ["1 image in 2 records", "1 rated, 4.00 on average, 0 not"]
    told = merged("corpus", "stats", "--json").document
    assert (told["records"], told["images"], told["rated"]) == (2, 1, 1)
    assert told["values"][0]["value"] == "7"


def test_a_bad_line_is_told_with_its_number_reason_effect_and_hint(merged: Bench) -> None:
    file = merged.file("learning_records.jsonl", '{"run_id": "a", "timestamp": ""}\n[1, 2]\n')
    ran = merged("corpus", "check", file)
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "line 2: a list and no object",
        "  in StableNew: every recommendation fails, for everybody; remove the line",
        f"{file}: 1 bad line",
    ]
    told = merged("corpus", "check", file, "--json").document
    assert told["lines"][0]["faults"][0]["effect"] == "every recommendation fails, for everybody"


def test_bad_lines_are_moved_aside_if_asked_to(merged: Bench) -> None:
    file = merged.file("learning_records.jsonl", '{"run_id": "a", "timestamp": ""}\n[1, 2]\n')
    ran = merged("corpus", "check", file, "--quarantine")
    assert ran.code == 0
    assert ran.out.endswith(
        f"moved to '{file.parent / 'quarantine.jsonl'}'; the original is '{file}.bak'\n"
    )
    assert merged("corpus", "check", file).code == 0
    assert merged("corpus", "check", "--quarantine").code == 2


def test_export_writes_a_row_for_each_image(merged: Bench) -> None:
    merged("rate", "one", "4")
    scan(merged)
    out = merged.files / "out.csv"
    assert merged("corpus", "export", "--csv", out).out == f"wrote 1 image to '{out}'\n"
    with out.open(encoding="utf-8", newline="") as file:
        assert [row["rating"] for row in csv.DictReader(file)] == ["4"]
    assert merged("corpus", "export").code == 2


def test_import_brings_stablenews_records_in_once(merged: Bench) -> None:
    text = (
        '{"run_id": "t", "timestamp": "2026-03-27T08:02:05", "metadata": {"user_rating": 4}}\n[1]\n'
    )
    file = merged.file("learning_records.jsonl", text)
    ran = merged("corpus", "import", file)
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "refused line 2: a list and no object; remove the line",
        "brought in 1 record; 0 were there, 0 are a spool's, 1 refused",
    ]
    assert merged("corpus", "import", file, "--json").document["already"] == 1
    scan(merged)
    assert merged("corpus", "stats", "--json").document["images"] == 2


def test_there_may_be_no_corpus_yet(bench: Bench) -> None:
    for command in (("check",), ("stats",), ("export", "--csv", bench.files / "x.csv")):
        ran = bench("corpus", *command)
        assert ran.code == 2
        assert "there is no corpus yet" in ran.err
