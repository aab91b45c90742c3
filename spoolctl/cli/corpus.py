"""``spoolctl corpus``: the learning corpus, into StableNew and out of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption, SpoolOption, opened, spool_root
from spoolctl.controller.ledger import COMPILED
from spoolctl.controller.sync import sync_into
from spoolctl.corpus import files
from spoolctl.corpus.bringing_in import bring_in
from spoolctl.corpus.export import to_csv, to_parquet
from spoolctl.corpus.files import Checked
from spoolctl.corpus.flat import rows
from spoolctl.corpus.stats import stats as stats_of
from spoolctl.spool import UsageError, layout
from spoolctl.views.plain import counted

app = typer.Typer(no_args_is_help=True, help="The learning corpus.")

FileArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]",
        help="A learning_records.jsonl of StableNew's, or the folder it lies in; left out: the spool's corpus.",
        show_default=False,
    ),
]


@app.callback()
def corpus() -> None:
    """The learning corpus, which the controller compiles from what was committed and what people said of it."""


@app.command()
def sync(
    into: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="StableNew's learning_records.jsonl, or the folder it lies in."
        ),
    ],
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Append to StableNew's learning records what they lack of the spool's; words that later ones replaced are blanked there."""
    opened(spool)  # refuses a folder that is no spool, or one of a newer format
    synced = sync_into(spool_root(spool) / COMPILED[layout.CORPUS], into)
    line = (
        f"appended {counted(synced.appended, 'record')} to '{into}'; "
        f"{synced.already} were there, and {synced.foreign} of StableNew's own"
    )
    replaced = f"{counted(synced.replaced, 'earlier word')} blanked"
    document = {
        "into": str(into),
        "appended": synced.appended,
        "already": synced.already,
        "foreign": synced.foreign,
        "replaced": synced.replaced,
    }

    def text(page: rendering.Page) -> None:
        page.line(f"{line}; {replaced}" if synced.replaced else line)

    rendering.answer(document, text, as_json=as_json)


@app.command()
def check(
    file: FileArgument = None,
    quarantine: Annotated[
        bool,
        typer.Option(
            "--quarantine",
            help="Move bad lines of FILE into quarantine.jsonl beside it; the original stays as .bak.",
        ),
    ] = False,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every line against what StableNew's readers bear; ends with 1 if one is bad."""
    if quarantine and file is None:
        raise UsageError(
            "the spool's corpus is compiled from its parts, and bad parts stay out of it",
            hint="name a file of StableNew's to quarantine lines of; 'spoolctl fsck' tells of bad parts",
        )
    path = _meant(file, spool)
    found = list(files.checked(files.lines_of(path)))
    bad = [one for one in found if one.is_bad]
    moved = files.quarantine(path) if quarantine and bad else None
    document: dict[str, Any] = {
        "file": str(path),
        "bad": len(bad),
        "lines": [_document(one) for one in found],
    }
    if moved is not None:
        document |= {"moved": moved.moved, "into": str(moved.into), "original": str(moved.original)}

    def text(page: rendering.Page) -> None:
        for one in found:
            for fault in one.faults:
                where = f"line {one.number}" + (f", {fault.field}" if fault.field else "")
                style = "red" if fault.is_bad else ""
                page.line(f"{where}: {fault.reason}", style=style)
                page.line(f"  in StableNew: {fault.effect.value}; {fault.hint}")
        page.line(f"{path}: {counted(len(bad), 'bad line')}")
        if moved is not None:
            page.line(f"moved to '{moved.into}'; the original is '{moved.original}'")

    rendering.answer(document, text, as_json=as_json)
    if bad and moved is None:
        raise typer.Exit(1)


@app.command()
def stats(
    file: FileArgument = None, spool: SpoolOption = None, as_json: JsonOption = False
) -> None:
    """Tell how much is rated, and how each value, model and sampler did."""
    path = _meant(file, spool)
    records = sum(bool(line.strip()) for line in files.lines_of(path))
    told = {"records": records} | stats_of(rows(files.lines_of(path)))

    def text(page: rendering.Page) -> None:
        mean = "" if told["mean"] is None else f", {told['mean']:.2f} on average"
        there = counted(told["images"], "image")
        page.line(f"{there} in {counted(records, 'record')}")
        page.line(f"{told['rated']} rated{mean}, {told['unrated']} not")
        page.line(
            f"{told['picked']} picked, {told['rejected']} rejected, {told['noted']} with a note"
        )
        for title in ("values", "models", "samplers"):
            _table(page, title, told[title])

    rendering.answer({"file": str(path), **told}, text, as_json=as_json)


def _table(page: rendering.Page, title: str, entries: list[dict[str, Any]]) -> None:
    if not entries:
        return
    page.heading(title)
    names = list(entries[0])
    shown = [
        ["" if entry[name] is None else str(entry[name]) for name in names] for entry in entries
    ]
    page.table([name.upper() for name in names], shown, folds=names[:1])


@app.command()
def export(
    file: FileArgument = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="OUT", help="Write CSV there.", show_default=False),
    ] = None,
    parquet: Annotated[
        Path | None,
        typer.Option(
            "--parquet",
            metavar="OUT",
            help="Write Parquet there; needs pyarrow.",
            show_default=False,
        ),
    ] = None,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one row for each image, with the last word on it."""
    if csv is None and parquet is None:
        raise UsageError("nothing to write", hint="name a file with --csv or --parquet")
    path = _meant(file, spool)
    ways: list[tuple[Path | None, Callable[..., int]]] = [(csv, to_csv), (parquet, to_parquet)]
    written = {
        str(out): write(rows(files.lines_of(path)), out) for out, write in ways if out is not None
    }

    def text(page: rendering.Page) -> None:
        for out, count in written.items():
            page.line(f"wrote {counted(count, 'image')} to '{out}'")

    rendering.answer({"written": written}, text, as_json=as_json)


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="StableNew's learning_records.jsonl, or the folder it lies in.")
    ],
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring what StableNew itself recorded, its ratings above all, into the spool's corpus; ends with 1 if a line is refused."""
    actor = opened(spool)
    path = files.named(file)
    brought = bring_in(actor, files.lines_of(path))
    document = {
        "file": str(path),
        "new": brought.new,
        "already": brought.already,
        "of_spools": brought.of_spools,
        "refused": [_document(one) for one in brought.refused],
    }

    def text(page: rendering.Page) -> None:
        for one in brought.refused:
            fault = next(fault for fault in one.faults if fault.is_bad)
            where = f"line {one.number}" + (f", {fault.field}" if fault.field else "")
            page.line(f"refused {where}: {fault.reason}; {fault.hint}")
        page.line(
            f"brought in {counted(brought.new, 'record')}; {brought.already} were there, "
            f"{brought.of_spools} are a spool's, {len(brought.refused)} refused"
        )

    rendering.answer(document, text, as_json=as_json)
    if brought.refused:
        raise typer.Exit(1)


def _meant(file: Path | None, spool: Path | None) -> Path:
    """The file that is meant: of StableNew's, or the spool's corpus, which must have been compiled."""
    if file is not None:
        return files.named(file)
    opened(spool)
    path = spool_root(spool) / COMPILED[layout.CORPUS]
    if not path.is_file():
        raise UsageError(
            f"there is no corpus yet at '{path}'",
            hint="the controller compiles it: spoolctl controller run --once",
        )
    return path


def _document(one: Checked) -> dict[str, Any]:
    faults = [
        {
            "field": f.field,
            "reason": f.reason,
            "effect": f.effect.value,
            "hint": f.hint,
            "bad": f.is_bad,
        }
        for f in one.faults
    ]
    return {"line": one.number, "faults": faults}
