"""Bytes to records: whatever lies in a folder, reading it ends soon and says what is wrong."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from spoolctl.spool import codec
from spoolctl.spool.errors import BadRecord, NewerRecord
from spoolctl.spool.records import (
    RECORD_BYTES_MAX,
    Heartbeat,
    ImageWorkload,
    Job,
    Manifest,
    Record,
    Txt2Img,
)

GOOD = b"""\
schema: spool.job/1
job_id: "a job / with spaces"
priority: 0
created_at: 2026-11-20T22:00:00Z
metadata: {day: 2026-11-20, moment: 2026-11-20T22:00:00Z, version: "1.0", list: [1, 2.5, null, true]}
workload:
  kind: image
  stages:
    - {stage: txt2img, prompt: a lighthouse, steps: 20, count: 2}
    - {stage: upscale, factor: 2}
...
"""
AS_JSON = json.dumps(
    {
        "schema": "spool.job/1",
        "workload": {"kind": "image", "stages": [{"stage": "txt2img", "prompt": "x"}]},
    }
).encode()
FIXED = settings(derandomize=True, deadline=None, max_examples=300)


def job_with(line: bytes) -> bytes:
    return GOOD.removesuffix(codec.END_MARK) + line + b"\n"


def refused(data: bytes, kind: type[Record] = Job) -> BadRecord:
    with pytest.raises(BadRecord) as caught:
        codec.decode(kind, data)
    for said, chars_max in ((str(caught.value), 600), (caught.value.hint, 200)):
        assert 0 < len(said) <= chars_max
        assert said.isprintable(), "a message is one line"
    assert len(caught.value.field or "") <= 200
    return caught.value


def nested(depth: int) -> bytes:
    return b"metadata: {x: " + b"[" * depth + b"]" * depth + b"}"


ALIAS_BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n".encode()
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

BAD = {
    "50 MB": b"#" * 50_000_000,
    "one byte too many": b"#" * (RECORD_BYTES_MAX + 1),
    "empty": b"",
    "only blanks": b" \n\n",
    "only a comment": b"# nothing here\n",
    "a list at the top": b"- schema: spool.job/1\n",
    "a JSON list at the top": b'["schema"]',
    "a scalar at the top": b"spool.job/1\n",
    "alias bomb": ALIAS_BOMB,
    "alias of itself": job_with(b"metadata: &a {x: *a}").replace(b"metadata: {", b"learning: {"),
    "unknown alias": job_with(b"group: *nobody"),
    "object tag": job_with(b"group: !!python/object/apply:os.system [ls]"),
    "name tag": job_with(b"group: !!python/name:os.system ''"),
    "module tag": job_with(b"group: !!python/module:os ''"),
    "private tag": job_with(b"group: !secret x"),
    "set": job_with(b"randomizer: {x: !!set {a, b}}"),
    "binary": job_with(b"randomizer: {x: !!binary aGVsbG8=}"),
    "NUL": b"schema: spool.job/1\n\0",
    "NUL in UTF-16 without a mark": GOOD.decode().encode("utf-16-le"),
    "UTF-32": GOOD.decode().encode("utf-32"),
    "UTF-16 of odd length": GOOD.decode().encode("utf-16") + b"\0",
    "Latin-1": job_with("group: café".encode("latin-1")),
    "a picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "tab as indent": b"schema: spool.job/1\nworkload:\n\tkind: image\n",
    "key twice": job_with(b"priority: 1"),
    "key twice, below": job_with(b"randomizer: {x: 1, x: 2}"),
    "key twice in JSON": b'{"schema": "spool.job/1", "group": "a", "group": "b"}',
    "key that is no text": job_with(b"5: five"),
    "key that is a list": job_with(b"? [a]\n: b"),
    "two documents": GOOD + b"---\nschema: spool.job/1\n",
    "nested too deep": job_with(nested(200)).replace(b"metadata: {day", b"learning: {day"),
    "nested far too deep": b"[" * 500_000,
    "JSON nested far too deep": b'{"a":' * 150_000,
    "JSON deeper than a parser's stack": b'{"schema": "spool.job/1", "metadata": '
    + b'{"a":' * 900
    + b"1"
    + b"}" * 901,
    "NaN": job_with(b"randomizer: {x: .nan}"),
    "infinity": job_with(b"randomizer: {x: -.inf}"),
    "NaN in JSON": AS_JSON[:-1] + b', "randomizer": {"x": NaN}}',
    "integer of 5 000 digits": job_with(b"group: " + b"9" * 5_000),
    "integer of 5 000 digits in JSON": AS_JSON[:-1] + b', "priority": ' + b"9" * 5_000 + b"}",
    "hexadecimal integer of 5 000 digits": job_with(b"randomizer: {x: 0x" + b"f" * 5_000 + b"}"),
    "huge hexadecimal schema": b"schema: 0x" + b"f" * 5_000,
    "huge hexadecimal schema in a list": b"schema: [0x" + b"f" * 5_000 + b"]",
    "timestamp that is none": job_with(b"group: !!timestamp abc"),
    "integer of nothing": job_with(b'priority: !!int ""'),
    "float of nothing": job_with(b'metadata: {x: !!float ""}').replace(
        b"metadata: {day", b"learning: {day"
    ),
    "truth that is none": job_with(b"group: !!bool foo"),
    "mapping tagged as a list": job_with(b"randomizer: !!seq {}"),
    "JSON one level too deep": AS_JSON[:-1]
    + b', "randomizer": {"x": '
    + b"[" * 63
    + b"]" * 63
    + b"}}",
    "number beside the same text as keys": job_with(b"randomizer: {x: {1: a, '1': b}}"),
    "key that is an alias": job_with(b"randomizer: {x: &a y, *a : z}"),
    "merge of text": job_with(b"randomizer: {<<: text}"),
    "version in other digits": GOOD.replace(b"spool.job/1", "spool.job/٢".encode()),
    "one million digits": job_with(b"group: " + b"9" * 1_000_000),
    "integer in base 60 tagged so": job_with(b"group: !!int 1" + b":1" * 200_000),
    "lone surrogate": AS_JSON[:-1] + b', "group": "\\ud800"}',
    "number in quotes": GOOD.replace(b"priority: 0", b"priority: '0'"),
    "number with a point": GOOD.replace(b"priority: 0", b"priority: 5.0"),
    "truth for a number": GOOD.replace(b"priority: 0", b"priority: yes"),
    "priority too high": GOOD.replace(b"priority: 0", b"priority: 100"),
    "day without an hour": job_with(b"not_before: 2026-11-20"),
    "moment without a zone": job_with(b"not_before: 2026-11-20T22:00:00"),
    "number for a moment": job_with(b"not_before: 1700000000"),
    "no workload": b"schema: spool.job/1\n",
    "unknown workload": b"schema: spool.job/1\nworkload: {kind: magic}\n",
    "unknown stage": b"schema: spool.job/1\nworkload: {kind: image, stages: [{stage: dream}]}\n",
    "no stages": b"schema: spool.job/1\nworkload: {kind: image, stages: []}\n",
    "too many stages": b"schema: spool.job/1\nworkload: {kind: image, stages: ["
    + b"{stage: upscale}," * 17
    + b"]}\n",
    "cut in the middle": GOOD[: GOOD.index(b"lighthouse") + 4],
    "JSON cut in the middle": AS_JSON[:-3],
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_a_bad_record_and_nothing_else(what: str) -> None:
    error = refused(BAD[what])

    assert not isinstance(error, NewerRecord)


@FIXED
@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_but_bad_record(data: bytes) -> None:
    try:
        codec.decode(Job, data)
    except BadRecord:
        return
    pytest.fail(f"random bytes became a job: {data!r}")


MUTATION = st.tuples(
    st.integers(0, len(GOOD)),
    st.integers(0, 12),
    st.one_of(
        st.binary(max_size=4),
        st.sampled_from(
            [b"\n", b"\t", b": ", b"- ", b"{", b"}", b"[", b"]", b"&a ", b"*a", b"|\n", b">\n", b"'", b'"',
             b"#", b"...", b"---\n", b"? ", b"\0", b"\xff\xfe", b"<<: ", b"0x", b"1e999", b".nan", b"~", b"%"]
        ),
    ),
)  # fmt: skip


@FIXED
@given(st.lists(MUTATION, min_size=1, max_size=4), st.sampled_from([GOOD, AS_JSON]))
def test_a_damaged_record_is_read_or_refused_and_nothing_else(
    mutations: list[tuple[int, int, bytes]], data: bytes
) -> None:
    for at, cut, insert in mutations:
        data = data[:at] + insert + data[at + cut :]
    try:
        job = codec.decode(Job, data)
    except BadRecord:
        return

    assert codec.decode(Job, codec.encode(job)) == job


@FIXED
@given(st.integers(0, len(GOOD) - 1))
def test_no_prefix_of_a_marked_record_counts_as_whole(length: int) -> None:
    prefix = GOOD[:length]

    assert not codec.is_whole(prefix) or prefix.rstrip() == GOOD.rstrip()


@FIXED
@given(st.integers(0, len(AS_JSON) - 1))
def test_no_prefix_of_a_json_record_is_both_whole_and_readable(length: int) -> None:
    prefix = AS_JSON[:length]

    with pytest.raises(BadRecord):
        codec.decode(Job, prefix)


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"a: 1\n...\n", True),
        (b"a: 1\n...", True),
        (b"a: 1\r\n...\r\n", True),
        (b"a: 1\n... \n\n", True),
        (b'{"a": 1}', True),
        (b'\xef\xbb\xbf  {"a": 1}\n', True),
        (b"a: 1\n", False),
        (b"a: {b: 1}\n", False),
        (b"a: wait ...\n", False),
        (b"a: wait...", False),
        (b'{"a": 1', False),
        (b"", False),
    ],
)
def test_a_whole_file_proves_itself(data: bytes, whole: bool) -> None:
    assert codec.is_whole(data) is whole


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(b"\n", b"\r"),
        GOOD.decode().encode("utf-16"),
        codec.encode(codec.decode(Job, GOOD)),
        codec.encode_json(codec.decode(Job, GOOD)),
    ],
    ids=["plain", "mark", "CRLF", "CR", "UTF-16", "written by us", "JSON"],
)
def test_a_record_reads_the_same_however_it_was_saved(data: bytes) -> None:
    assert codec.decode(Job, data) == codec.decode(Job, GOOD)


def test_a_date_in_a_record_stays_the_text_that_it_is() -> None:
    job = codec.decode(Job, GOOD)

    assert job.metadata["day"] == "2026-11-20"
    assert job.metadata["moment"] == "2026-11-20T22:00:00Z"
    assert job.metadata["version"] == "1.0"


def test_priority_zero_is_kept_and_is_not_the_default() -> None:
    assert codec.decode(Job, GOOD).priority == 0
    assert codec.decode(Job, AS_JSON).priority == 50


def test_a_flow_mapping_that_is_no_json_is_read_as_yaml() -> None:
    data = b"{schema: spool.job/1, workload: {kind: image, stages: [{stage: txt2img, prompt: x}]}}"

    assert codec.decode(Job, data) == codec.decode(Job, AS_JSON)


def test_a_merge_key_that_adds_keys_is_understood() -> None:
    data = job_with(b"learning: &a {x: 1}\nrandomizer: {<<: *a, y: 2}")

    assert codec.decode(Job, data).randomizer == {"x": 1, "y": 2}


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12) | st.text(alphabet="0123456789_+-.eExobfn:~<=#!&* ", max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@FIXED
@given(st.dictionaries(st.text(max_size=6), PLAIN, max_size=4))
def test_whatever_somebody_carries_through_is_read_back_the_same(data: dict[str, object]) -> None:
    job = codec.decode(Job, GOOD).model_copy(update={"metadata": data})

    assert codec.decode(Job, codec.encode(job)) == job
    assert codec.decode(Job, codec.encode_json(job)) == job


def test_text_that_is_not_unicode_is_written_with_escapes() -> None:
    """A file name that is not UTF-8 reaches us with lone surrogates; writing it down must not fail."""
    job = codec.decode(Job, GOOD).model_copy(update={"metadata": {"a\udcff": ["a\udcff.yaml"]}})

    for data in (codec.encode(job), codec.encode_json(job)):
        again = codec.decode(Job, data)
        assert again.metadata == {"a\\udcff": ["a\\udcff.yaml"]}
        assert again.created_at == job.created_at


def test_text_that_is_not_utf8_says_how_to_save_it() -> None:
    assert "UTF-8" in refused(BAD["Latin-1"]).hint


def test_a_file_that_is_too_large_says_what_to_do_with_large_data() -> None:
    error = refused(BAD["50 MB"])

    assert "50000000" in str(error)
    assert "--attach" in error.hint


@pytest.mark.parametrize("schema", ["spool.job/2", "spool.job/17", "spool.job/999999999"])
def test_a_newer_version_is_told_apart_from_a_bad_file(schema: str) -> None:
    data = GOOD.replace(b"spool.job/1", schema.encode()) + b""

    with pytest.raises(NewerRecord) as caught:
        codec.decode(Job, data)

    assert schema in str(caught.value)
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize(
    "first_line",
    [b"", b"schema: spool.job/0", b"schema: spool.job", b"schema: 1", b"schema: [spool.job/1]",
     b"schema: spool.node/1", b"schema: spool.node/2", b"schema: job/1", b"schema: spool.job/-1",
     b"schema:", b"schema: spool.job/1x"],
)  # fmt: skip
def test_an_older_other_or_missing_schema_is_a_bad_record_that_says_what_to_write(
    first_line: bytes,
) -> None:
    error = refused(GOOD.replace(b"schema: spool.job/1", first_line))

    assert not isinstance(error, NewerRecord)
    assert error.field == "schema"
    assert "schema: spool.job/1" in error.hint


def test_our_own_records_may_carry_keys_of_a_newer_writer_and_a_job_may_not() -> None:
    beat = b"""{"schema": "spool.heartbeat/1", "role": "worker", "session": "s", "worker": "w", "counter": 1,
        "machine": "m", "host_id": "h", "boot_id": "b", "pid": 1, "started_s": 0.5, "state": "idle",
        "written_at": "2026-11-20T22:00:00Z", "mood": "new in some later version"}"""

    assert codec.decode(Heartbeat, beat).counter == 1
    refused(job_with(b"mood: new"))


A_VERDICT = (
    b"{schema: spool.manifest/1, name: x, attempt: 1, verdict: succeeded, "
    b"by: s/1, day: '2026-11-20', final: true}"
)
AWKWARD = "ä 日本 🙂 \x7f\x85\u2028\ufeff\x00\t\n...\n- a: 'b' \"c\" #d "


def test_what_only_programs_write_is_json_that_a_yaml_reader_reads_as_the_same() -> None:
    manifest = codec.decode(Manifest, A_VERDICT).model_copy(
        update={"log_tail": AWKWARD, "facts": {"a key: 'x'": [1.5, None, AWKWARD]}}
    )

    data = codec.encode(manifest)

    assert codec.is_whole(data)
    assert yaml.safe_load(data) == json.loads(data)
    assert codec.decode(Manifest, data) == manifest


def test_no_beginning_of_what_only_programs_write_is_taken_for_the_whole() -> None:
    data = codec.encode(codec.decode(Manifest, A_VERDICT))

    for end in range(len(data.rstrip())):
        refused(data[:end], Manifest)


def test_a_job_as_we_write_it_ends_in_the_document_end_mark() -> None:
    data = codec.encode(codec.decode(Job, GOOD))

    assert data.endswith(b"\n" + codec.END_MARK)
    assert codec.is_whole(data)
    assert data.startswith(b"schema: spool.job/1\n")


def test_text_with_every_kind_of_character_survives_being_written() -> None:
    workload = ImageWorkload(
        kind="image",
        stages=(Txt2Img(stage="txt2img", prompt="ä 日本 🙂\n...\n- a: 'b' \"c\" #d\t\u2028 end "),),
    )
    job = Job(schema_="spool.job/1", workload=workload)

    assert codec.decode(Job, codec.encode(job)) == job
    assert codec.decode(Job, codec.encode_json(job)) == job


def test_a_verdict_that_does_not_exist_is_refused() -> None:
    data = b"{schema: spool.manifest/1, name: x, attempt: 1, verdict: exploded, by: s/1, day: 2026-11-20, final: true}"

    assert refused(data, Manifest).field == "verdict"
