"""docs/LEARNING.md: its commands run as printed, one after the other, and its tables say what the code does."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spoolctl.cli.app import main
from spoolctl.corpus.rules import Effect
from spoolctl.spool import SETTINGS_SCHEMA, Settings, create_spool, layout
from tests.spool.spool_world import START_UTC_S, World

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/LEARNING.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
TABLE = re.compile(r"^\| (?!effect)([^|]+?) \| [^|]+\|$", re.MULTILINE)


@pytest.fixture
def spool(tmp_path, monkeypatch):
    """A spool with two merged jobs, beside which lies a file of StableNew's."""

    root = tmp_path / "spool"
    at = datetime.fromtimestamp(START_UTC_S, tz=UTC)
    create_spool(root, Settings(schema_=SETTINGS_SCHEMA, spool_id="spool-test", created_at=at))
    world = World()
    for name in ("knight", "mill"):
        world.submit(name)
        world.worker("w0").work()
    world.controller().scan()
    for path, data in world.share.tree().items():
        there = root / path
        if data is None:
            there.mkdir(exist_ok=True, parents=True)
        elif path != layout.SETTINGS:
            there.parent.mkdir(exist_ok=True, parents=True)
            there.write_bytes(data)
    monkeypatch.setenv("SPOOL_ROOT", str(root))
    monkeypatch.chdir(tmp_path)
    theirs = (
        b'{"run_id": "t", "timestamp": "2026-03-27T08:02:05", "metadata": {"user_rating": 4}}\n'
    )
    (tmp_path / "learning_records.jsonl").write_bytes(theirs)
    return root


def test_every_command_runs_as_printed(spool, capsys):
    assert len(COMMANDS) > 10
    for line in COMMANDS:
        program, *arguments = shlex.split(line)
        assert program == "spoolctl"
        assert main(arguments) == 0, (line, capsys.readouterr().err)
    assert (spool.parent / "images.csv").is_file()


def test_the_table_of_effects_lists_each_that_there_is():
    section = TEXT[TEXT.index("## Checking") : TEXT.index("## Figures")]
    listed = [one for one in TABLE.findall(section) if not one.startswith("---")]
    assert len(listed) == len(Effect)
    for effect, said in zip(Effect, listed, strict=True):
        assert effect.value.startswith(said.removesuffix(" (not bad)"))
