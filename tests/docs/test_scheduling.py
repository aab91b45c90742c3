"""docs/SCHEDULING.md: its commands run, and its table is what the simulator gives."""

import re
from pathlib import Path

import pytest

from spoolctl.cli.app import main
from spoolctl.spool import Choosing, from_mapping, parse_mapping
from spoolctl.spool.records.settings import Settings

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "docs" / "SCHEDULING.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^spoolctl (simulate .+)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(command, tmp_path, monkeypatch, capsys):
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    monkeypatch.chdir(tmp_path)
    assert main([*command.split(), "--alone"]) == 0
    assert "nobody could end before" in capsys.readouterr().out


def test_the_settings_that_it_shows_are_settings():
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    told = {
        "schema": "spool.settings/1", "spool_id": "x", "created_at": "2026-11-20T00:00:00Z", **parse_mapping(shown)
    }  # fmt: skip
    assert from_mapping(Settings, told).choosing.turns == "submitters"


def test_what_it_says_of_the_defaults_is_so():
    rules = Choosing()
    assert (
        f"`passes_max` of a batch is {rules.passes_max.batch} rather than {rules.passes_max.normal}"
        in TEXT
    )
