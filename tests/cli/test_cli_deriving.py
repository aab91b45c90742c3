"""New jobs from an image, by the command: what it submits, shows and refuses."""

import json

import pytest
from cli_bench import JOB_YAML, Bench


@pytest.fixture
def done(bench: Bench) -> Bench:
    bench.submit("one", JOB_YAML, "--group", "night")
    bench.succeed("one")
    return bench


def test_variations_are_submitted_to_the_group_of_the_image(done: Bench) -> None:
    ran = done("derive", "one", "--variations", "3")
    assert ran.code == 0
    line, *names = ran.out.splitlines()
    assert line.startswith("submitted 3 txt2img jobs, 512x512, seeds ")
    assert line.endswith(" to queue/interactive/, group night")
    assert len(names) == 3
    for name in names:
        record = json.loads(done.bytes_of(name))
        assert record["metadata"] == {
            "derived_from": {"job": "one", "image_index": 0, "how": "variation"}
        }
        assert done.place(name).folder == "queue/interactive"
    assert "queued" in done("group", "show", "night", "--all").out


def test_nothing_is_written_by_a_dry_run_and_the_same_is_submitted_after_it(done: Bench) -> None:
    before = done.tree()
    dry = done("derive", "one:0", "--variations", "2", "--dry-run", "--json").document
    assert done.tree() == before
    made = done("derive", "one:0", "--variations", "2", "--json").document
    assert dry.pop("dry_run") is True
    assert dry["jobs"] == []
    assert len(made["jobs"]) == 2
    assert made | {"jobs": []} == dry
    assert [json.loads(done.bytes_of(name)) for name in made["jobs"]] == made["records"]


def test_an_image_is_enlarged_only_by_a_job_that_takes_it(done: Bench) -> None:
    ran = done("derive", "one:0", "--upscale", "1.5", "--group", "big", "--class", "batch", "-q")
    name = ran.out.strip()
    assert done.place(name).folder == "waiting"
    record = json.loads(done.bytes_of(name))
    assert (record["group"], record["class"]) == ("big", "batch")
    assert record["inputs"] == [{"job": "one", "image_index": 0}]
    assert record["workload"]["stages"] == [{"stage": "upscale", "factor": 1.5}]


def test_the_same_picture_larger_has_its_seed(done: Bench) -> None:
    name = done("derive", "one", "--larger", "2", "-q").out.strip()
    (stage,) = json.loads(done.bytes_of(name))["workload"]["stages"]
    assert (stage["seed"], stage["hires"]["scale"]) == (7, 2.0)


def test_that_the_groups_definition_could_not_be_written_is_told_and_the_jobs_are_in(
    done: Bench,
) -> None:
    ran = done("derive", "one", "--variations", "1", "--group", "big", "-q")
    assert (ran.code, ran.err) == (0, "")
    (done.root / "groups/other").write_bytes(b"in the way")
    ran = done("derive", "one", "--variations", "1", "--group", "other", "-q")
    assert ran.code == 0
    assert "warning: the jobs are submitted, but not the definition of group 'other'" in ran.err
    assert done.bytes_of(ran.out.strip())


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (["one"], 2, "say one thing that is to be made of the image"),
        (["one", "--variations", "2", "--larger", "2"], 2, "say one thing"),
        (["one", "--variations", "0"], 2, "0 variations cannot be made"),
        (["one", "--larger", "1"], 2, "cannot be made 1 times as large"),
        (["one", "--larger", "2", "--class", "soon"], 2, "no class 'soon'"),
        (["one:1", "--larger", "2"], 22, "'one' has no image 1"),
        (["two", "--larger", "2"], 22, "'two' has not succeeded"),
        (["three", "--larger", "2"], 20, "no job 'three'"),
    ],
)
def test_what_cannot_be_derived_is_refused_and_nothing_is_written(
    done: Bench, line: list[str], code: int, said: str
) -> None:
    done.submit("two")
    before = done.tree()
    ran = done("derive", *line)
    assert ran.code == code
    assert said in ran.err
    assert "hint: " in ran.err
    assert done.tree() == before
