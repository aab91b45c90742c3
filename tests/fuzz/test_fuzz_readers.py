"""Whatever a file holds, its reader takes it or refuses it with a reason; and what it took can be used and written again."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spoolctl.spool import codec
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.records import RECORD_BYTES_MAX, Job, Manifest, Record, StableNewWorkload
from spoolctl.spool.stablenew import is_snapshot
from spoolctl.spool.stages import images_asked, needs_inputs, stages_of
from spoolctl.spool.submit import draft, parse_job
from spoolctl.spool.yamltext import NODES_MAX, TEXT_PER_VALUE, Parsed, parse
from tests.fuzz import seeds
from tests.fuzz.documents import (
    anything,
    changed,
    damaged,
    file_names,
    jobs,
    written,
    yaml_documents,
)
from tests.fuzz.steady import assert_told_well, steady

JOB = b"schema: spool.job/1\nworkload: {kind: image, stages: [{stage: upscale}]}\n"


def read(kind: type[Record], data: bytes) -> Record | None:
    """The record, or None if it was refused as it should be."""
    try:
        return codec.decode(kind, data)
    except BadRecord as error:
        assert_told_well(error, lines=_lines(data))
        return None


def _lines(data: bytes) -> int:
    text = data.decode("utf-16" if codec.is_utf16(data) else "utf-8-sig", "replace")
    return len(text.splitlines())


def weight(value: object) -> int:
    """How much a parsed value holds when its aliases are written out, as ``yamltext`` bounds it."""
    if isinstance(value, dict):
        return 1 + sum(weight(key) + weight(one) for key, one in value.items())
    if isinstance(value, list):
        return 1 + sum(map(weight, value))
    return 1 + len(value) // TEXT_PER_VALUE if isinstance(value, str) else 1


def test_there_is_a_document_of_every_kind_to_begin_from() -> None:
    for schema, kind in seeds.KINDS.items():
        assert isinstance(codec.decode(kind, seeds.of_kind(schema)), kind)
    for data in seeds.snapshots():
        assert isinstance(parse_job(data), Job)


@given(st.one_of(st.binary(max_size=200), yaml_documents(), st.sampled_from(seeds.foreign())))
@example(b"a: &a '" + b"x" * 100_000 + b"'\nb: [" + b"*a," * 20_000 + b"]")
@example(b'{"a":' + b"[" * 100_000)
@steady(400)
def test_any_bytes_are_a_mapping_of_bounded_size_or_are_refused(data: bytes) -> None:
    try:
        found = codec.decode_mapping(data)
    except BadRecord as error:
        assert_told_well(error)
        return
    assert isinstance(found, Parsed)
    # JSON has no aliases, so that its length bounds it already; keys are not counted there.
    assert weight(dict(found)) <= 2 * NODES_MAX + len(data)


@given(st.sampled_from(sorted(seeds.KINDS)), anything())
@steady(300)
def test_any_document_read_as_any_record_is_that_record_or_is_refused(
    schema: str, data: bytes
) -> None:
    read(seeds.KINDS[schema], data)


def _one_of_a_kind(schema: str) -> st.SearchStrategy[tuple[type[Record], bytes]]:
    whole = st.just(seeds.of_kind(schema))
    return st.tuples(st.just(seeds.KINDS[schema]), st.one_of(changed(whole), damaged(whole)))


@given(st.sampled_from(sorted(seeds.KINDS)).flatmap(_one_of_a_kind))
@example((Job, JOB + b"metadata: {x: 0x" + b"f" * 300 + b"}"))
@example((Job, written(seeds.mapping_of(JOB) | {"metadata": {"x": 10**399}}, "json")))
@steady(600)
def test_what_was_read_is_written_and_read_again_the_same(
    document: tuple[type[Record], bytes],
) -> None:
    """Two numbers broke it: 300 digits in base 16 and 400 in JSON were read, and written with more than were read again."""
    kind, data = document
    record = read(kind, data)
    if record is None:
        return
    for encoded in (codec.encode(record), codec.encode_json(record)):
        if len(encoded) <= RECORD_BYTES_MAX:
            again = codec.decode(kind, encoded)
            assert codec.is_whole(encoded)
            assert again == record
            assert codec.encode(again) == codec.encode(record)


@given(st.one_of(changed(jobs()), damaged(jobs()), yaml_documents()))
@steady(500)
def test_any_job_file_is_a_job_whose_stages_can_be_told_or_is_refused(data: bytes) -> None:
    try:
        job = parse_job(data)
        stages = stages_of(job)
    except BadRecord as error:
        # A snapshot's own reader quotes its text as it is: test_known_faults.py
        if not _is_stablenews(data):
            assert_told_well(error)
        return
    assert len(stages) >= 1
    assert images_asked(job, inputs=3) >= 0
    assert needs_inputs(job) in (True, False)
    assert all(name for name in job.needs)


def _is_stablenews(data: bytes) -> bool:
    try:
        mapping = codec.decode_mapping(data)
    except BadRecord:
        return False
    workload = mapping.get("workload")
    return is_snapshot(mapping) or (isinstance(workload, dict) and "snapshot" in workload)


@given(file_names(), jobs())
@steady(200)
def test_a_job_is_submitted_under_any_name_or_the_name_is_refused(name: str, data: bytes) -> None:
    try:
        drafted = draft(name, data, parse_job(data))
    except BadRecord as error:
        if not error.hint:  # the message quotes what the person typed, cleaned by cli.rendering
            raise
        return
    assert isinstance(parse_job(drafted.data), Job)
    assert codec.is_whole(drafted.data) or codec.is_utf16(drafted.data)


# Faults that were found here


def test_many_aliases_of_one_long_text_are_refused_before_they_are_written_out() -> None:
    """160 kB asked for 2 GB: an alias counted as one value, however long its text was. It ended in a MemoryError, which is
    none of the errors that the readers declare."""
    for anchored, alias in (
        (b"'" + b"x" * 100_000 + b"'", b"*a"),
        (b"{k: " + b"y" * 9_000 + b"}", b"{<<: *a}"),
    ):
        data = JOB + b"metadata: {x: &a " + anchored + b", y: [" + (alias + b", ") * 20_000 + b"]}"
        with pytest.raises(BadRecord) as caught:
            parse_job(data)
        assert "aliases are written out" in str(caught.value)


def test_a_file_may_hold_one_text_as_long_as_itself() -> None:
    assert len(parse(f"a: {'x' * 1_000_000}")["a"]) == 1_000_000


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_that_has_no_utc_is_refused(moment: str) -> None:
    """It was taken, and stopped the controller with an OverflowError once the job was to be merged."""
    with pytest.raises(BadRecord) as caught:
        codec.decode(Job, JOB + f"not_before: '{moment}'".encode())
    assert_told_well(caught.value)


@pytest.mark.parametrize("name", ["../../x", "/x", "x\x00y", "X", "", "a b", "con"])
def test_a_verdict_on_a_job_of_no_legal_name_is_refused(name: str) -> None:
    """The name becomes a path when the outputs are verified; such a path stopped the controller with a ValueError."""
    mapping = seeds.mapping_of(seeds.of_kind("spool.manifest/1"))
    codec.from_mapping(Manifest, mapping)

    with pytest.raises(BadRecord):
        codec.from_mapping(Manifest, mapping | {"name": name})


def test_an_input_whose_name_no_server_can_hold_is_refused() -> None:
    """The share answers "name too long", which says nothing to whoever takes it for a share that is away."""
    for path, good in (
        (f"inputs/{'x' * 255}", True),
        (f"inputs/{'x' * 256}", False),
        (f"inputs/{'é' * 128}", False),
    ):
        data = JOB + f"inputs: [{{path: '{path}'}}]".encode()
        assert (read(Job, data) is not None) is good


def test_a_whole_snapshot_is_carried_as_it_is() -> None:
    job = parse_job(seeds.snapshots()[0])
    assert isinstance(job.workload, StableNewWorkload)
    assert job.workload.snapshot == seeds.mapping_of(seeds.snapshots()[0])
