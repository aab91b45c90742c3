"""Whole and valid documents to begin from: the project's own examples, one of every record, and StableNew's own files."""

import functools
import re
from pathlib import Path
from typing import Any

from spoolctl.spool.codec import decode_mapping
from spoolctl.spool.records import Record
from spoolctl.spool.schemas import SCHEMAS, schema_id
from tests.sample_data import stablenew

ROOT = Path(__file__).parents[2]
KINDS: dict[str, type[Record]] = {schema_id(kind): kind for kind in SCHEMAS.values()}
_BLOCK = re.compile(r"```(?:yaml|json)\n(\{?\s*\"?schema\"?: .*?)```", re.DOTALL)

_DIAGNOSIS = b"""\
schema: spool.doctor/1
machine: studio-pc
version: 0.1.0
by: person-anna
at: 2026-11-20T22:04:00Z
findings:
  - {about: links, severity: ok, said: hard links are exclusive}
  - {about: space, severity: warning, said: 2 GB are free, hint: make room, facts: {free_gb: 2.5}}
meetings:
  - machine: attic
    at: 2026-11-20T22:05:00Z
    findings: [{about: sight, severity: note, said: a new file is seen after 0.4 s}]
...
"""


@functools.cache
def records() -> tuple[bytes, ...]:
    """Every record that docs/FORMAT.md shows, every job under examples/, and a diagnosis."""
    text = (ROOT / "docs" / "FORMAT.md").read_text(encoding="utf-8")
    shown = [block.encode() for block in _BLOCK.findall(text)]
    files = (path.read_bytes() for path in sorted((ROOT / "examples").rglob("*.yaml")))
    return (*shown, *(one for one in files if "schema" in mapping_of(one)), _DIAGNOSIS)


@functools.cache
def snapshots() -> tuple[bytes, ...]:
    """StableNew's job snapshots: our example, and those that its own code wrote."""
    ours = (ROOT / "examples" / "stablenew-snapshot" / "snapshot.json").read_bytes()
    theirs = sorted(stablenew("generated/njr_snapshots").iterdir())
    return (ours, *(path.read_bytes() for path in theirs))


@functools.cache
def foreign() -> tuple[bytes, ...]:
    """StableNew's other files, which people drop by mistake: prompt packs, presets, its queue."""
    folders = ("packs", "presets", "queue")
    found = [path for folder in folders for path in sorted(stablenew(folder).iterdir())]
    return tuple(path.read_bytes()[:20_000] for path in found[::3])


@functools.cache
def learning_lines() -> tuple[bytes, ...]:
    """Lines of StableNew's learning records, damaged ones among them."""
    names = ("learning/learning_records.jsonl", "generated/learning_records_with_bad_lines.jsonl")
    return tuple(line for name in names for line in stablenew(name).read_bytes().splitlines()[:20])


def mapping_of(data: bytes) -> dict[str, Any]:
    """A document as a mapping that may be changed."""
    return dict(decode_mapping(data))


@functools.cache
def of_kind(schema: str) -> bytes:
    """A document of one kind of record, the fullest."""
    fitting = [one for one in records() if mapping_of(one).get("schema") == schema]
    return max(fitting, key=len)
