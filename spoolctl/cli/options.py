"""The two options that every command has and that may also stand before its name; imports nothing but Typer."""

from pathlib import Path
from typing import Annotated, Any

import typer


def _or_as_given_before(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:  # noqa: ANN401
    """The option's value here, else that given before the command's name."""
    return value or ctx.find_root().params.get(str(param.name))


SpoolOption = Annotated[
    Path | None,
    typer.Option(
        "--spool",
        help="The spool's folder; else what SPOOL_ROOT says.",
        metavar="PATH",
        callback=_or_as_given_before,
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Answer with one JSON document.", callback=_or_as_given_before),
]
