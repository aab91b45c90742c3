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
from spoolctl.corpus.bringing_in import bring_in
from spoolctl.corpus.flat import COLUMNS, rows
from spoolctl.corpus.rules import faults, spoils
from spoolctl.corpus.stats import stats
from spoolctl.fsck import check
from spoolctl.spool import (
    PICKED,
    BadRecord,
    Manifest,
    Output,
    SpoolError,
    Word,
    from_mapping,
    layout,
    parse_job,
    rate,
    words,
)
from tests.fuzz import seeds
from tests.fuzz.documents import ODD, anything, changed, damaged, jobs
from tests.fuzz.steady import steady
from tests.spool.rating_steps import merged, rated
from tests.spool.spool_world import World
from tests.stablenew.recommending import recommend

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


# People's words


_WORDS = st.builds(
    Word,
    rating=st.integers(1, 5),
    anatomy=st.none() | st.integers(1, 5),
    choice=st.sampled_from([None, PICKED]),
    note=st.text(max_size=9),
    has_people=st.none() | st.booleans(),
)
_RATED = [
    json.dumps({"run_id": f"r{n}", "metadata": {"user_rating": n + 1}}).encode() for n in range(3)
]
_RATED_LINE = st.one_of(
    _LINE,
    st.builds(
        lambda record, key, value: json.dumps({**json.loads(record), "metadata": {"user_rating": 3, key: value}}).encode(),
        st.sampled_from(_RATED),
        st.sampled_from(["variant_value", "variable_under_test", "reason_tags", "secondary_motion", "subscores", "user_rating",
                         "record_kind", "spool_word", "spool_said", "spool_image_index"]),
        ODD,
    ),
)  # fmt: skip


@given(st.lists(_RATED_LINE, max_size=6))
@steady(300)
def test_lines_that_spoil_nothing_are_borne_by_a_reader_and_any_lines_make_a_table(
    lines: list[bytes],
) -> None:
    kept = [line for line in lines if not spoils(line) and b"\n" not in line]
    recommend(b"\n".join(kept), "a lighthouse")
    assert all(fault.reason and fault.hint for line in lines for fault in faults(line))
    table = list(rows(lines))
    assert all(list(row) == list(COLUMNS) for row in table)
    assert stats(table)["images"] == len(table)


@given(
    st.lists(_WORDS, min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(1, 6), _LINES | damaged(st.just(b"word"))), max_size=3),
    st.lists(st.booleans(), min_size=4, max_size=4),
)
@steady(80)
def test_among_hostile_words_the_last_that_was_said_is_compiled_once(
    said: list[Word], hostile: list[tuple[int, bytes]], stops: list[bool]
) -> None:
    world = merged().copy()
    ann = world.person()
    for number, data in hostile:
        world.share.put(layout.word("job-1", 0, number), data)
    actor = world.actor("controller-c")
    for word, stop in zip(said, stops, strict=False):
        rate(ann, "job-1", 0, word)
        if stop:
            compile_ledger(actor, layout.CORPUS, touched=["singles"])
    compile_ledger(actor, layout.CORPUS, touched=["singles"])

    last = words(ann, "job-1")[0].word
    assert last == said[-1]
    assert len(rated(world)) == 1
    compiled = world.share.tree()[layout.LEARNING_RECORDS]
    assert compiled is not None
    assert not any(spoils(line) for line in compiled.splitlines())
    assert {one.code for one in check(world.actor("person-fsck"), pause_s=0).damage} <= {"bad-word"}


@given(anything(), _WORDS)
@steady(80)
def test_any_file_in_the_place_of_a_jobs_part_is_rated_or_refused(data: bytes, word: Word) -> None:
    world = merged().copy()
    world.share.put(layout.part(layout.CORPUS, "job-1"), data)
    try:
        rate(world.person(), "job-1", 0, word)
    except SpoolError:
        assert words(world.person(), "job-1") == {}
    else:
        assert words(world.person(), "job-1")[0].word == word


@given(_LINES)
@steady(80)
def test_any_file_is_brought_in_without_a_line_that_spoils_the_corpus(data: bytes) -> None:
    world = World()
    brought = bring_in(world.person(), data.splitlines(keepends=True))
    compile_ledger(world.actor("controller-c"), layout.CORPUS, touched=None)
    compiled = (world.share.tree().get(layout.LEARNING_RECORDS) or b"").splitlines()
    assert len(compiled) == brought.new
    assert not any(spoils(line) for line in compiled)
    assert check(world.actor("person-fsck"), pause_s=0).is_sound


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), max_size=8), _LINES)
@steady(80)
def test_however_words_change_stablenews_file_holds_the_last_of_each_and_all_of_its_own(
    said: list[tuple[int, int]], theirs: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        compiled, into = Path(folder) / "compiled.jsonl", Path(folder) / "learning_records.jsonl"
        into.write_bytes(theirs)
        last: dict[int, bytes] = {}
        for number, (image, rating) in enumerate(said, 1):
            metadata = {"spool_word": number, "user_rating": rating}
            last[image] = (
                json.dumps({"run_id": f"w{image}", "metadata": metadata}).encode()
                if rating
                else b""
            )
            lines = [json.dumps({"run_id": f"w{one}"}).encode() for one in range(3)]
            compiled.write_bytes(
                b"".join(line + b"\n" for line in [*lines, *last.values()] if line)
            )
            sync_into(compiled, into)

        after = into.read_bytes()
        assert after.startswith(theirs)
        ours = [line for line in after[len(theirs) :].splitlines() if b"spool_word" in line]
        assert sorted(ours) == sorted(line for line in last.values() if line)
