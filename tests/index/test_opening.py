"""An index that cannot be used is told with what helps: to wait, to look at the disk, or to delete the file."""

import sqlite3
from contextlib import closing

import pytest

from spoolctl.index import database, default_path
from spoolctl.index.opening import IndexUnusable, indexed
from spoolctl.spool import create_spool, default_settings, open_spool


@pytest.fixture
def actor(tmp_path, monkeypatch):
    monkeypatch.setenv("SPOOL_INDEX", str(tmp_path / "index"))
    create_spool(tmp_path / "spool", default_settings(1_800_000_000, "test"))
    return open_spool(tmp_path / "spool", name="person-test")


@pytest.fixture
def path(actor, tmp_path):
    with indexed(actor, tmp_path / "spool") as index:
        return index.path


def opening(actor, tmp_path):
    with (
        pytest.raises(IndexUnusable) as caught,
        indexed(actor, tmp_path / "spool", refresh=False) as index,
    ):
        index.forget()
    return caught.value


def test_one_that_another_program_is_writing_is_not_to_be_deleted(
    actor, path, tmp_path, monkeypatch
):
    monkeypatch.setattr(database, "_WAIT_S", 0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        told = opening(actor, tmp_path)
    assert "database is locked" in str(told)
    assert "another program" in told.hint
    assert "delete" not in told.hint
    assert path == default_path(actor.settings.spool_id)


def test_one_that_cannot_be_made_sends_to_the_disk(actor, path, tmp_path):
    for file in path.parent.iterdir():
        file.unlink()
    path.mkdir()
    told = opening(actor, tmp_path)
    assert "unable to open" in str(told)
    assert "SPOOL_INDEX" in told.hint


def test_one_of_which_a_table_is_gone_is_to_be_deleted(actor, path, tmp_path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DROP TABLE told")
    with pytest.raises(IndexUnusable) as caught, indexed(actor, tmp_path / "spool") as index:
        index.was_told("night", "result")
    assert "delete the file" in caught.value.hint
