"""Appending the corpus to StableNew's own file: ours once each, nothing of theirs touched."""

import json

import pytest
from filelock import FileLock

from spoolctl.controller.sync import Synced, sync_into
from spoolctl.spool.errors import StateForbids, UsageError


def line(run_id: str, **more: object) -> bytes:
    return json.dumps({"run_id": run_id, **more}).encode() + b"\n"


@pytest.fixture
def compiled(tmp_path):
    path = tmp_path / "compiled.jsonl"
    path.write_bytes(line("a") + line("b"))
    return path


def test_what_is_missing_is_appended_once(tmp_path, compiled) -> None:
    into = tmp_path / "learning_records.jsonl"
    into.write_bytes(line("theirs") + line("a", rated=True))
    assert sync_into(compiled, into) == Synced(appended=1, already=1, foreign=1)
    assert into.read_bytes() == line("theirs") + line("a", rated=True) + line("b")
    assert sync_into(compiled, into) == Synced(appended=0, already=2, foreign=1)


def test_a_rating_of_our_record_is_no_foreign_line(tmp_path, compiled) -> None:
    into = tmp_path / "records.jsonl"
    into.write_bytes(line("a") + line("a", user_rating=5))
    assert sync_into(compiled, into) == Synced(appended=1, already=1, foreign=0)


def test_a_torn_last_line_gets_its_newline_and_is_kept(tmp_path, compiled) -> None:
    into = tmp_path / "records.jsonl"
    into.write_bytes(line("theirs") + b'{"run_id": "to')
    assert sync_into(compiled, into).appended == 2
    assert into.read_bytes() == (line("theirs") + b'{"run_id": "to\n' + line("a") + line("b"))


def test_lines_that_are_no_records_are_borne_on_both_sides(tmp_path, compiled) -> None:
    junk = b'\n[1, 2]\n5\n\xff\xfe\n{"run_id": 7}\n'
    compiled.write_bytes(junk + compiled.read_bytes() + b'{"run_id": "half"}')
    into = tmp_path / "records.jsonl"
    into.write_bytes(junk)
    assert sync_into(compiled, into) == Synced(appended=2, already=0, foreign=4)
    assert into.read_bytes() == junk + line("a") + line("b")


@pytest.mark.parametrize("name", ["learning", "learning.d"])
def test_a_folder_stands_for_the_file_in_it(tmp_path, compiled, name) -> None:
    (tmp_path / name).mkdir()
    sync_into(compiled, tmp_path / name)
    assert (tmp_path / name / "learning_records.jsonl").read_bytes() == line("a") + line("b")


@pytest.mark.parametrize("name", ["missing", "missing/records.jsonl"])
def test_no_folder_is_made(tmp_path, compiled, name) -> None:
    with pytest.raises(UsageError, match="there is no folder") as caught:
        sync_into(compiled, tmp_path / name)
    assert caught.value.hint
    assert not (tmp_path / "missing").exists()


def test_nothing_compiled_yet_is_said(tmp_path) -> None:
    with pytest.raises(StateForbids, match="nothing was compiled yet"):
        sync_into(tmp_path / "none.jsonl", tmp_path / "records.jsonl")


def test_another_sync_that_does_not_end_is_not_waited_for_for_ever(tmp_path, compiled) -> None:
    into = tmp_path / "records.jsonl"
    with FileLock(f"{into}.lock"), pytest.raises(StateForbids, match="another sync"):
        sync_into(compiled, into, lock_timeout_s=0)
    assert not into.exists()


def test_a_file_that_has_all_is_not_written(tmp_path, compiled) -> None:
    into = tmp_path / "records.jsonl"
    sync_into(compiled, into)
    before = into.stat().st_mtime_ns
    sync_into(compiled, into)
    assert into.stat().st_mtime_ns == before
