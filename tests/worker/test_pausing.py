"""A worker is paused on its own machine by a small file, with or without the share."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spoolctl.spool import UsageError
from spoolworker.availability import Pause, PauseFile

TRIES = 10
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path):
    return PauseFile(tmp_path / "logs" / "pause-attic.json")


def put(file, text):
    file.path.parent.mkdir()
    file.path.write_text(text, encoding="utf-8")


def test_without_a_file_nothing_is_paused(file):
    assert file.read(NOON.timestamp()) is None


@pytest.mark.parametrize(
    "pause",
    [
        Pause(),
        Pause("ann", "a game", None, now=True),
        Pause(until=datetime(2026, 11, 21, 14, tzinfo=UTC)),
    ],
)
def test_what_was_asked_is_heard_as_it_was_asked(file, pause):
    file.write(pause)

    assert file.read(NOON.timestamp()) == pause
    assert [one.name for one in file.path.parent.iterdir()] == ["pause-attic.json"]


def test_a_pause_for_a_while_is_over_when_the_machines_clock_shows_its_moment(file):
    file.write(Pause(until=NOON))

    assert file.read(NOON.timestamp() - 1) is not None
    assert file.read(NOON.timestamp()) is None


def test_an_empty_file_pauses_so_that_any_hook_can_make_one(file):
    put(file, "")

    assert file.read(0.0) == Pause()


@pytest.mark.parametrize(
    "text", ["{", "[]", "3", '{"until": "soon"}', '{"until": 7}', "[" * 5000, "x"]
)
def test_a_file_that_cannot_be_understood_pauses_and_says_why(file, text):
    """The other way round, a slip of the pen would take the card from whoever paused it."""
    put(file, text)

    assert "holds something else than 'spoolworker pause' writes" in file.read(0.0).why


def test_a_file_that_cannot_be_read_pauses(file):
    file.path.mkdir(parents=True)

    assert "cannot be read" in file.read(0.0).why


def test_notepads_mark_and_a_moment_without_a_zone_are_understood(file):
    put(file, "\ufeff" + json.dumps({"until": "2026-11-21T12:00:00", "by": "ann"}))

    local = datetime(2026, 11, 21, 12).astimezone()
    assert file.read(0.0) == Pause("ann", until=local.astimezone(UTC))


def test_a_pause_ends_when_it_is_taken_back(file):
    file.write(Pause())

    assert file.remove()
    assert not file.remove()
    assert file.read(0.0) is None


def test_a_place_where_nothing_can_be_written_is_told(tmp_path):
    (tmp_path / "logs").write_text("a file")

    with pytest.raises(UsageError, match="cannot change") as caught:
        PauseFile(tmp_path / "logs" / "pause.json").write(Pause())
    assert "pause_file" in caught.value.hint


@pytest.mark.parametrize("times", [3, 100])
def test_a_file_that_windows_lets_nobody_replace_for_a_moment_is_tried_again(
    file, monkeypatch, times
):
    """The worker reads it just then. Played; not yet seen on a real one."""
    refusals, waits = iter([PermissionError(13, "in use by another process")] * times), []
    replace, unlink = Path.replace, Path.unlink

    def refused(call):
        def made(*arguments):
            error = next(refusals, None)
            if error is not None:
                raise error
            return call(*arguments)

        return made

    monkeypatch.setattr(Path, "replace", refused(replace))
    monkeypatch.setattr(Path, "unlink", refused(unlink))
    monkeypatch.setattr("time.sleep", waits.append)

    if times > TRIES:
        with pytest.raises(UsageError, match="in use by another process"):
            file.write(Pause())
        assert len(waits) == TRIES
        return
    file.write(Pause())
    assert file.remove()
    assert len(waits) == times
