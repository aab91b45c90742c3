"""An index that is damaged is made anew; one that cannot be used is told with what helps: to wait, or to look at the disk."""

import sqlite3
from contextlib import closing

import pytest
from ledgers import damage, image_line

from spoolctl.index import Index, Wanted, database, default_path, images
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


def jobs(actor, tmp_path, **kwargs):
    with indexed(actor, tmp_path / "spool", **kwargs) as index:
        return [one.job for one in images(index.connection, Wanted())]


@pytest.mark.parametrize("refresh", [True, False])
def test_one_that_is_damaged_in_its_middle_is_made_anew_and_to_be_asked_again(
    actor, path, ledgers, tmp_path, refresh
):
    ledgers.append(images=[image_line("night.0001")])
    jobs(actor, tmp_path)
    damage(path, "images")
    with pytest.raises(IndexUnusable, match="made anew") as caught:
        jobs(actor, tmp_path, refresh=refresh)
    assert caught.value.hint == "do it again"
    assert jobs(actor, tmp_path, refresh=False) == ["night.0001"]


def test_of_one_whose_damage_is_met_while_it_is_brought_in_step_nobody_hears(
    actor, path, ledgers, tmp_path
):
    ledgers.append(images=[image_line("night.0001")])
    jobs(actor, tmp_path)
    damage(path, "images")
    ledgers.append(images=[image_line("night.0002")])
    assert sorted(jobs(actor, tmp_path)) == ["night.0001", "night.0002"]


def test_one_that_is_damaged_again_at_once_is_not_made_anew_for_ever(
    actor, path, tmp_path, monkeypatch
):
    tries = []

    def refresh(self, root):
        tries.append(root)
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(Index, "refresh", refresh)
    with pytest.raises(IndexUnusable, match="malformed"):
        jobs(actor, tmp_path)
    assert len(tries) == 2


def test_a_damaged_one_that_another_program_has_open_on_windows_is_told_with_what_to_end(
    actor, path, ledgers, tmp_path, monkeypatch
):
    """Windows removes no file that somebody has open; not yet seen on a real one."""
    ledgers.append(images=[image_line("night.0001")])
    jobs(actor, tmp_path)
    damage(path, "images")

    def refused(_path):
        raise PermissionError(13, "The process cannot access the file")

    with monkeypatch.context() as patch:
        patch.setattr(database, "_remove", refused)
        with pytest.raises(IndexUnusable, match="cannot be removed: The process") as caught:
            jobs(actor, tmp_path)
    assert "controller" in caught.value.hint


def test_one_that_another_program_has_made_anew_since_is_not_removed_again(
    actor, path, ledgers, tmp_path
):
    ledgers.append(images=[image_line("night.0001")])
    jobs(actor, tmp_path)
    with Index(path) as old:
        with Index(path) as other:
            other.discard()
        assert jobs(actor, tmp_path) == ["night.0001"]
        old.discard()
    assert jobs(actor, tmp_path, refresh=False) == ["night.0001"]
