"""What every command begins with: the options that all of them have, and opening the spool as this person."""

import getpass
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from spoolctl.cli import completing, options
from spoolctl.spool import Actor, NoSpool, UsageError, open_spool, slug

ENV_ROOT = "SPOOL_ROOT"


SpoolOption = options.SpoolOption
JsonOption = options.JsonOption
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Only the jobs' names.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Only show what would be done; change nothing.")
]
JobArgument = Annotated[
    str,
    typer.Argument(
        metavar="JOB",
        help="A job: the beginning of its name, or its whole job_id.",
        autocompletion=completing.jobs,
        show_default=False,
    ),
]
JobsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="JOB...",
        help="Jobs: the beginnings of their names, or their whole job_ids.",
        autocompletion=completing.jobs,
        show_default=False,
    ),
]
JobsIfAny = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[JOB...]",
        help="Jobs: the beginnings of their names, or their whole job_ids.",
        autocompletion=completing.jobs,
        show_default=False,
    ),
]
WorkersArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="WORKER...",
        help="Names of workers, as 'spoolctl nodes' shows them.",
        autocompletion=completing.workers,
        show_default=False,
    ),
]
ClassOption = Annotated[
    str | None,
    typer.Option(
        "--class",
        metavar="CLASS",
        help="interactive, normal or batch.",
        autocompletion=completing.classes,
        show_default=False,
    ),
]
GroupOption = Annotated[
    str | None,
    typer.Option("--group", metavar="NAME", help="Jobs of this group.", show_default=False),
]


def spool_root(given: Path | None) -> Path:
    """The spool's folder.

    Raises:
        NoSpool: Neither ``--spool`` nor ``SPOOL_ROOT`` names one.
    """
    said = given or os.environ.get(ENV_ROOT)
    if not said:
        raise NoSpool("no spool named")
    return Path(said)


def person() -> str:
    """Who types, as the spool knows them."""
    try:
        user = slug(getpass.getuser())
    except (OSError, KeyError, ImportError):  # no such user id, or on Windows no such variable
        user = ""
    return f"person-{user or 'someone'}"


def opened(given: Path | None) -> Actor:
    """The spool, opened as this person; errors as for ``open_spool``."""
    return open_spool(spool_root(given), name=person())


def job_class(given: str | None) -> Any:  # noqa: ANN401 - one of the literals of JobClass
    """The class that ``--class`` names.

    Raises:
        UsageError: There is no such class.
    """
    if given is not None and given not in completing.classes():
        raise UsageError(
            f"no class '{given}'", hint=f"the classes are {', '.join(completing.classes())}"
        )
    return given
