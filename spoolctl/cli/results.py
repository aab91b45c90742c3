"""``spoolctl results``: images by what they are and what was said of them."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import GroupOption, JsonOption, SpoolOption, opened, spool_root
from spoolctl.cli.rendering import Page
from spoolctl.index import LIMIT_MAX, Image, Order, Wanted, count, images
from spoolctl.index.opening import indexed
from spoolctl.spool import Actor, UsageError
from spoolctl.spool.overview import resolve
from spoolctl.stablenew import LaidOut, lay_out
from spoolctl.views.moments import moment_of
from spoolctl.views.plain import counted

SHOWN = 100
_PROMPT_CHARS = 60


def results(
    job: Annotated[
        str | None,
        typer.Option(
            "--job", metavar="JOB", help="Of this job: the beginning of its name, or its job_id."
        ),
    ] = None,
    group: GroupOption = None,
    pack: Annotated[
        str | None,
        typer.Option("--pack", metavar="TEXT", help="Of prompt packs whose name holds this."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="TEXT", help="By models whose name holds this.")
    ] = None,
    worker: Annotated[
        str | None,
        typer.Option("--worker", metavar="TEXT", help="Made by workers whose name holds this."),
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", metavar="TEXT", help="With this in the prompt.")
    ] = None,
    experiment: Annotated[
        str | None, typer.Option("--experiment", metavar="NAME", help="Of this learning run.")
    ] = None,
    rating: Annotated[
        int | None,
        typer.Option("--rating", metavar="1-5", min=1, max=5, help="Rated so, or better."),
    ] = None,
    unrated: Annotated[bool, typer.Option("--unrated", help="Not rated yet.")] = False,
    picked: Annotated[bool, typer.Option("--picked", help="Picked by a person.")] = False,
    rejected: Annotated[bool, typer.Option("--rejected", help="Rejected by a person.")] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Ended since then: 12h, 2d, 2026-11-20 or 2026-11-20T22:00.",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Ended before then.")
    ] = None,
    order: Annotated[
        str, typer.Option("--order", metavar="ORDER", help="newest, oldest, plan or best.")
    ] = "newest",
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            help="So many at most. [default: 100; with --stablenew all]",
        ),
    ] = None,
    paths: Annotated[bool, typer.Option("--paths", help="Only the images' paths.")] = False,
    stablenew: Annotated[
        Path | None,
        typer.Option(
            "--stablenew",
            metavar="FOLDER",
            help="Copy them there with manifests, for StableNew's scanner.",
        ),
    ] = None,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find images by what they are and what was said of them."""
    if order not in get_args(Order):
        raise UsageError(f"no order '{order}'", hint=f"the orders are {', '.join(get_args(Order))}")
    if picked and rejected:
        raise UsageError("an image is picked or rejected, not both", hint="ask for one of them")
    if paths and stablenew is not None:
        raise UsageError("--paths prints images, --stablenew copies them", hint="give one of them")
    actor = opened(spool)
    now = actor.utc_now()
    wanted = Wanted(
        job=resolve(actor, job) if job is not None else None,
        group=group,
        pack=pack,
        model=model,
        worker=worker,
        text=text,
        experiment=experiment,
        rating_min=rating,
        rated=False if unrated else None,
        choice="picked" if picked else "rejected" if rejected else None,
        since=_utc(since, now),
        until=_utc(until, now),
        order=cast("Order", order),
        limit=limit or (SHOWN if stablenew is None else LIMIT_MAX),
    )
    root = spool_root(spool)
    found, total = _found(actor, root, wanted)
    if stablenew is not None:
        _answer_laid_out(stablenew, lay_out(actor, root, found, stablenew), as_json=as_json)
        return
    rendering.answer(
        {"count": total, "images": [asdict(one) for one in found]},
        lambda page: _page(page, found, total),
        as_json=as_json,
        quiet=[str(root / one.path) for one in found if one.path] if paths else None,
    )


def _found(actor: Actor, root: Path, wanted: Wanted) -> tuple[list[Image], int]:
    with indexed(actor, root) as index:
        return images(index.connection, wanted), count(index.connection, wanted)


def _utc(said: str | None, now: datetime) -> str | None:
    """As the corpus writes moments: UTC without its zone."""
    return None if said is None else f"{moment_of(said, now):%Y-%m-%dT%H:%M:%S}"


def _answer_laid_out(folder: Path, laid: LaidOut, *, as_json: bool) -> None:
    line = f"laid out {counted(laid.made, 'image')} in '{folder}'; {laid.already} were there"
    more = [
        f"{laid.gone} no longer on the share" if laid.gone else "",
        f"{laid.changed} left out, not as committed" if laid.changed else "",
    ]
    told = "; ".join([line, *filter(None, more)])
    rendering.answer(
        {"folder": str(folder), **asdict(laid)}, lambda page: page.line(told), as_json=as_json
    )


def _page(page: Page, found: list[Image], total: int) -> None:
    if not found:
        page.line("no such image; what a controller has not merged yet is not found")
        return
    columns = ("ENDED", "IMAGE", "RATING", "MODEL", "SEED", "WORKER", "PROMPT")
    page.table(columns, [_cells(one) for one in found], folds=("IMAGE", "MODEL", "PROMPT"))
    if total > len(found):
        page.line(f"{len(found)} of {total}; more with --limit, or narrow it down")


def _cells(one: Image) -> tuple[str, ...]:
    said = [f"{one.rating:g}"] if one.rating is not None else []
    said += [one.choice] if one.choice else []
    prompt = one.prompt if len(one.prompt) <= _PROMPT_CHARS else f"{one.prompt[:_PROMPT_CHARS]}…"
    return (
        f"{one.ended}Z" if one.ended else "", f"{one.job}:{one.image_index}", " ".join(said), one.model or "",
        one.seed or "", one.worker or "", prompt,
    )  # fmt: skip
