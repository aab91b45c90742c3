"""The corpus: parts that anybody may have touched, StableNew's own file beside it, and what a job's record tells of learning."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from spoolctl.controller.learning import corpus_records, encode_lines, history_line
from spoolctl.controller.ledger import compile_ledger
from spoolctl.controller.sync import sync_into
from spoolctl.spool import BadRecord, Manifest, Output, from_mapping, layout, parse_job
from tests.fuzz import seeds
from tests.fuzz.documents import ODD, anything, changed, damaged, jobs
from tests.fuzz.steady import steady
from tests.spool.spool_world import World

_OURS = [json.dumps({"run_id": f"r{n}", "x": n}).encode() for n in range(3)]
_LINE = st.one_of(
    st.sampled_from([*_OURS, *seeds.learning_lines()]),
    damaged(st.sampled_from([*_OURS, *seeds.learning_lines()])),
    st.sampled_from(
        [b"", b"{}", b"[]", b"null", b"[" * 100_000, b"9" * 5_000, b'{"run_id": 1}', b'{"run_id": "\\ud800"}', b"\xff\xfe{",
         b'{"run_id": "a", "run_id": "b"}', b"NaN", b'{"run_id": ["r0"]}', b"\r", b"\x00" * 9, b"\x0c", b"\xc2\x85"]
    ),
    st.binary(max_size=12),
)  # fmt: skip
_LINES = st.tuples(st.lists(_LINE, max_size=6), st.booleans()).map(
    lambda one: b"\n".join(one[0]) + b"\n" * one[1]
)


@given(_LINES, _LINES)
@steady(150)
def test_any_two_files_are_synced_with_nothing_changed_and_nothing_twice(
    ours: bytes, theirs: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        compiled, into = Path(folder) / "compiled.jsonl", Path(folder) / "learning_records.jsonl"
        compiled.write_bytes(ours)
        into.write_bytes(theirs)

        synced = sync_into(compiled, into)

        after = into.read_bytes()
        assert after.startswith(theirs)
        assert (after == theirs) is (synced.appended == 0)
        again = sync_into(compiled, into)
        assert (again.appended, into.read_bytes()) == (0, after)
        assert again.already == synced.already + synced.appended
        for line in after[len(theirs) :].split(b"\n"):
            assert not line or isinstance(json.loads(line), dict)


@given(st.dictionaries(st.sampled_from(["a", "b.c", ".x", "~", "é"]), _LINES, max_size=4))
@steady(120)
def test_any_parts_are_compiled_to_whole_lines_of_objects_each_once(
    parts: dict[str, bytes],
) -> None:
    world = World()
    for name, data in parts.items():
        world.share.put(f"corpus/parts/shelf/{name}.jsonl", data)
    world.share.put("corpus/parts/singles/good.jsonl", _OURS[0] + b"\n")
    actor = world.actor("controller-c")

    compiled = compile_ledger(actor, layout.CORPUS, touched=None)

    whole = world.share.tree()[layout.LEARNING_RECORDS]
    assert whole is not None
    lines = whole.split(b"\n")
    assert lines.pop() == b""
    assert compiled.lines == len(lines)
    assert _OURS[0] in lines
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert compile_ledger(actor, layout.CORPUS, touched=None).added == 0


def _manifest(**changes: Any) -> Manifest:
    output = Output(path="a1/x.png", bytes=1, sha256="0" * 64, stage="txt2img", image_index=0)
    return from_mapping(
        Manifest,
        seeds.mapping_of(seeds.of_kind("spool.manifest/1"))
        | {"verdict": "succeeded", "code": None, "outputs": [output.model_dump(mode="json")]}
        | changes,
    )


@given(
    st.one_of(jobs(), changed(jobs())),
    st.dictionaries(
        st.sampled_from(
            [
                "experiment_name",
                "variable_under_test",
                "variant_value",
                "stage",
                "experiment_id",
                "x",
            ]
        ),
        ODD,
    ),
    st.sampled_from(
        [{}, {"ended_at": None, "started_at": None}, {"ended_at": "0001-01-01T00:00:00Z"}]
    ),
)
@example(seeds.snapshots()[0], {"experiment_name": {"a": [1]}}, {})
@steady(200)
def test_any_job_that_was_committed_gives_lines_that_stablenew_reads(
    data: bytes, learning: dict[str, Any], changes: dict[str, Any]
) -> None:
    try:
        mapping = seeds.mapping_of(data)
        if "normalized_job" not in mapping:
            mapping["learning"] = learning
        job = parse_job(json.dumps(mapping).encode())
        manifest = _manifest(**changes)
        records = corpus_records(
            spool_id="s", location_of_results="results/x", job=job, manifest=manifest
        )
    except BadRecord:
        return
    lines = encode_lines(records).splitlines()
    assert len(lines) == 1
    record = json.loads(lines[0])
    assert len(record) == 16
    assert isinstance(record["primary_steps"], int)
    assert isinstance(record["primary_cfg_scale"], float)
    assert all(
        not isinstance(value, dict | list)
        for one in record["variant_configs"]
        for value in one.values()
    )
    assert json.loads(history_line(job, manifest))["verdict"] == "succeeded"


@given(anything())
@steady(60)
def test_any_file_in_the_place_of_a_part_keeps_no_other_part_out(data: bytes) -> None:
    world = World()
    world.share.put("corpus/parts/singles/bad.jsonl", data)
    world.share.put("corpus/parts/singles/good.jsonl", _OURS[1] + b"\n")

    compile_ledger(world.actor("controller-c"), layout.CORPUS, touched=None)

    compiled = world.share.tree()[layout.LEARNING_RECORDS]
    assert compiled is not None
    assert _OURS[1] in compiled.splitlines()
