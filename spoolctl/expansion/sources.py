"""What a plan is made from: its base, and its packs with their rows, each ready to be put into a job.

Guarantees: files are read only through the given reader, each at most once; what is wrong with one names it. Nothing is built here
but one record for each base.
"""

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from spoolctl.expansion import packs, presets
from spoolctl.expansion.packs import Row, Slots
from spoolctl.expansion.prompts import RANDOM_UNSAID, Read
from spoolctl.spool import (
    JOB_SCHEMA,
    BadRecord,
    Job,
    PackUse,
    Plan,
    SlotMatrix,
    StableNewWorkload,
    from_mapping,
    parse_job,
    parse_mapping,
    told,
)

Json = dict[str, Any]
FILE_BYTES_MAX = 4 << 20
CHOSEN_MAX = 100_000
"""Rows that all packs of a plan may choose together."""
_TEXTS = (".txt", ".tsv")
_Pack = tuple[str, tuple[Row, ...], packs.PackJson]
"""Label, rows, and what its JSON file holds."""


@dataclass(frozen=True)
class Source:
    """A base and the rows of one pack on it; without a pack one row that changes nothing."""

    label: str
    """The pack's stem; empty without one."""
    base: Json
    rows: tuple[tuple[int, Row | None], ...]
    slots: Slots | None
    loops: int


class Files:
    """The files that a plan names, and their digests.

    Args:
        read: Gives a file's bytes; raises ``FileNotFoundError`` if there is none.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._known: dict[str, bytes | None] = {}

    def read(self, path: str) -> bytes:
        """A file's bytes; raises FileNotFoundError, or BadRecord for one that is too large."""
        if path not in self._known:
            try:
                self._known[path] = self._read(path)
            except FileNotFoundError:
                self._known[path] = None
        data = self._known[path]
        if data is None:
            raise FileNotFoundError(path)
        if len(data) > FILE_BYTES_MAX:
            raise BadRecord(
                f"'{told(path, 200)}' has more than {FILE_BYTES_MAX} bytes",
                hint="divide it; no pack or list of words is as large",
            )
        return data

    def text(self, path: str, field: str) -> str:
        """A file's text, which must be there."""
        try:
            return self.read(path).decode("utf-8-sig")
        except FileNotFoundError:
            raise BadRecord(
                f"'{field}': no file '{told(path, 200)}'",
                hint="paths begin in the plan's own folder; check the spelling",
                field=field,
            ) from None
        except UnicodeDecodeError:
            raise BadRecord(f"'{told(path, 200)}' is not UTF-8 text", field=field) from None

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        try:
            self.read(path)
        except FileNotFoundError:
            return False
        return True

    def digests(self) -> dict[str, str]:
        """SHA-256 of every file that was read."""
        there = {path: data for path, data in self._known.items() if data is not None}
        return {path: hashlib.sha256(data).hexdigest() for path, data in sorted(there.items())}


def sources_of(plan: Plan, files: Files) -> list[Source]:
    """The plan's base with each of its packs.

    Raises:
        BadRecord: What cannot be read, or does not go together.
    """
    said = _said_base(plan, files)
    own = _slots_of_plan(plan.slots) if isinstance(plan.slots, SlotMatrix) else None
    if not plan.packs:
        if said is None:
            raise BadRecord(
                "the plan has neither a base nor packs",
                hint="give 'base': a job, or the file of a job, snapshot or preset",
                field="base",
            )
        base, loops = _job_of(said)
        return [Source("", base, ((0, None),), own, loops)]
    known: dict[str, _Pack] = {}
    found: list[Source] = []
    for number, use in enumerate(plan.packs):
        field = f"packs.{number}"
        if use.file not in known:
            known[use.file] = _read_pack(use.file, files, field)
        pack = known[use.file]
        slots = own if plan.slots is not None or pack[2].slots is None else _limited(pack[2].slots)
        found.append(_of_pack(use, field, pack, said, slots))
        if sum(len(one.rows) for one in found) > CHOSEN_MAX:
            raise BadRecord(
                f"'packs' choose more than {CHOSEN_MAX} rows", hint="choose fewer", field="packs"
            )
    return found


def _said_base(plan: Plan, files: Files) -> Mapping[str, Any] | None:
    if isinstance(plan.base, str):
        with _named(plan.base):
            return parse_mapping(files.text(plan.base, "base"))
    return plan.base


def _job_of(said: Mapping[str, Any]) -> tuple[Json, int]:
    """The base as one record of our own, and how often StableNew would run it."""
    said = dict(said)
    if presets.is_preset(said):
        sections = presets.sections_of(said)
        return presets.base_of(sections), presets.loops_of(sections)
    if "normalized_job" in said:
        return presets.neutral(parse_job(json.dumps(said).encode())), 1
    if "workload" not in said:
        raise BadRecord(
            "'base' is neither a job (it has no 'workload') nor a StableNew snapshot or preset",
            hint="a job's fields stand right below 'base'; docs/PLANS.md shows one",
            field="base",
        )
    job = from_mapping(Job, {"schema": JOB_SCHEMA, **said})
    if isinstance(job.workload, StableNewWorkload):
        return presets.neutral(job), 1
    return {"schema": JOB_SCHEMA, **{k: v for k, v in said.items() if k != "job_id"}}, 1


def _of_pack(
    use: PackUse, field: str, pack: _Pack, said: Mapping[str, Any] | None, slots: Slots | None
) -> Source:
    label, rows, found = pack
    settings = use.settings or ("pack" if said is None else "base")
    chosen = said
    if settings == "pack":
        if said is not None and not presets.is_preset(said):
            raise BadRecord(
                f"'{field}.settings': the pack's settings can be laid over a StableNew preset only, and the base is a job",
                hint="leave 'base' out, name a preset, or say 'settings: base'",
                field=f"{field}.settings",
            )
        if found.preset is None and said is None:
            raise BadRecord(
                f"'{told(use.file, 200)}' has no settings of its own, and the plan has no base",
                hint="give 'base': a job, or the file of a job, snapshot or preset",
                field="base",
            )
        over = presets.sections_of(found.preset or {})
        chosen = presets.laid_over(presets.sections_of(said), over) if said else over
    with _named(use.file if settings == "pack" else "base"):
        base, loops = _job_of(chosen or {})
    return Source(
        label,
        base,
        tuple(itertools.islice(_chosen(rows, use, field), CHOSEN_MAX + 1)),
        slots,
        use.loops or loops,
    )


def _read_pack(file: str, files: Files, field: str) -> _Pack:
    """Label, rows and the rest of a pack; its files lie side by side under one stem."""
    folder, slash, name = file.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    known = dot + suffix.lower() in (*_TEXTS, ".json")
    stem = stem if known else name
    beside = f"{folder}{slash}{stem}"
    texts = [file] if known and dot + suffix.lower() in _TEXTS else [beside + s for s in _TEXTS]
    text = next((path for path in texts if files.exists(path)), None)
    json_file = file if known and suffix.lower() == "json" else f"{beside}.json"
    found = packs.PackJson((), None, None)
    if files.exists(json_file):
        with _named(json_file):
            found = packs.read_json(parse_mapping(files.text(json_file, field)))
    elif text is None:
        files.text(file, f"{field}.file")  # raises
        raise BadRecord(
            f"'{told(file, 200)}' is no prompt pack",
            hint="packs are .txt, .tsv or .json",
            field=field,
        )
    rows = found.rows
    if text is not None:
        with _named(text):
            reader = packs.rows_of_table if text.lower().endswith(".tsv") else packs.rows_of_text
            rows = reader(files.text(text, f"{field}.file"))
    if not rows:
        raise BadRecord(
            f"'{told(file, 200)}' has no prompts", hint="one prompt a block", field=field
        )
    return stem, rows, found


def _chosen(rows: tuple[Row, ...], use: PackUse, field: str) -> Iterator[tuple[int, Row]]:
    asked: Iterable[int | str] = range(len(rows)) if use.rows is None else use.rows
    for one in asked:
        first, _, last = str(one).partition("-")
        for number in range(int(first), int(last or first) + 1):
            if number >= len(rows):
                raise BadRecord(
                    f"'{field}.rows': no row {number} in '{told(use.file, 200)}'",
                    hint=f"it has {len(rows)} rows, counted from 0",
                    field=f"{field}.rows",
                )
            yield number, rows[number]


def _limited(slots: Slots) -> Slots:
    """A pack's own matrix; where it sets no limit, StableNew's builder takes eight."""
    unsaid = RANDOM_UNSAID if slots.mode in ("fanout", "random") else None
    return Slots(slots.values, slots.mode, slots.limit or unsaid)


def _slots_of_plan(said: SlotMatrix) -> Slots:
    unsaid = RANDOM_UNSAID if said.mode == "random" else None
    return Slots(said.values, said.mode, said.limit or unsaid)


@contextmanager
def _named(file: str) -> Iterator[None]:
    """Puts the file's name before what is wrong inside of it."""
    try:
        yield
    except BadRecord as error:
        if f"'{file}'" in str(error):
            raise
        line = f", line {error.line}" if error.line else ""
        said = f"'{told(file, 200)}'{line}: {error}"
        raise BadRecord(said, hint=error.hint, field=error.field) from None
