"""``spoolctl simulate``: what the workers' own choosing would make of a farm and its jobs, in virtual time."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption, SpoolOption, opened
from spoolctl.cli.past import past_of
from spoolctl.cli.present import present
from spoolctl.scheduling.simulate.bound import lower_bound
from spoolctl.scheduling.simulate.described import described
from spoolctl.scheduling.simulate.farm import Farm
from spoolctl.scheduling.simulate.past import Window
from spoolctl.scheduling.simulate.picture import picture
from spoolctl.scheduling.simulate.policies import POLICIES
from spoolctl.scheduling.simulate.report import Summary, summarise
from spoolctl.scheduling.simulate.traces import TRACES, farm
from spoolctl.scheduling.simulate.world import Told
from spoolctl.scheduling.simulate.world import simulate as live
from spoolctl.spool import BadRecord, Choosing, UsageError
from spoolctl.spool import parse_mapping as parse
from spoolctl.views.moments import moment_of
from spoolctl.views.plain import counted, duration

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
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Instead of a file: what ran here since then: 12h, 2d, 2026-11-20 or 2026-11-20T20:00.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="... and began before then; else now."),
    ] = None,
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
    asked = _asked(file, trace, seed, jobs, here=here, since=since, until=until, spool=spool)
    planned = asked.farm
    for name in more or ():
        planned = planned.with_another(name)
    for name in without or ():
        planned = planned.without(name)
    for name in reserve or ():
        planned = planned.reserving(name, "interactive")
    told: dict[str, Told] = {
        name: live(planned, asked.rules, chooses)
        for name, chooses in POLICIES.items()
        if compare or name == "spool"
    }
    bound_s = lower_bound(planned)
    rows = [summarise(name, planned, one) for name, one in told.items()]
    was = None if asked.was is None else summarise("as it was", asked.farm, asked.was)
    if picture_to is not None:
        _draw(picture_to, planned, told["spool"])
    document = {
        "farm": planned.name,
        "workers": [one.name for one in planned.workers],
        "bound_s": bound_s,
        "left_out": asked.left_out,
        "policies": [asdict(row) for row in rows],
        "was": None if was is None else asdict(was),
        "notes": list(asked.notes),
    }

    def text(page: rendering.Page) -> None:
        _page(page, planned, bound_s, rows if was is None else [was, *rows])
        for note in asked.notes:
            page.line(note)

    rendering.answer(document, text, as_json=as_json)


@dataclass(frozen=True)
class _Asked:
    """What is to be simulated."""

    farm: Farm
    rules: Choosing = field(default_factory=Choosing)
    left_out: int = 0
    was: Told | None = None
    """Of a past night: what really happened."""
    notes: tuple[str, ...] = ()


def _asked(
    file: Path | None,
    trace: str | None,
    seed: int,
    jobs: int,
    *,
    here: bool,
    since: str | None,
    until: str | None,
    spool: Path | None,
) -> _Asked:
    if until is not None and since is None:
        raise UsageError(
            "--until goes with --since", hint="say both, like '--since 36h --until 24h'"
        )
    if sum((file is not None, trace is not None, here, since is not None)) != 1:
        raise UsageError(
            "what is to be simulated? Name one thing",
            hint=f"a file as docs/SCHEDULING.md shows it, '--trace {next(iter(TRACES))}', '--here', or '--since 12h'",
        )
    if since is not None:
        actor = opened(spool)
        now = actor.utc_now()
        window = Window(moment_of(since, now), moment_of(until, now) if until else now)
        found = past_of(actor, window)
        return _Asked(found.farm, actor.settings.choosing, was=found.was, notes=found.notes)
    if here:
        actor = opened(spool)
        now_here = present(actor)
        out = now_here.left_out
        note = f"{counted(out, 'job')} of a deep queue, or unreadable, left out"
        return _Asked(now_here.farm, actor.settings.choosing, out, notes=(note,) if out else ())
    if trace is not None:
        if trace not in TRACES:
            raise UsageError(f"no trace '{trace}'", hint=f"there are: {', '.join(TRACES)}")
        return _Asked(farm(trace, seed, jobs))
    assert file is not None  # noqa: S101 - one of the four is there
    return _Asked(_farm_in(file))


def _farm_in(file: Path) -> Farm:
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
        f"{planned.name}: {counted(len(planned.arrivals), 'job')}, "
        f"{counted(len(planned.workers), 'worker')}; nobody could end before {duration(bound_s)}"
    )
    classes = [
        one for one in ("interactive", "normal", "batch") if any(one in row.waits for row in rows)
    ]
    columns = ["POLICY", "ALL DONE AFTER", "X BOUND", "BUSY", "LOADS", "PASSED AT MOST"]
    columns += [f"{one.upper()} WAITS (95 %)" for one in classes]
    page.table(columns, [_row(row, bound_s, classes) for row in rows], folds=())
    if rows[0].never:
        page.line(f"{counted(rows[0].never, 'job')} fit no worker and were left out")


def _row(row: Summary, bound_s: float, classes: list[Any]) -> list[str]:
    waits = [row.waits.get(one) for one in classes]
    return [
        row.policy,
        duration(row.makespan_s),
        f"{row.makespan_s / bound_s:.3f}" if bound_s else "",
        f"{row.busy:.0%}",
        str(row.switches),
        str(row.passed_max),
        *(f"{duration(one.median_s)} ({duration(one.p95_s)})" if one else "" for one in waits),
    ]
