"""``spoolctl init``: make a spool."""

from pathlib import Path
from typing import Annotated, Any

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption
from spoolctl.spool import (
    BadRecord,
    Settings,
    UsageError,
    create_spool,
    default_settings,
    from_mapping,
)
from spoolctl.spool.system import SystemClock, SystemEntropy
from spoolctl.views.plain import plain


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A new or empty folder on the share.")
    ],
    modes_files: Annotated[
        str | None,
        typer.Option(metavar="OCTAL", help="Permissions of new files, like 0664 (mixed shares)."),
    ] = None,
    modes_folders: Annotated[
        str | None, typer.Option(metavar="OCTAL", help="Permissions of new folders, like 2775.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="NAME", help="The Unix group of new files and folders.")
    ] = None,
    heartbeat_s: Annotated[
        float | None, typer.Option(help="Seconds between two heartbeats of a worker (10).")
    ] = None,
    lease_s: Annotated[
        float | None, typer.Option(help="Seconds after which a silent worker is given up (300).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a spool in a new or empty folder."""
    modes = {"files": modes_files, "folders": modes_folders, "group": group}
    said = {"heartbeat_s": heartbeat_s, "lease_s": lease_s}
    made = create_spool(folder, _settings(said, modes))
    settings = plain(made)

    def text(page: rendering.Page) -> None:
        page.line(f"made spool '{made.spool_id}' in '{folder}'")
        page.heading("next")
        page.pairs(
            [
                ("on every machine", f"set SPOOL_ROOT to this folder, here '{folder.absolute()}'"),
                ("on each GPU machine", "spoolworker run"),
                ("on one machine", "spoolctl controller run"),
                ("to submit", "spoolctl submit JOB.yaml"),
                ("to watch", "spoolctl status --watch"),
            ]
        )

    rendering.answer({"folder": str(folder), "settings": settings}, text, as_json=as_json)


def _settings(said: dict[str, Any], modes: dict[str, Any]) -> Settings:
    fresh = default_settings(SystemClock().utc_s(), SystemEntropy().token())
    mapping = plain(fresh)
    mapping |= {key: value for key, value in said.items() if value is not None}
    mapping["modes"] = {key: value for key, value in modes.items() if value is not None}
    try:
        return from_mapping(Settings, mapping)
    except BadRecord as error:
        raise UsageError(
            f"cannot make a spool so: {error}", hint="'spoolctl init --help' says what each means"
        ) from None
