"""What is wrong with a record is told in one short line: which key, on which line, and what was meant."""

import pytest

from spoolctl.spool import codec
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.records import Job

GOOD = b"""\
schema: spool.job/1
workload:
  kind: image
  stages:
    - {stage: txt2img, prompt: a lighthouse}
...
"""


def job_with(line: bytes) -> bytes:
    return GOOD.removesuffix(codec.END_MARK) + line + b"\n"


def refused(data: bytes) -> BadRecord:
    with pytest.raises(BadRecord) as caught:
        codec.decode(Job, data)
    for said, chars_max in ((str(caught.value), 600), (caught.value.hint, 200)):
        assert 0 < len(said) <= chars_max
        assert said.isprintable(), "a message is one line"
    assert len(caught.value.field or "") <= 200
    return caught.value


@pytest.mark.parametrize(
    "data",
    [
        job_with(b'? "' + b"k" * 500_000 + b'"\n: 1'),
        job_with(b'"a\\nb\\u2028c": 1'),
        job_with(b"group: " + b"x" * 500_000),
        job_with(b'group: "' + b"\\n" * 300 + b'"'),
        job_with(b"group: *" + b"x" * 500_000),
        job_with(b"group: !" + b"x" * 500_000 + b" 1"),
        job_with(b"? " + b"x" * 900 + b"\n: 1\n? " + b"x" * 900 + b"\n: 2"),
        GOOD.replace(b"kind: image", b"kind: " + b"x" * 500_000),
        GOOD.replace(b"spool.job/1", b'"' + b"\\n" * 50_000 + b'"'),
    ],
    ids=[
        "key",
        "lines in key",
        "value",
        "lines in value",
        "alias",
        "tag",
        "twice",
        "kind",
        "schema",
    ],
)
def test_a_fault_is_told_in_one_short_line_whatever_the_file_holds(data: bytes) -> None:
    """A key of 20 000 characters made an equally long message, and its reason could not be written."""
    refused(data)


@pytest.mark.parametrize(
    ("data", "field", "line"),
    [
        (b"schema: spool.job/1\nworkload:\n  kind: image\n  stages:\n  - stage: txt2img\n    prompt: x\n    promt: y\n",
         "workload.stages.0.promt", 7),
        (b"schema: spool.job/1\n\n# why\n\nrequires:\n  tags: [fast,\n    5]\nworkload: {kind: image, stages: [{stage: upscale}]}",
         "requires.tags.1", 7),
        (b"schema: spool.job/1\nworkload:\n  kind: image\n  stages:\n    - stage: upscale\n    - factor: 2\n",
         "workload.stages.1", 6),
        (b"schema: spool.job/1\nworkload:\n  kind: image\n  image: 1\n  stages: [{stage: upscale}]\n",
         "workload.image", 4),
        (b"schema: spool.job/1\nlimits: &a {timeout_s: -1}\nworkload: {kind: image, stages: [{stage: upscale}]}\n",
         "limits.timeout_s", 2),
        (b"job_id: x\nschema: spool.jobs/1\n", "schema", 2),
        (b'{"schema": "spool.job/1",\n "workload": {"kind": "image", "stages": [{"stage": "upscale",\n  "factor": "2"}]}}',
         "workload.stages.0.factor", 3),
        (b"schema: spool.job/1\n", "workload", None),
    ],
    ids=["unknown key", "nested item", "missing tag", "key like the tag", "flow", "schema", "JSON", "missing"],
)  # fmt: skip
def test_a_wrong_field_is_told_by_its_path_and_line_in_the_file(
    data: bytes, field: str, line: int | None
) -> None:
    error = refused(data)

    assert (error.field, error.line) == (field, line)


@pytest.mark.parametrize(
    ("typo", "nearest"),
    [(b"gruop: x", "group"), (b"priorty: 3", "priority"), (b"Metadata: {}", "metadata"), (b"job-id: x", "job_id")],
)  # fmt: skip
def test_a_mistyped_key_names_the_nearest_known_one(typo: bytes, nearest: str) -> None:
    error = refused(job_with(typo))

    assert error.field == typo.partition(b":")[0].decode()
    assert error.hint == f"did you mean '{nearest}'?"


def test_a_mistyped_key_deep_inside_names_the_nearest_known_one() -> None:
    error = refused(GOOD.replace(b"prompt:", b"promt:"))

    assert error.hint == "did you mean 'prompt'?"
    assert error.field is not None
    assert error.field.endswith("promt")


def test_a_key_like_no_other_is_pointed_to_metadata() -> None:
    assert "metadata" in refused(job_with(b"xyzzy: 1")).hint


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"schema: spool.job/1\ngroup: [a\nb: c\n", 3),
        (b"schema: spool.job/1\nworkload:\n\tkind: image\n", 3),
        (b"a: 1\nb: 2\na: 3\n", 3),
        (b"a: 1\nb: \xff\n", 2),
    ],
)
def test_a_fault_in_the_text_is_told_with_its_line(data: bytes, line: int) -> None:
    assert refused(data).line == line


def test_what_stands_behind_the_end_mark_is_told_as_that() -> None:
    error = refused(GOOD + b"group: night\n")

    assert str(error) == (
        "not YAML: the line '...' above ends the file, and something stands after it"
    )
    assert error.hint == "write it above that line, or remove that line"
    assert error.line == 7


def test_a_key_that_is_given_twice_names_both_lines() -> None:
    error = refused(job_with(b"group: a\ngroup: b"))

    assert str(error) == "key 'group' is given twice (line 6 has it, too)"
    assert error.line == 7
