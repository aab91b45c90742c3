"""``spoolctl fsck``: check every invariant on a spool as it lies there, and with ``--repair`` do what is safe."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from spoolctl.cli.opening import DryRunOption, JsonOption, SpoolOption, opened
from spoolctl.cli.rendering import Page, answer
from spoolctl.fsck import PAUSE_S, Finding, Repaired, Report, Severity, check, repair
from spoolctl.spool import UsageError
from spoolctl.views.plain import counted

FOUND = 1
_SHOWN_OF_ONE_CODE = 12
_TITLES = {
    Severity.DAMAGE: "damage: an invariant does not hold",
    Severity.STUCK: "stuck: nothing is lost, and nothing goes on by itself",
    Severity.NOTE: "notes",
}


def fsck(
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every output back and compare its SHA-256.")
    ] = False,
    mend: Annotated[
        bool, typer.Option("--repair", help="Do what is safe; tell what a person must do.")
    ] = False,
    dry_run: DryRunOption = False,
    pause: Annotated[
        float, typer.Option(min=0, max=3_600, metavar="SECONDS", help="Between the two looks.")
    ] = PAUSE_S,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="One line.")] = False,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every invariant of a spool, live or at rest."""
    if dry_run and not mend:
        raise UsageError("--dry-run goes with --repair", hint="a check alone changes nothing")
    actor = opened(spool)
    report = check(actor, deep=deep, pause_s=pause)
    repaired: list[Repaired] = []
    if mend:
        repaired = repair(actor, [*report.findings, *report.pending], dry_run=dry_run)
    if any(one.done for one in repaired):
        report = check(actor, deep=deep, pause_s=pause)
    answer(
        _document(report, repaired),
        lambda page: _page(page, report, repaired),
        as_json=as_json,
        quiet=[_verdict(report)] if quiet else None,
    )
    if not report.is_sound:
        raise typer.Exit(FOUND)


def _document(report: Report, repaired: Iterable[Repaired]) -> dict[str, Any]:
    return {
        "sound": report.is_sound,
        "damage": len(report.damage),
        "stuck": len(report.stuck),
        "notes": len(report.notes),
        "findings": [_facts(one) for one in report.findings],
        "on_its_way": report.on_its_way,
        "repaired": [
            {"code": one.finding.code, "path": one.finding.path, "did": one.did, "done": one.done}
            for one in repaired
        ],
        "checked": {
            "jobs": report.tally.jobs,
            "attempts": report.tally.attempts,
            "verdicts": report.tally.verdicts,
            "outputs": report.tally.outputs,
            "digested": report.tally.digested,
        },
        "seconds": round(report.seconds, 3),
    }


def _facts(one: Finding) -> dict[str, Any]:
    return {
        "severity": one.severity.value,
        "code": one.code,
        "invariant": one.invariant,
        "path": one.path,
        "what": one.what,
        "value": one.value,
        "remedy": one.remedy,
        "job": one.job,
        "repairable": one.mend is not None,
    }


def _verdict(report: Report) -> str:
    notes = counted(len(report.notes), "note")
    return f"{len(report.damage)} damaged, {len(report.stuck)} stuck, {notes}; {_looked_at(report)}"


def _looked_at(report: Report) -> str:
    tally = report.tally
    told = [
        counted(tally.jobs, "job"),
        counted(tally.attempts, "attempt"),
        counted(tally.verdicts, "verdict"),
        counted(tally.outputs, "output"),
    ]
    read = f" ({tally.digested} read back)" if tally.digested else ""
    return f"{', '.join(told)}{read} in {report.seconds:.1f} s"


def _page(page: Page, report: Report, repaired: list[Repaired]) -> None:
    for severity, title in _TITLES.items():
        found = report.of(severity)
        if found:
            page.heading(title)
            page.pairs(_rows(found))
    if repaired:
        page.heading("repair")
        page.pairs((one.finding.code, f"{one.finding.path}: {one.did}") for one in repaired)
    if report.findings or repaired:
        page.line()
    page.line(_verdict(report), style="bold")
    if report.pending:
        told = ", ".join(f"{count} {code}" for code, count in report.on_its_way.items())
        page.line(f"on its way, no finding: {told}")


def _rows(found: tuple[Finding, ...]) -> Iterable[tuple[str, str]]:
    """Three lines a finding; of many of one kind only the first."""
    shown: Counter[str] = Counter()
    for one in found:
        shown[one.code] += 1
        if shown[one.code] > _SHOWN_OF_ONE_CODE:
            continue
        said = f" ({one.value})" if one.value and one.value not in one.what else ""
        does = " (--repair does it)" if one.mend is not None else ""
        yield one.invariant, one.path
        yield " ", f"{one.what}{said}"
        yield " ", f"-> {one.remedy}{does}"
    for code, count in shown.items():
        if count > _SHOWN_OF_ONE_CODE:
            yield " ", f"and {count - _SHOWN_OF_ONE_CODE} more '{code}'; --json lists all"
