"""Appending the corpus to StableNew's own file: ours once each, nothing of theirs touched."""

import json

import pytest
from filelock import FileLock

from spoolctl.controller import sync
from spoolctl.controller.sync import Synced, sync_into
from spoolctl.spool.errors import ShareUnusable, StateForbids, UsageError


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


# People's words


def word(run_id: str, number: int, rating: int) -> bytes:
    return line(run_id, metadata={"spool_word": number, "user_rating": rating})


def told(path) -> list[bytes]:
    return [one for one in path.read_bytes().splitlines(keepends=True) if one.strip()]


def test_a_later_word_takes_the_place_of_the_earlier_one_and_moves_no_other_line(tmp_path) -> None:
    compiled, into = tmp_path / "compiled.jsonl", tmp_path / "records.jsonl"
    compiled.write_bytes(line("a") + word("a", 1, 2))
    into.write_bytes(line("theirs"))
    sync_into(compiled, into)
    into.write_bytes(before := into.read_bytes() + line("more of theirs"))
    compiled.write_bytes(line("a") + word("a", 2, 5))
    assert sync_into(compiled, into) == Synced(appended=1, already=1, foreign=2, replaced=1)
    after = into.read_bytes()
    assert after == before.replace(word("a", 1, 2)[:-1], b" " * (len(word("a", 1, 2)) - 1)) + word(
        "a", 2, 5
    )
    assert told(into) == [line("theirs"), line("a"), line("more of theirs"), word("a", 2, 5)]
    assert sync_into(compiled, into) == Synced(appended=0, already=2, foreign=2, replaced=0)
    assert into.read_bytes() == after


def test_a_word_that_was_taken_back_goes(tmp_path) -> None:
    compiled, into = tmp_path / "compiled.jsonl", tmp_path / "records.jsonl"
    compiled.write_bytes(line("a") + word("a", 1, 2))
    sync_into(compiled, into)
    compiled.write_bytes(line("a"))
    assert sync_into(compiled, into).replaced == 1
    assert told(into) == [line("a")]


def test_a_word_is_the_same_however_stablenew_has_spaced_it(tmp_path) -> None:
    compiled, into = tmp_path / "compiled.jsonl", tmp_path / "records.jsonl"
    compiled.write_bytes(line("a") + word("a", 1, 2))
    into.write_bytes(before := (line("a") + word("a", 1, 2)).replace(b": ", b":"))
    assert sync_into(compiled, into) == Synced(appended=0, already=2, foreign=0)
    assert into.read_bytes() == before


def test_words_of_another_spool_are_not_ours(tmp_path, compiled) -> None:
    into = tmp_path / "records.jsonl"
    into.write_bytes(line("z") + word("z", 1, 3))
    assert sync_into(compiled, into) == Synced(appended=2, already=0, foreign=2)
    assert into.read_bytes().startswith(line("z") + word("z", 1, 3))


def test_cut_off_before_the_old_word_is_blanked_the_next_sync_does_it(
    tmp_path, monkeypatch
) -> None:
    compiled, into = tmp_path / "compiled.jsonl", tmp_path / "records.jsonl"
    compiled.write_bytes(line("a") + word("a", 1, 2))
    sync_into(compiled, into)
    compiled.write_bytes(line("a") + word("a", 2, 5))

    def cut_off(*_):
        raise OSError(5, "gone")

    monkeypatch.setattr(sync, "_blank", cut_off)
    with pytest.raises(ShareUnusable):
        sync_into(compiled, into)
    assert told(into) == [line("a"), word("a", 1, 2), word("a", 2, 5)]
    monkeypatch.undo()
    assert sync_into(compiled, into) == Synced(appended=0, already=2, foreign=0, replaced=1)
    assert told(into) == [line("a"), word("a", 2, 5)]


@pytest.mark.parametrize("blanked", range(0, 60, 7))
def test_a_line_that_was_blanked_in_part_is_passed_over_by_everybody(blanked) -> None:
    half = b" " * blanked + word("a", 1, 2)[blanked:]
    if blanked:
        with pytest.raises(json.JSONDecodeError):
            json.loads(half)


def test_a_file_that_stablenew_wrote_anew_meanwhile_is_left_alone(tmp_path, monkeypatch) -> None:
    compiled, into = tmp_path / "compiled.jsonl", tmp_path / "records.jsonl"
    compiled.write_bytes(line("a") + word("a", 1, 2))
    sync_into(compiled, into)
    compiled.write_bytes(line("a") + word("a", 2, 5))
    anew = line("theirs") * 9
    monkeypatch.setattr(sync, "_append", lambda target, _data: target.write_bytes(anew))
    with pytest.raises(StateForbids, match="anew meanwhile"):
        sync_into(compiled, into)
    assert into.read_bytes() == anew
