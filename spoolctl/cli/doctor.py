"""``spoolctl doctor``: prove a share before it is trusted, from this machine alone or together with a second one."""

from pathlib import Path
from typing import Annotated

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption, SpoolOption, person, spool_root
from spoolctl.spool import Finding
from spoolctl.spool.doctor import (
    THE_OTHER,
    Met,
    Ward,
    count,
    examine,
    is_bad,
    lines,
    meet,
    open_ward,
    remember,
    summary,
)

_STYLES = {"ok": "", "note": "cyan", "warning": "yellow", "bad": "red"}


def doctor(
    spool: SpoolOption = None,
    peer: Annotated[
        bool,
        typer.Option(
            "--peer",
            help="Together with a second machine, on which the same command runs at the same time.",
        ),
    ] = False,
    wait: Annotated[
        float,
        typer.Option(
            "--wait", metavar="SECONDS", min=1, help="How long to wait for the second machine."
        ),
    ] = 300.0,
    as_json: JsonOption = False,
) -> None:
    """Prove a share: what it refuses, how soon things are seen, locks, clock, permissions, speed, mount options.

    Works on a spool, and on a bare folder of a share before 'spoolctl init'. Everything is tried in a folder of its own, which is
    removed afterwards. Ends with 1 if anything is bad.
    """
    root = spool_root(spool)
    ward = open_ward(root, name=person(), tell=lambda line: rendering.complain("doctor", line))
    ward.tell(f"looking at '{root}' from '{ward.actor.host.machine}'")
    findings = examine(ward)
    met = meet(ward, wait_s=wait) if peer else None
    everything = [*findings, *(met.findings if met else ())]
    remembered = _remembered(ward, findings, met)
    document = {
        "folder": str(root.absolute()),
        "is_spool": ward.is_spool,
        "machine": ward.actor.host.machine,
        "peer": met.machine if met else None,
        "bad": is_bad(everything),
        "counts": count(everything),
        "findings": findings,
        "with_peer": met.findings if met else None,
        "remembered": remembered,
    }
    rendering.answer(
        document, lambda page: _text(page, root, ward, findings, met, remembered), as_json=as_json
    )
    if is_bad(everything):
        raise typer.Exit(1)


def _remembered(ward: Ward, findings: list[Finding], met: Met | None) -> str | None:
    if not ward.is_spool:
        return None
    try:
        return remember(ward.actor, findings, met)
    except OSError as error:
        rendering.complain("doctor", f"what was found is not remembered: {error.strerror or error}")
        return None


def _text(
    page: rendering.Page,
    folder: Path,
    ward: Ward,
    findings: list[Finding],
    met: Met | None,
    remembered: str | None,
) -> None:
    everything = [*findings, *(met.findings if met else ())]
    page.line(f"'{folder}' as '{ward.actor.host.machine}' sees it", style="bold")
    _table(page, findings)
    if met is not None:
        page.heading(f"together with '{met.machine}'" if met.machine else "together")
        _table(page, met.findings)
    page.line()
    page.line(summary(everything), style="bold")
    for line in _closing(ward, everything, met, remembered):
        page.line(line)


def _table(page: rendering.Page, findings: list[Finding]) -> None:
    for severity, line in lines(findings, rendering.width()):
        page.line(line, style=_STYLES[severity])


def _closing(
    ward: Ward, findings: list[Finding], met: Met | None, remembered: str | None
) -> list[str]:
    said = []
    if {one.about for one in findings if one.severity == "bad"} == {THE_OTHER}:
        said.append("The share is not proved between two machines yet.")
    elif is_bad(findings):
        said.append("Do not trust this folder with a spool until what is bad has been mended.")
    elif met is None:
        said.append(
            "Next: 'spoolctl doctor --peer' on this machine and a second one, at the same time."
        )
    if not ward.is_spool:
        said.append(
            "There is no spool here yet ('spoolctl init' makes one), so nothing is remembered."
        )
    elif remembered:
        said.append(f"Remembered in '{remembered}'.")
    return said
