"""Plans as commands meet them: read from a file, shown before anything is made of them, and what they will take.

Guarantees: a plan's files are found beside the plan, wherever the command is given; a preview builds a few hundred jobs at most.
"""

import itertools
from pathlib import Path
from typing import Any

from spoolctl.cli import rendering
from spoolctl.cli.reading import STDIN, read_bytes
from spoolctl.expansion import Expansion, expand, is_plan, parse_plan
from spoolctl.expansion.axes import shown
from spoolctl.spool import (
    RECORD_BYTES_MAX,
    Actor,
    BadRecord,
    parse_mapping,
)
from spoolctl.views.expecting import expected_of
from spoolctl.views.plain import counted, duration

LOOKED_AT = 200
"""Jobs that stand for all of them when the time is estimated: the first ones, which in the order 'spread' they do."""
SHOWN = 10
_FILE_BYTES_MAX = 4 << 20


def expansion_of(source: str, data: bytes) -> Expansion | None:
    """What a plan asks for; None if the bytes are no plan.

    Raises:
        BadRecord: A plan with a fault.
    """
    text = _text(data)
    return _expanded(source, text) if is_plan(parse_mapping(text)) else None


def expansion_in(source: str) -> Expansion:
    """The plan in a file or on standard input.

    Raises:
        BadRecord: It is none, or has a fault.
        UsageError: It cannot be read.
    """
    return _expanded(source, _text(read_bytes(source)))


def preview_of(expansion: Expansion, actor: Actor | None) -> dict[str, Any]:
    """What a plan will make, as JSON.

    Args:
        expansion: The plan's.
        actor: A look at the spool whose workers would do it; None if no spool is named.

    Raises:
        BadRecord: A job of the first few hundred is not right.
    """
    looked_at = list(itertools.islice(expansion.jobs(), LOOKED_AT))
    return {
        **expansion.facts,
        "notes": list(expansion.notes),
        "sample": [{"number": one.number, "varies": dict(one.varies)} for one in looked_at[:SHOWN]],
        "expected": expected_of(actor, [one.job for one in looked_at], expansion.total)
        if actor is not None
        else None,
    }


def tell_preview(page: rendering.Page, preview: dict[str, Any]) -> None:
    """A preview as text."""
    page.line(f"{preview['name']}: {counted(preview['total'], 'job')}")
    for name, values in preview["varies"].items():
        words = [shown(value) for value in values[:SHOWN]]
        told = ("; " if any(", " in one for one in words) else ", ").join(words)
        more = f", ... ({len(values)} values)" if len(values) > SHOWN else ""
        page.line(f"  {name}: {told}{more}")
    for one in preview["packs"]:
        page.line(f"  {one['pack']}: rows {shown(one['rows'])}")
    if "learning" in preview:
        page.line(f"  experiment: {preview['learning']['experiment_name']}")
    for note in preview["notes"]:
        page.line(f"  note: {note}")
    _tell_expected(page, preview["expected"])
    sample = preview["sample"]
    names = list(dict.fromkeys(name for one in sample for name in one["varies"]))
    rows = [
        (str(one["number"] + 1), *(shown(one["varies"].get(name, "")) for name in names))
        for one in sample
    ]
    page.line("")
    page.table(
        ("JOB", *(name.upper() for name in names)), rows, folds=tuple(n.upper() for n in names)
    )
    if preview["total"] > len(sample):
        page.line(f"... and {preview['total'] - len(sample)} more")


def _tell_expected(page: rendering.Page, expected: dict[str, Any] | None) -> None:
    if expected is None:
        page.line("  time: not known; name a spool (--spool) whose workers would do it")
        return
    if not expected["cards"]:
        page.line("  time: not known, this spool has met no worker that could do it")
        return
    work, farm = expected["work"], expected["farm"]
    origin = f"{expected['learned']:.0%} learned, the rest by formula"
    page.line(f"  work: {_range(work)} of one card's time ({origin})")
    if farm is None:
        page.line("  time: no worker lives that could do it")
    else:
        page.line(
            f"  time: {_range(farm)} on {counted(expected['workers'], 'worker')}, what waits already not counted"
        )


def _range(seconds: dict[str, float]) -> str:
    low, mid, high = (duration(seconds[f"{word}_s"]) for word in ("low", "mid", "high"))
    return f"about {mid} ({low} to {high})"


def _text(data: bytes) -> str:
    if len(data) > RECORD_BYTES_MAX:
        raise BadRecord(
            f"the plan has more than {RECORD_BYTES_MAX} bytes",
            hint="long lists of prompts belong into a pack (a .txt file) that the plan names",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRecord("the plan is not UTF-8 text", hint="save it as UTF-8") from None


def _expanded(source: str, text: str) -> Expansion:
    folder = Path() if source == STDIN else Path(source).parent

    def read(path: str) -> bytes:
        try:
            with (folder / path).open("rb") as stream:
                return stream.read(_FILE_BYTES_MAX + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(path) from None
        except OSError as error:
            raise BadRecord(
                f"cannot read '{path}': {error.strerror or error}", hint="check the path"
            ) from None

    name = "plan" if source == STDIN else Path(source).stem
    return expand(parse_plan(text), read, name=name[:200] or "plan")
