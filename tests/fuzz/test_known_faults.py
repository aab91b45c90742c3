"""Faults that the search found, each one as it showed."""

import json

import pytest

from spoolctl.controller.ledger import compile_ledger
from spoolctl.spool import BadRecord, decisions, draft, layout, nodes, parse_job
from tests.fuzz.loops import go_on
from tests.fuzz.seeds import mapping_of, snapshots
from tests.fuzz.steady import assert_told_well
from tests.spool.spool_world import JOB, World

_OURS = b'{"run_id": "r1"}\n'


@pytest.mark.parametrize(
    "told",
    [
        b"[" * 100_000,
        b'{"lines": Infinity, "shelves": {}}',
        b'{"lines": 1, "shelves": {"..": ["x.jsonl"]}}',
        b'{"lines": 1, "shelves": {"a": ["x\\u0000.jsonl"]}}',
    ],
    ids=["nested too deep", "endless lines", "a path out of the parts", "a name with NUL"],
)
def test_an_index_of_a_ledger_that_makes_no_sense_is_passed_over(told: bytes) -> None:
    """It stops the controller: RecursionError, OverflowError and ValueError are not among what the ledger expects."""
    world = World()
    world.share.put("corpus/index-1-x.json", told)
    world.share.put("corpus/parts/singles/good.jsonl", _OURS)

    compile_ledger(world.actor("controller-c"), layout.CORPUS, touched=None)

    assert world.share.tree()[layout.LEARNING_RECORDS] == _OURS


def test_a_start_stage_with_a_line_break_is_told_on_one_line() -> None:
    """Its text was quoted raw, so that a snapshot could clear the terminal of whoever read the reason."""
    mapping = mapping_of(snapshots()[0])
    mapping["normalized_job"]["extra_metadata"] = {
        "reprocess": {"requested_stages": ["a\n\x1b[2Jb"]}
    }

    with pytest.raises(BadRecord) as caught:
        parse_job(json.dumps(mapping).encode())
    assert_told_well(caught.value)


def test_a_stage_with_a_line_break_is_told_on_one_line() -> None:
    mapping = mapping_of(snapshots()[0])
    mapping["normalized_job"]["stage_chain"] = [{"stage_type": "a\n\x1b[2Jb", "enabled": True}]

    with pytest.raises(BadRecord) as caught:
        parse_job(json.dumps(mapping).encode())
    assert_told_well(caught.value)


@pytest.mark.parametrize("name", ["a\n\x1b[2J+b", "\x07" * 200 + "~3", "\n" * 300])
def test_a_name_with_line_breaks_that_no_job_can_have_is_told_on_one_line(name: str) -> None:
    """The submitter's name was quoted raw."""
    with pytest.raises(BadRecord) as caught:
        draft(name, JOB, parse_job(JOB))
    assert_told_well(caught.value)


@pytest.mark.parametrize("data", [None, b"x" * (2 << 20)], ids=["a folder", "two megabytes"])
def test_one_odd_entry_in_nodes_hides_no_other_worker(data: bytes | None) -> None:
    """``spoolctl status`` and ``nodes`` say that the share did not do what was asked; no worker sees the others any more."""
    world = World()
    world.worker("w1")
    world.share.put("nodes/odd.heartbeat.json", data)

    assert nodes(world.person())["w1"][1] is not None


@pytest.mark.parametrize("changes", [{"name": "other"}, {"attempt": 7}])
def test_a_verdict_that_speaks_of_another_attempt_is_not_believed(
    changes: dict[str, object],
) -> None:
    """A manifest copied by hand into another job's attempt commits that job, with the other's images."""
    world = World()
    world.drop("a")
    world.worker().work()
    path = layout.manifest("a", 1)
    whole = world.share.tree()[path]
    assert whole is not None
    world.share.put(path, json.dumps(mapping_of(whole) | changes).encode())

    with pytest.raises(BadRecord):
        decisions(world.person(), "a")


def test_a_folder_called_like_attempt_one_milliard_does_not_make_the_record_another_jobs() -> None:
    """Its attempt is reaped; the next one's number has more digits than a label may have, so that the file's name is read as
    another job's (``a~1000000001``), and the job itself is found nowhere."""
    world = World()
    world.drop("a")
    world.share.put("results/singles/a/a1000000000", None)

    go_on(world, world.worker(), world.controller())
    go_on(world, world.worker("w2"), world.controller("controller-d"))

    assert world.names() == {"a"}


def test_a_file_of_a_strangers_in_finished_is_not_replaced_by_the_job_of_that_name() -> None:
    """Merging moved a record to ``done/`` without a look at what lay there, and without comparing its bytes with the pinned ones:
    the odd file went there first, under the job's name, and the job's own record replaced it."""
    world = World()
    world.share.put("finished/a.yaml", b"what is this")
    world.drop("a")

    go_on(world, world.worker(), world.controller())

    assert b"what is this" in world.share.tree().values()
