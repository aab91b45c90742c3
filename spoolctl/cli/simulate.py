"""``spoolctl simulate``: what the workers' own choosing would make of a farm and its jobs, in virtual time."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption, SpoolOption, opened
from spoolctl.cli.present import present
from spoolctl.scheduling.simulate.bound import lower_bound
from spoolctl.scheduling.simulate.described import described
from spoolctl.scheduling.simulate.farm import Farm
from spoolctl.scheduling.simulate.picture import picture
from spoolctl.scheduling.simulate.policies import POLICIES
from spoolctl.scheduling.simulate.report import Summary, summarise
from spoolctl.scheduling.simulate.traces import TRACES, farm
from spoolctl.scheduling.simulate.world import Told
from spoolctl.scheduling.simulate.world import simulate as live
from spoolctl.spool import BadRecord, Choosing, UsageError
from spoolctl.spool import parse_mapping as parse

_BYTES_MAX = 1 << 22


def simulate(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FARM.yaml]", help="Workers, models and jobs; see docs/SCHEDULING.md."
        ),
    ] = None,
    trace: Annotated[
        str | None, typer.Option("--trace", help=f"Instead of a file: {', '.join(TRACES)}.")
    ] = None,
    here: Annotated[
        bool,
        typer.Option("--here", help="Instead of a file: this spool's workers and what waits now."),
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Of a trace: how many jobs.")] = 2_000,
    seed: Annotated[int, typer.Option("--seed", help="Of a trace: which one is drawn.")] = 1,
    more: Annotated[
        list[str] | None,
        typer.Option("--more", metavar="WORKER", help="What if there were another like this one?"),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="WORKER", help="What if this one were away?"),
    ] = None,
    reserve: Annotated[
        list[str] | None,
        typer.Option(
            "--reserve", metavar="WORKER", help="What if this one took only interactive jobs?"
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare/--alone", help="Beside other policies, or alone.")
    ] = True,
    picture_to: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE.svg", help="Draw what each worker does when."),
    ] = None,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try the choosing on a farm that is not there."""
    rules, left_out = Choosing(), 0
    if here and file is None and trace is None:
        actor = opened(spool)
        found = present(actor)
        planned, rules, left_out = found.farm, actor.settings.choosing, found.left_out
    else:
        planned = _farm(file, trace, seed, jobs)
    for name in more or ():
        planned = planned.with_another(name)
    for name in without or ():
        planned = planned.without(name)
    for name in reserve or ():
        planned = planned.reserving(name, "interactive")
    told: dict[str, Told] = {
        name: live(planned, rules, chooses)
        for name, chooses in POLICIES.items()
        if compare or name == "spool"
    }
    bound_s = lower_bound(planned)
    rows = [summarise(name, planned, one) for name, one in told.items()]
    if picture_to is not None:
        _draw(picture_to, planned, told["spool"])
    document = {
        "farm": planned.name,
        "workers": [one.name for one in planned.workers],
        "bound_s": bound_s,
        "left_out": left_out,
        "policies": [asdict(row) for row in rows],
    }

    def text(page: rendering.Page) -> None:
        _page(page, planned, bound_s, rows)
        if left_out:
            page.line(
                f"{rendering.counted(left_out, 'job')} of a deep queue, or unreadable, left out"
            )

    rendering.answer(document, text, as_json=as_json)


def _farm(file: Path | None, trace: str | None, seed: int, jobs: int) -> Farm:
    if (file is None) == (trace is None):
        raise UsageError(
            "what is to be simulated? Name a file or a trace",
            hint=f"one of '--here', '--trace {next(iter(TRACES))}', or a file as docs/SCHEDULING.md shows it",
        )
    if trace is not None:
        if trace not in TRACES:
            raise UsageError(f"no trace '{trace}'", hint=f"there are: {', '.join(TRACES)}")
        return farm(trace, seed, jobs)
    assert file is not None  # noqa: S101 - one of the two is there
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read '{file}': {error.strerror or error}", hint="check the path"
        ) from None
    if len(data) > _BYTES_MAX:
        raise UsageError(f"'{file}' has {len(data)} bytes", hint=f"at most {_BYTES_MAX}")
    try:
        return described(parse(data.decode("utf-8-sig")), file.name)
    except (BadRecord, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read '{file}': {error}", hint="it must be YAML in UTF-8"
        ) from None


def _draw(file: Path, planned: Farm, told: Told) -> None:
    text = picture(planned, told, f"{planned.name}: what each worker does, hours:minutes")
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write '{file}': {error.strerror or error}", hint="name another with --picture"
        ) from None


def _page(page: rendering.Page, planned: Farm, bound_s: float, rows: list[Summary]) -> None:
    page.line(
        f"{planned.name}: {rendering.counted(len(planned.arrivals), 'job')}, "
        f"{rendering.counted(len(planned.workers), 'worker')}; nobody could end before {rendering.duration(bound_s)}"
    )
    classes = [
        one for one in ("interactive", "normal", "batch") if any(one in row.waits for row in rows)
    ]
    columns = ["POLICY", "ALL DONE AFTER", "X BOUND", "BUSY", "LOADS", "PASSED AT MOST"]
    columns += [f"{one.upper()} WAITS (95 %)" for one in classes]
    page.table(columns, [_row(row, bound_s, classes) for row in rows], folds=())
    if rows[0].never:
        page.line(f"{rendering.counted(rows[0].never, 'job')} fit no worker and were left out")


def _row(row: Summary, bound_s: float, classes: list[Any]) -> list[str]:
    waits = [row.waits.get(one) for one in classes]
    return [
        row.policy,
        rendering.duration(row.makespan_s),
        f"{row.makespan_s / bound_s:.3f}" if bound_s else "",
        f"{row.busy:.0%}",
        str(row.switches),
        str(row.passed_max),
        *(
            f"{rendering.duration(one.median_s)} ({rendering.duration(one.p95_s)})" if one else ""
            for one in waits
        ),
    ]
