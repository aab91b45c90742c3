"""``spoolctl notify``: whether people can be told what happens, before anything does."""

import io
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption
from spoolctl.groups.sheet import Cell, sheet
from spoolctl.notify import (
    ENV_FILE,
    Config,
    addresses_of,
    config_file,
    others_may_read,
    read_config,
    send,
)
from spoolctl.spool import UsageError

UNREACHED = 14
"""The exit code if somebody was not reached."""
_COLOURS = ((190, 70, 60), (210, 160, 60), (70, 150, 90), (60, 110, 180))

app = typer.Typer(no_args_is_help=True, help="Telling people what happens.")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Whom to tell what: a YAML file; else $SPOOL_NOTIFY."),
]


@app.callback()
def notify() -> None:
    """Telling people what happens: groups that are done or failing, sick workers, a full share, an idle farm."""


@app.command("test")
def try_out(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Send a message with a small picture to each address, and say whether it went."""
    path, said = _read(config)
    title = f"{said.title}: a test" if said.title else "a test"
    lines = [
        "spoolctl can tell you what happens.",
        "Below is a picture, where the service shows one.",
    ]
    told = []
    for one in addresses_of(said):
        problem = send(one, "info", title, lines, [_picture()] if said.pictures else [])
        told.append({"address": one.name, "went": problem is None, "problem": problem})

    def text(page: rendering.Page) -> None:
        for one in told:
            page.line(f"{one['address']}: {'went' if one['went'] else one['problem']}")

    rendering.answer({"config": str(path), "addresses": told}, text, as_json=as_json)
    _warn_of_readers(path)
    if not all(one["went"] for one in told):
        raise typer.Exit(UNREACHED)


@app.command()
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say whom the file names and what they would be told, and send nothing."""
    path, said = _read(config)
    names = [one.name for one in addresses_of(said)]
    document: dict[str, Any] = {
        "config": str(path),
        "addresses": names,
        **said.model_dump(mode="json", exclude={"schema_", "addresses"}),
    }

    def text(page: rendering.Page) -> None:
        page.pairs(
            [
                ("addresses", ", ".join(names)),
                ("told of", ", ".join(said.events)),
                ("quiet", "; ".join(said.quiet) or "never"),
            ]
        )

    rendering.answer(document, text, as_json=as_json)
    _warn_of_readers(path)


def _read(config: Path | None) -> tuple[Path, Config]:
    path = config_file(config)
    if path is None:
        raise UsageError(
            "nobody is to be told: no file says whom",
            hint=f"name it with --config FILE or ${ENV_FILE}; docs/NOTIFY.md has an example",
        )
    return path, read_config(path)


def _warn_of_readers(path: Path) -> None:
    if others_may_read(path):
        rendering.complain("warning", f"others on this machine can read '{path}': chmod 600 it")


def _picture() -> bytes:
    """A contact sheet of four plain images."""
    cells = []
    for number, colour in enumerate(_COLOURS, 1):
        made = io.BytesIO()
        Image.new("RGB", (240, 160), colour).save(made, "JPEG")
        cells.append(Cell(made.getvalue(), f"image {number}"))
    return sheet("spoolctl notify test", cells)
