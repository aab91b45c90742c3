"""Moving bad lines of a file aside, and bringing StableNew's records in: nothing lost, nothing twice."""

import base64
import json
import os

import pytest
from filelock import FileLock
from sample_data import stablenew

from spoolctl.controller.ledger import compile_ledger
from spoolctl.corpus import files
from spoolctl.corpus.bringing_in import bring_in
from spoolctl.corpus.files import checked, lines_of, named, quarantine
from spoolctl.fsck import check
from spoolctl.spool import ShareUnusable, StateForbids, UsageError, layout
from spoolctl.spool.memory import Crashed, Fault
from tests.spool.spool_world import World

GOOD = [
    json.dumps({"run_id": f"r{n}", "timestamp": "2026-03-27T08:02:05"}).encode() for n in range(3)
]
MIXED = b"\r\n".join([GOOD[0], b"[1]", GOOD[1]]) + b'\n\n{"torn\n\xff\xfe\n' + GOOD[2]


@pytest.fixture
def mixed(tmp_path):
    path = tmp_path / "learning_records.jsonl"
    path.write_bytes(MIXED)
    return path


def put_aside(path):
    return [json.loads(one) for one in (path.parent / "quarantine.jsonl").read_bytes().splitlines()]


def test_bad_lines_are_numbered_as_stablenew_counts_them(mixed):
    assert [one.number for one in checked(lines_of(mixed))] == [2, 5, 6]
    mixed.write_bytes(b'{"a":\r1}\n')
    assert [one.number for one in checked(lines_of(mixed))] == [1, 2]


def test_bad_lines_go_and_no_byte_of_the_good_ones_changes(mixed):
    done = quarantine(mixed)
    assert (done.kept, done.moved) == (3, 3)
    assert mixed.read_bytes() == GOOD[0] + b"\r\n" + GOOD[1] + b"\n\n" + GOOD[2]
    assert done.original.read_bytes() == MIXED
    aside = put_aside(mixed)
    assert [(one["line"], one.get("text")) for one in aside] == [
        (2, "[1]\r\n"),
        (5, '{"torn\n'),
        (6, None),
    ]
    assert base64.b64decode(aside[2]["base64"]) == b"\xff\xfe\n"
    assert all(one["faults"][0]["reason"] and one["file"] == mixed.name for one in aside)


def test_a_good_file_is_not_touched(mixed):
    mixed.write_bytes(GOOD[0] + b"\n")
    before = mixed.stat()
    assert quarantine(mixed).moved == 0
    assert mixed.stat() == before
    assert {one.name for one in mixed.parent.iterdir()} - {f"{mixed.name}.lock"} == {mixed.name}


def test_an_original_kept_before_stays(mixed):
    first = quarantine(mixed).original
    mixed.write_bytes(b"[2]\n")
    second = quarantine(mixed).original
    assert (first.name, second.name) == (f"{mixed.name}.bak", f"{mixed.name}.bak2")
    assert (first.read_bytes(), second.read_bytes()) == (MIXED, b"[2]\n")
    assert len(put_aside(mixed)) == 4


def test_what_stablenew_appends_meanwhile_is_seen_and_kept(mixed, monkeypatch):
    aside = files._put_aside

    def append(*told):
        aside(*told)
        with mixed.open("ab") as file:
            file.write(b"\n" + GOOD[0] + b"\n")

    monkeypatch.setattr(files, "_put_aside", append)
    with pytest.raises(StateForbids, match="meanwhile"):
        quarantine(mixed)
    assert mixed.read_bytes() == MIXED + b"\n" + GOOD[0] + b"\n"
    monkeypatch.undo()
    quarantine(mixed)
    assert len(put_aside(mixed)) == 3


@pytest.mark.parametrize("number", range(1, 5))
def test_cut_off_anywhere_it_loses_no_line_and_tells_none_twice(mixed, monkeypatch, number):
    done = 0
    sync = os.fsync

    def cut_off(descriptor):
        nonlocal done
        done += 1
        if done == number:
            raise OSError(28, "no space left")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", cut_off)
    if number <= 3:
        with pytest.raises(ShareUnusable):
            quarantine(mixed)
        assert mixed.read_bytes() == MIXED
    monkeypatch.undo()
    quarantine(mixed)
    assert len(put_aside(mixed)) == 3
    assert not list(mixed.parent.glob(".*.tmp"))


def test_another_check_that_does_not_end_is_not_waited_for_for_ever(mixed, monkeypatch):
    monkeypatch.setattr(files, "LOCK_TIMEOUT_S", 0)
    with FileLock(f"{mixed}.lock"), pytest.raises(StateForbids), files.locked(mixed, timeout_s=0):
        pass


def test_a_file_that_is_not_there_is_told(tmp_path):
    for path in (tmp_path / "none.jsonl", named(tmp_path)):
        with pytest.raises(UsageError, match="there is no file"):
            list(lines_of(path))
        with pytest.raises(UsageError):
            quarantine(path)


# Bringing in

THEIRS = [
    json.dumps(
        {"run_id": f"t{n}", "timestamp": "2026-03-27T08:02:05", "metadata": {"user_rating": n}}
    ).encode()
    for n in range(1, 4)
]


def corpus(world):
    compile_ledger(world.actor("controller-c"), layout.CORPUS, touched=None)
    return (world.share.tree().get(layout.LEARNING_RECORDS) or b"").splitlines()


def test_records_are_brought_in_once_however_often(tmp_path):
    world = World()
    first = bring_in(world.person(), [one + b"\n" for one in THEIRS[:2]])
    assert (first.new, first.already) == (2, 0)
    again = bring_in(world.person(), [one + b"\r\n" for one in [*THEIRS, THEIRS[0]]])
    assert (again.new, again.already) == (1, 3)
    assert sorted(corpus(world)) == sorted(THEIRS)
    assert check(world.actor("person-fsck"), pause_s=0).is_sound


def test_stablenews_own_records_are_all_good_enough():
    lines = stablenew("learning/learning_records.jsonl").read_bytes().splitlines()
    world = World()
    brought = bring_in(world.person(), lines)
    assert (brought.new, brought.refused) == (len(set(lines)), [])


def test_bad_lines_are_refused_each_with_its_reason():
    world = World()
    brought = bring_in(
        world.person(),
        [b"[1]\n", THEIRS[0], b"\n", b'{"run_id": "x", "timestamp": "", "metadata": null}'],
    )
    assert (brought.new, [one.number for one in brought.refused]) == (1, [1, 4])
    assert corpus(world) == [THEIRS[0]]


def test_a_spools_own_records_come_with_its_jobs_only():
    world = World()
    own = json.dumps(
        {"run_id": "x", "timestamp": "", "metadata": {"spool_id": "other", "spool_word": 1}}
    ).encode()
    brought = bring_in(world.person(), [own])
    assert (brought.new, brought.of_spools) == (0, 1)
    assert corpus(world) == []


def test_the_controller_is_told_and_compiles_them_in_its_next_pass():
    world = World()
    scanner = world.controller()
    scanner.scan()
    bring_in(world.person(), THEIRS)
    scanner.scan()
    assert len(world.share.tree()[layout.LEARNING_RECORDS].splitlines()) == 3


@pytest.mark.parametrize(
    "fault",
    [Fault.CRASH, Fault.CRASH_AFTER, Fault.TORN, Fault.BEFORE, Fault.LOST_REPLY, Fault.FULL],
)
def test_cut_off_anywhere_it_is_done_again_and_nothing_is_there_twice(fault):
    for number in range(40):
        world = World()
        files_seen = world.client()
        files_seen.fail(number, fault, onward=fault is Fault.FULL)
        try:
            bring_in(world.person(files=files_seen), THEIRS)
        except (Crashed, OSError, ShareUnusable):
            bring_in(world.person(), THEIRS)
        if files_seen.operations > number or fault is Fault.LOST_REPLY:
            bring_in(world.person(), THEIRS)
        assert sorted(corpus(world)) == sorted(THEIRS)
        if files_seen.operations <= number:
            return
    raise AssertionError("it never ended")
