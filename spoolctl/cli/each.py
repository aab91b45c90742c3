"""Doing one thing to several jobs: an error with one of them does not keep it from the others."""

from collections.abc import Callable, Collection
from typing import Any

import typer

from spoolctl.cli import errors, rendering
from spoolctl.spool import SpoolError, from_share
from spoolctl.views.plain import counted

Deed = Callable[[str], tuple[str, dict[str, Any]]]
"""Does it to one, named as the person named it; gives the line that says so and its JSON."""


def do_each(
    names: Collection[str],
    deed: Deed,
    *,
    noun: str = "jobs",
    as_json: bool,
    bulk: str | None = None,
) -> None:
    """Do *deed* to each of *names*, in order, and report each.

    Args:
        names: To what.
        deed: What.
        noun: The key of the JSON document under which the done ones are listed.
        as_json: Whether ``--json`` was given.
        bulk: If nobody typed the names, what is being done; the text then begins with how many they are.

    Raises:
        typer.Exit: With the first error's exit code, after all were tried.
    """
    done: list[tuple[str, dict[str, Any]]] = []
    failed: list[tuple[str, SpoolError]] = []
    for name in names:
        try:
            done.append(deed(name))
        except SpoolError as error:
            failed.append((name, error))
        except OSError as error:
            failed.append((name, from_share(error)))
    document: dict[str, Any] = {noun: [facts for _, facts in done]}
    if failed:
        first = failed[0][1]
        document |= errors.document_of(first)
        document["errors"] = [{"asked": name, **errors.document_of(e)} for name, e in failed]

    def text(page: rendering.Page) -> None:
        if bulk is not None:
            page.line(f"{bulk} {counted(len(names), 'job')}")
        for line, _ in done:
            page.line(line)

    rendering.answer(document, text, as_json=as_json)
    for _, problem in failed:
        errors.tell(problem)
    if failed:
        raise typer.Exit(failed[0][1].exit_code)


def show_instead(names: list[str], what: str, *, as_json: bool) -> None:
    """For ``--dry-run``: tell which jobs *what* would happen to."""

    def text(page: rendering.Page) -> None:
        page.line(f"would {what} {counted(len(names), 'job')}")
        for name in names:
            page.line(name)

    rendering.answer({"dry_run": True, "would": what, "jobs": names}, text, as_json=as_json)
