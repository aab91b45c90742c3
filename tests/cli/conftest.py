"""A fresh spool, and the command line on it with a fixed clock and user."""

from pathlib import Path

import pytest
from cli_bench import NOW, Bench

from spoolctl.spool import SETTINGS_SCHEMA, Settings, create_spool


@pytest.fixture
def bench(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Bench:
    root, files = tmp_path / "spool", tmp_path / "files"
    files.mkdir()
    create_spool(root, Settings(schema_=SETTINGS_SCHEMA, spool_id="spool-test", created_at=NOW))
    monkeypatch.setenv("SPOOL_ROOT", str(root))
    monkeypatch.setenv("SPOOL_INDEX", str(tmp_path / "index"))
    monkeypatch.setattr("spoolctl.spool.system.SystemClock.utc_s", lambda _self: NOW.timestamp())
    monkeypatch.setattr("getpass.getuser", lambda: "Ada L.")
    return Bench(root, files, capsys)
