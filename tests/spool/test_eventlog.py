"""The event log: JSON lines in a file that does not grow for ever."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from spoolctl.spool import eventlog
from spoolctl.spool.eventlog import default_folder, open_log


@pytest.fixture
def opened(tmp_path):
    closes = []

    def open_(**options):
        path = tmp_path / "logs" / "worker-w1.jsonl"
        log, close = open_log(path, **options)
        closes.append(close)
        return path, log

    yield open_
    for close in closes:
        close()


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_event_is_one_json_line_with_its_moment_its_name_and_its_facts(opened):
    path, log = opened()

    log("claimed", job="job-1", attempt=2)
    log("idle")

    first, second = lines(path)
    assert list(first) == ["at", "event", "job", "attempt"]
    assert (first["event"], first["job"], first["attempt"]) == ("claimed", "job-1", 2)
    assert datetime.fromisoformat(first["at"]).utcoffset() == timedelta(0)
    assert list(second) == ["at", "event"]


def test_line_breaks_and_foreign_letters_stay_in_their_line(opened):
    path, log = opened()

    log("trouble", error="line 1\nline 2\r\u2028 \udc80 ä %s %(x)s")

    (one,) = lines(path)
    assert one["error"] == "line 1\nline 2\r\u2028 \udc80 ä %s %(x)s"


def test_what_is_none_is_left_out_and_what_json_does_not_know_is_told_as_text(opened):
    path, log = opened()

    log("said", code=None, path=Path("a"), empty="", zero=0)

    assert {key: value for key, value in lines(path)[0].items() if key != "at"} == {
        "event": "said", "path": "a", "empty": "", "zero": 0,
    }  # fmt: skip


def test_who_watches_is_told_the_same(opened):
    told = []
    _, log = opened(also=lambda event, facts: told.append((event, facts)))

    log("claimed", job="job-1", code=None)

    assert told == [("claimed", {"job": "job-1"})]


def test_the_file_is_rotated_and_only_so_many_are_kept(opened, monkeypatch):
    monkeypatch.setattr(eventlog, "BYTES_MAX", 1_000)
    monkeypatch.setattr(eventlog, "KEPT", 2)
    path, log = opened()

    for number in range(100):
        log("beat", number=number)

    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == [path.name, f"{path.name}.1", f"{path.name}.2"]
    assert all(file.stat().st_size <= 1_000 for file in files)
    kept = [line["number"] for file in (files[2], files[1], files[0]) for line in lines(file)]
    assert kept == list(range(kept[0], 100)), "whole lines, in their order"


def test_a_log_that_is_opened_again_goes_on_where_it_was(opened):
    path, log = opened()
    log("one")
    _, log = opened()
    log("two")

    assert [line["event"] for line in lines(path)] == ["one", "two"]


def test_a_folder_that_cannot_be_made_is_an_error_at_once(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        open_log(tmp_path / "file" / "log.jsonl")


def test_logs_go_where_the_system_keeps_a_users_state(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "spool" / "logs"

    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    assert default_folder() == tmp_path / "Local" / "spool" / "logs"
