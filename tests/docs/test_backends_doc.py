"""docs/BACKENDS.md holds every option, stage field, code and exit code that the code has, and no other; its examples are read by it."""

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from spoolctl.spool import Code, parse_job, stages_of
from spoolctl.spool.records.image import (
    ADetailer,
    Hires,
    Img2Img,
    Refiner,
    Sampling,
    Txt2Img,
    Upscale,
)
from spoolworker.backends import BACKENDS
from spoolworker.backends.comfyui.options import Options as ComfyUIOptions
from spoolworker.backends.command.codes import EXIT_CODES
from spoolworker.backends.drills import Drills
from spoolworker.backends.ollama.options import Options as OllamaOptions
from spoolworker.backends.webui.settings import Settings
from spoolworker.commands import AllowedCommand
from spoolworker.config import load
from spoolworker.serving import ServerConfig

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/BACKENDS.md").read_text(encoding="utf-8")
OPTIONS = {
    "webui": Settings,
    "comfyui": ComfyUIOptions,
    "ollama": OllamaOptions,
    "command": AllowedCommand,
    "sketch": Drills,
    "Health": ServerConfig,
}
"""Heading of a section to what its table of options describes."""


def section(heading):
    found = re.search(rf"^## {heading}\b.*?(?=^## |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert found, f"there is no section '{heading}'"
    return found[0]


def rows(text, *head):
    """The rows, as lists of cells, of the table whose first line begins with these cells."""
    lines = [line.strip() for line in text.splitlines()]
    start = next(n for n, line in enumerate(lines) if cells(line)[: len(head)] == list(head))
    body = lines[start + 2 :]
    end = next((n for n, line in enumerate(body) if not line.startswith("|")), len(body))
    return [cells(line) for line in body[:end]]


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def names(text):
    return re.findall(r"`([^`]+)`", text)


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


def defaults(options):
    if dataclasses.is_dataclass(options):
        return {one.name: one.default for one in dataclasses.fields(options)}
    fields = options.model_fields
    return {n: "must be said" if f.is_required() else f.default for n, f in fields.items()}


def shown(value):
    if value is None or value == {}:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(value)
    return f"{value:g}" if isinstance(value, int | float) else value


@pytest.mark.parametrize("heading", OPTIONS)
def test_a_backends_table_has_each_of_its_options_with_its_default(heading):
    first = "key" if heading in ("command", "Health") else "option"
    listed = {
        one: said.strip("`")
        for name, said, _ in rows(section(heading), first, "default")
        for one in names(name)
    }

    assert listed == {n: shown(v) for n, v in defaults(OPTIONS[heading]).items()}


def test_every_field_of_every_stage_has_a_row_and_the_table_a_column_for_each_backend():
    table = section("Every stage and option")
    head = next(line for line in table.splitlines() if line.startswith("| asked for"))
    listed = {name for row in rows(table, "asked for") for name in names(row[0])}
    fields = {
        name
        for stage in (Sampling, Txt2Img, Img2Img, ADetailer, Upscale)
        for name in stage.model_fields
    }
    fields -= {"stage", "hires", "refiner"}
    fields |= {f"hires.{name}" for name in Hires.model_fields}
    fields |= {f"refiner.{name}" for name in Refiner.model_fields}

    assert set(cells(head)[1:]) == set(BACKENDS)
    assert fields <= listed


def test_every_code_stands_in_the_table_of_codes_or_beside_it():
    text = section("Error codes")
    in_table = {names(row[0])[0] for row in rows(text, "code")}
    beside = set(names(next(line for line in text.splitlines() if line.startswith("Never a"))))

    assert not in_table & beside
    assert in_table | beside == {code.value for code in Code}


def test_every_exit_code_of_a_command_stands_in_its_row():
    told = {
        int(number): names(row[0])[0]
        for row in rows(section("Error codes"), "code")
        for number in re.findall(r"\b\d{2,3}\b", row[4])
    }

    assert told == {number: code.value for number, code in EXIT_CODES.items()}


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_job_in_the_document_is_a_job(text):
    assert stages_of(parse_job(text.encode()))


@pytest.mark.parametrize("text", blocks("toml"))
def test_a_configuration_in_the_document_is_one_and_its_options_are_known(text, tmp_path):
    file = tmp_path / "worker.toml"
    file.write_text(text, encoding="utf-8")
    config = load({}, file=file, environment={}, log_folder=tmp_path).config

    assert config.backend in BACKENDS
    assert set(config.backend_options) <= set(defaults(OPTIONS[config.backend]))
    assert set(tomllib.loads(text)) <= set(type(config).model_fields)
