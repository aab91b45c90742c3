"""Ledgers: many small parts, each published once, compiled into the one file that others read.

Guarantees: the compiled file holds the lines of each part exactly once, whole lines only, each a
JSON object; it is replaced as a whole and never appended to. Their order is that of compiling:
within one compile by shelf and name, a later one's behind. A part once in stays in, whatever a
listing misses, but for people's words on images (``spool.rate``): of those on one image only the
last that can be read is in, and none if it withdraws. A file that no index describes (edited, truncated, gone) is made anew from all
parts. Two compilers at once leave one valid file; the next compile that has anything to add, or
the next full look, adds what the loser had.
Does not guarantee: that a part gets in which is not lines of JSON objects, or holds a line that
would spoil the corpus for all its readers (``corpus.rules``); it is logged, and tried again by the
next full look.

Each compiled file has an index beside it, ``index-<bytes>-<digest>.json``: the parts in it. It is
written *before* its file takes the old one's place, so that after a crash anywhere the file that is
there has its index. An index without its file (a crash, or a compiler that lost the race) names
parts too; the next compile takes them in and removes it.

What it costs: 1 round trip for the ledger, 1 for the list of shelves, 1 for each shelf that is new
or named as touched, 1 for each new part, and if there are any, copying the file from and to the
share. That words go costs no round trip: their lines are left out while the file is copied.
Only a full look (``touched=None``) lists every shelf and reads a file that looks unchanged;
do it at start and now and then.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from spoolctl.controller.last_words import Part, claims_a_word, drop, hear, is_word
from spoolctl.corpus.rules import spoils
from spoolctl.spool import (
    Actor,
    Digest,
    digest_of,
    is_ignored,
    layout,
    refuse_file_for_folder,
    replace_own,
    store_own,
)

COMPILED = {
    layout.CORPUS: layout.LEARNING_RECORDS,
    layout.HISTORY: layout.ENDED_JOBS,
}
"""The compiled file of each ledger."""

_PART_BYTES_MAX = 64 << 20
_INDEX_BYTES_MAX = 256 << 20


@dataclass(frozen=True)
class Compiled:
    """What came of a compile: lines in the file, how many of them are new, made from nothing?"""

    lines: int
    added: int
    rebuilt: bool
    lost: frozenset[Part] = frozenset()
    """Parts that are in the file and were in no listing; only a full look tells."""
    left_out: int = 0
    """Lines that went: people's words that later ones replaced."""


@dataclass(frozen=True)
class _Index:
    """What a compiled file holds; ``file`` is the index's own name."""

    file: str
    lines: int
    parts: frozenset[Part]


Read = Callable[[Path, int], object]
"""Called with a local copy of the compiled file, and where in it the new lines begin."""


def compile_ledger(
    actor: Actor,
    ledger: str,
    *,
    touched: Collection[str] | None,
    read: Read | None = None,
) -> Compiled:
    """Bring the compiled file of *ledger* up to date.

    Args:
        actor: Who acts; its files hold the ledger.
        ledger: ``corpus`` or ``history``.
        touched: Shelves (``names.shelf`` of the jobs' names) that got parts since the last
            compile. ``None``: a full look, which lists all shelves, compares the file's digest and
            removes what crashed compilers left.
        read: Called once the file is in place, if its lines changed; at a full look always. There, and if lines went, all are new.

    Raises:
        InTheWay: A file lies where the ledger's folder must be.
        OSError: The share failed; the file is the old or the new one, whole.
    """
    try:
        return _compile(actor, ledger, touched, read or (lambda _copy, _new_from: None))
    except OSError:
        refuse_file_for_folder(actor, f"{ledger}/parts")
        raise


def _compile(actor: Actor, ledger: str, touched: Collection[str] | None, read: Read) -> Compiled:
    entries = actor.files.names(ledger)
    target = COMPILED[ledger]
    indexes = _read_indexes(actor, ledger, entries)
    there = target.rpartition("/")[2] in entries
    known = _parts_in(indexes)
    listed = _parts_seen(actor, ledger, known, touched)
    seen = known | listed
    if touched is None:
        _remove(actor, ledger, [entry for entry in entries if _is_temporary(entry)])
    elif there and len(indexes) == 1 and seen == known:
        bytes_there = actor.files.stat(target).bytes
        if indexes[0].file.startswith(f"index-{bytes_there}-"):
            return Compiled(indexes[0].lines, added=0, rebuilt=False)
    with tempfile.TemporaryDirectory(prefix="spool-ledger-") as folder:
        local = Path(folder) / "compiled"
        current = None
        if there:
            indexes, current = _fetch(actor, ledger, indexes, local)
        if current is None:
            local.write_bytes(b"")
            seen |= _parts_seen(actor, ledger, frozenset(), None)
        new_from = 0 if touched is None or current is None else local.stat().st_size
        made = _extend(actor, ledger, local, indexes, current, seen=seen | _parts_in(indexes))
        if made.added or made.left_out or touched is None:
            read(local, 0 if made.left_out else new_from)
    return replace(made, lost=known - listed) if touched is None else made


def _fetch(
    actor: Actor, ledger: str, indexes: list[_Index], local: Path
) -> tuple[list[_Index], _Index | None]:
    """Fetch the compiled file; the indexes, and the one that describes it."""
    digest = actor.files.fetch(COMPILED[ledger], local)
    name = _index_name(digest)
    if all(index.file != name for index in indexes):  # another compiler may just have replaced it
        indexes = _read_indexes(actor, ledger, actor.files.names(ledger))
    return indexes, next((index for index in indexes if index.file == name), None)


def _extend(  # noqa: PLR0913 - one compile's facts, gathered by the only caller
    actor: Actor,
    ledger: str,
    local: Path,
    indexes: list[_Index],
    current: _Index | None,
    *,
    seen: Collection[Part],
) -> Compiled:
    """Append to the local file the parts that *current* lacks, and put it in place if any."""
    before = current.parts if current else frozenset()
    new = sorted(set(seen) - before)
    words = [part for part in new if ledger == layout.CORPUS and is_word(part)]
    said = local.with_name("said")
    with said.open("wb") as file:
        heard = hear(words, before, lambda part: _data(actor, ledger, part), file.write)
    left_out = _leave_out(local, heard.superseded)
    lines, taken = _append(actor, ledger, sorted(set(new) - set(words)), local)
    with said.open("rb") as source, local.open("ab") as file:
        shutil.copyfileobj(source, file)
    for part in sorted(set(words) - heard.taken):
        actor.log("ledger.part_unreadable", path=f"{ledger}/parts/{'/'.join(part)}")
    lines, taken = lines + heard.lines, taken | heard.taken
    total = (current.lines if current else 0) + lines - left_out
    valid = current.file if current else None
    if taken:
        valid = _publish(actor, ledger, local, _Index("", total, before | taken))
    if valid is not None:
        _remove(actor, ledger, [index.file for index in indexes if index.file != valid])
    rebuilt = current is None and bool(taken)
    actor.log("ledger.compiled", ledger=ledger, lines=total, added=lines, rebuilt=rebuilt)
    return Compiled(total, lines, rebuilt, left_out=left_out)


def _parts_in(indexes: Collection[_Index]) -> frozenset[Part]:
    return frozenset(part for index in indexes for part in index.parts)


def _parts_seen(
    actor: Actor, ledger: str, known: Collection[Part], touched: Collection[str] | None
) -> set[Part]:
    """List the shelves that may hold parts not in *known*; all of them if *touched* is None."""
    folder = f"{ledger}/parts"
    shelves = {entry for entry in actor.files.names(folder) if not entry.startswith(".")}
    if touched is not None:
        shelves = (shelves - {shelf for shelf, _ in known}) | set(touched)
    found: set[Part] = set()
    for shelf in sorted(shelves):
        try:
            entries = actor.files.names(f"{folder}/{shelf}")
        except (FileNotFoundError, NotADirectoryError):
            continue
        found |= {(shelf, e) for e in entries if e.endswith(".jsonl") and not is_ignored(e)}
    return found


def _leave_out(local: Path, images: Collection[tuple[str, int]]) -> int:
    """Take the words on these images out of the local file; how many lines that were."""
    if not images:
        return 0
    without = local.with_name("without")
    count = drop(local, without, images)
    shutil.move(without, local)
    return count


def _append(
    actor: Actor, ledger: str, parts: list[Part], local: Path
) -> tuple[int, frozenset[Part]]:
    """Append the parts' lines to the local file; how many lines, and which parts could be read."""
    taken: list[Part] = []
    lines = 0
    with local.open("ab") as file:
        for shelf, name in parts:
            data = _data(actor, ledger, (shelf, name))
            if data is None:
                continue
            good = _lines_in(ledger, data)
            if good is None:
                actor.log("ledger.part_unreadable", path=f"{ledger}/parts/{shelf}/{name}")
                continue
            file.writelines(good)
            lines += len(good)
            taken.append((shelf, name))
    return lines, frozenset(taken)


def _data(actor: Actor, ledger: str, part: Part) -> bytes | None:
    path = f"{ledger}/parts/{'/'.join(part)}"
    try:
        return actor.files.read(path, bytes_max=_PART_BYTES_MAX)
    except FileNotFoundError:
        actor.log("ledger.part_gone", path=path)
        return None


def _lines_in(ledger: str, data: bytes) -> list[bytes] | None:
    """The lines of a part that is no word, each with its newline; None if one of them keeps all of it out."""
    lines = [line for line in data.split(b"\n") if line.strip()]
    if all(is_good(ledger, line) for line in lines):
        return [line.rstrip(b"\r") + b"\n" for line in lines]
    return None


def is_good(ledger: str, line: bytes) -> bool:
    """True for a line that may be in a part which is no word: a JSON object in UTF-8; in the corpus one that spoils nothing."""
    try:
        if not isinstance(json.loads(line.decode()), dict):
            return False
        return ledger != layout.CORPUS or not (spoils(line) or claims_a_word(line))
    except (ValueError, RecursionError):
        return False


def _publish(actor: Actor, ledger: str, local: Path, index: _Index) -> str:
    """Put the index, then the file, in place; the index's name."""
    digest = digest_of(local)
    name = _index_name(digest)
    told = {"lines": index.lines, "shelves": _by_shelf(index.parts)}
    replace_own(actor, f"{ledger}/{name}", json.dumps(told).encode())
    store_own(actor, local, COMPILED[ledger])
    return name


def _is_temporary(entry: str) -> bool:
    return entry.startswith(".") and entry.endswith(".tmp")


def _remove(actor: Actor, ledger: str, names: list[str]) -> None:
    for name in names:
        try:
            actor.files.unlink(f"{ledger}/{name}")
        except FileNotFoundError:
            pass
        except OSError as error:
            actor.log("ledger.left", path=f"{ledger}/{name}", error=str(error))


def _read_indexes(actor: Actor, ledger: str, entries: Collection[str]) -> list[_Index]:
    found = []
    for name in sorted(entries):
        if not (name.startswith("index-") and name.endswith(".json")):
            continue
        try:
            data = actor.files.read(f"{ledger}/{name}", bytes_max=_INDEX_BYTES_MAX)
            told = json.loads(data)
            parts = {
                (shelf, f"{shelf}{rest}" if rest.startswith(".") else rest)
                for shelf, names in told["shelves"].items()
                for rest in names
            }
            if not all(_is_name(shelf) and _is_name(part) for shelf, part in parts):
                raise ValueError("a part's name leads elsewhere")  # noqa: TRY301 - told like any other nonsense
            found.append(_Index(name, int(told["lines"]), frozenset(parts)))
        except (
            FileNotFoundError, ValueError, KeyError, TypeError, AttributeError,
            RecursionError, OverflowError,
        ) as error:  # fmt: skip
            actor.log("ledger.index_unreadable", path=f"{ledger}/{name}", error=str(error))
    return found


def _is_name(text: str) -> bool:
    return text not in ("", ".", "..") and not set(text) & set("/\\\0")


def _by_shelf(parts: Collection[Part]) -> dict[str, list[str]]:
    """Names without their shelf, which they begin with: a tenth of the length."""
    shelves: dict[str, list[str]] = {}
    for shelf, name in sorted(parts):
        short = name.removeprefix(shelf) if name.startswith(f"{shelf}.") else name
        shelves.setdefault(shelf, []).append(short)
    return shelves


def _index_name(digest: Digest) -> str:
    return f"index-{digest.bytes}-{digest.sha256[:32]}.json"
