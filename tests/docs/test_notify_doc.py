"""docs/NOTIFY.md and the example file: every key is told with its default, and the commands work as printed."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from spoolctl.cli.app import main
from spoolctl.notify import Config, addresses_of, read_config
from spoolctl.notify.news import EVENTS
from tests.notify import service as serving

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/NOTIFY.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples/notify.yaml"
apprise_is_loaded, service = serving.apprise_is_loaded, serving.service


def test_every_key_is_in_the_table_and_no_other():
    table = TEXT[TEXT.index("| key |") :].split("\n\n")[0]
    listed = re.findall(r"^\| `([a-z_]+)` \|", table, flags=re.MULTILINE)
    assert listed == [name for name in Config.model_fields if name != "schema_"]


def test_every_event_is_in_its_table():
    table = TEXT[TEXT.index("| event |") :].split("\n\n")[0]
    assert tuple(re.findall(r"^\| `([a-z]+)` \|", table, flags=re.MULTILINE)) == EVENTS


def test_the_example_file_shows_every_key_with_its_default():
    said = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    assert list(said) == [name for name in Config.model_fields if name != "schema_"]
    config = read_config(EXAMPLE)
    for name, field in Config.model_fields.items():
        if name not in ("schema_", "addresses", "quiet"):
            assert getattr(config, name) == field.default, name
    assert config.hours is not None


def test_apprise_knows_every_address_of_the_example():
    pytest.importorskip("apprise")
    assert [one.name for one in addresses_of(read_config(EXAMPLE))] == ["1-ntfy", "discord", "mail"]


def test_the_commands_work_as_printed(service, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").mkdir()
    shutil.copy(EXAMPLE, tmp_path / "examples")
    (block,) = re.findall(r"^```sh\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
    install, copy, chmod, check, test, run = (shlex.split(line) for line in block.splitlines())
    assert install == ["pip", "install", "spoolctl[notify]"]
    assert copy == ["cp", "examples/notify.yaml", "notify.yaml"]
    assert chmod == ["chmod", "600", "notify.yaml"]
    (tmp_path / "notify.yaml").write_text(f"addresses: ['{service.url}']\n")
    (tmp_path / "notify.yaml").chmod(0o600)

    assert main(check[1:]) == 0
    assert main(test[1:]) == 0

    assert len(service.messages) == 1
    assert "1-json: went" in capsys.readouterr().out
    assert run[:3] == ["spoolctl", "controller", "run"]  # the scenario with processes runs it
