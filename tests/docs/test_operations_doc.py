"""docs/OPERATIONS.md: its section on a machine that is somebody's own tells every key, and what it shows works as printed."""

import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from spoolworker import cli, config
from spoolworker.availability import AvailabilityConfig

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/OPERATIONS.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## When a machine is yours\n.*?(?=^## )", TEXT, re.MULTILINE | re.DOTALL)[0]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", SECTION, flags=re.MULTILINE | re.DOTALL)


def test_every_key_of_the_availability_is_in_its_table_and_no_other():
    listed = re.findall(r"^\| `([a-z_]+)` \|", SECTION, flags=re.MULTILINE)

    assert listed == list(AvailabilityConfig.model_fields)


def test_the_example_is_understood():
    (example,) = blocks("toml")

    said = AvailabilityConfig.model_validate(tomllib.loads(example)["availability"])

    assert said.week is not None
    assert said.others_vram_gb == 2.0


def test_the_example_file_for_workers_shows_every_key_of_it():
    text = (ROOT / "examples/worker.toml").read_text(encoding="utf-8")
    table = text[text.index("# [availability]") :].split("\n\n")[0]
    shown = re.sub(r"^# ", "", table, flags=re.MULTILINE)

    said = tomllib.loads(shown)["availability"]

    assert list(said) == list(AvailabilityConfig.model_fields)
    assert AvailabilityConfig.model_validate(said).week is not None


def test_the_commands_pause_and_resume_as_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(config, "default_file", lambda: tmp_path / "none.toml")
    monkeypatch.setattr(cli, "default_folder", lambda: tmp_path / "logs")
    (commands,) = blocks("sh")
    for line in commands.splitlines():
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert not caught.value.code

    paused, resumed = capsys.readouterr().out.splitlines()
    assert "it hands back what it runs, then claims nothing until" in paused
    assert resumed.endswith(": goes on")
