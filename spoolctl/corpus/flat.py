"""The corpus as a table: one flat row for each image, with the last word on it.

Pure. Guarantees: every row has every column of ``COLUMNS``, each of its type or None; lines that are no records give no row. Does not
guarantee that StableNew counts each row once: of records that it wrote itself, every rating is a record, and so a row, of its own.
"""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from spoolctl.corpus.rules import is_rated
from spoolctl.spool import PICKED, REJECTED, SUBSCORES, BadRecord, Said, said_in

COLUMNS: dict[str, type[str] | type[int] | type[float] | type[bool]] = {
    "run_id": str, "job": str, "image_index": int, "image_path": str, "made_at": str,
    "group": str, "worker": str, "pack": str, "stage": str, "experiment": str, "variable": str, "value": str,
    "model": str, "sampler": str, "scheduler": str, "steps": int, "cfg_scale": float, "width": int, "height": int,
    "seed": int, "prompt": str, "negative_prompt": str,
    "rating": int, "counts_as": float, "anatomy": int, "composition": int, "prompt_adherence": int,
    "choice": str, "note": str, "has_people": bool, "record_kind": str, "said_by": str, "said_at": str,
}  # fmt: skip
"""What each row tells. ``rating`` is what a person said, ``counts_as`` what StableNew's recommendations reckon with."""

Row = dict[str, Any]
_INT_MAX = 2**63 - 1


def rows(lines: Iterable[bytes]) -> Iterator[Row]:
    """The rows of a file of learning records, in the order in which its images come first."""
    first: dict[str, Row] = {}
    last: dict[str, Row] = {}
    for number, line in enumerate(lines):
        record = _record(line)
        if record is None:
            continue
        run_id = record.get("run_id")
        key = run_id if isinstance(run_id, str) else f"line {number}"
        said = _said(record)
        row = _made(record) if key not in first else first[key]
        first.setdefault(key, row)
        if said is not None or is_rated(record) or key not in last:
            last[key] = _told(record, said)
    for key, row in first.items():
        yield {name: _as(kind, (row | last[key]).get(name)) for name, kind in COLUMNS.items()}


def _record(line: bytes) -> Row | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    good = isinstance(record, dict) and isinstance(record.get("metadata", {}), dict)
    return record if good else None


def _said(record: Row) -> Said | None:
    try:
        return said_in(record)
    except BadRecord:
        return None


def _made(record: Row) -> Row:
    metadata, config = record.get("metadata", {}), record.get("base_config")
    config = config if isinstance(config, dict) else {}
    return {
        "run_id": record.get("run_id"),
        "job": metadata.get("spool_job"),
        "image_index": metadata.get("spool_image_index"),
        "image_path": metadata.get("image_path"),
        "made_at": record.get("timestamp"),
        "group": metadata.get("spool_group"),
        "worker": metadata.get("spool_worker") or metadata.get("worker_id"),
        "pack": metadata.get("pack_name"),
        "stage": metadata.get("stage") or config.get("stage"),
        "experiment": metadata.get("experiment_name"),
        "variable": metadata.get("variable_under_test"),
        "value": _text(metadata.get("variant_value")),
        "model": record.get("primary_model") or metadata.get("model") or config.get("model"),
        "sampler": record.get("primary_sampler"),
        "scheduler": record.get("primary_scheduler"),
        "steps": record.get("primary_steps"),
        "cfg_scale": record.get("primary_cfg_scale"),
        "width": config.get("width"),
        "height": config.get("height"),
        "seed": metadata.get("seed"),
        "prompt": config.get("prompt") or metadata.get("prompt"),
        "negative_prompt": config.get("negative_prompt"),
    }


def _told(record: Row, said: Said | None) -> Row:
    metadata = record.get("metadata", {})
    counts = is_rated(record)
    told = {
        "record_kind": metadata.get("record_kind") or None,
        "counts_as": metadata.get("user_rating") if counts else None,
        "note": metadata.get("user_notes"),
    }
    if said is not None:
        word = said.word
        return told | word.subscores | {
            "rating": word.rating, "choice": word.choice, "note": word.note, "has_people": word.has_people,
            "said_by": said.by, "said_at": record.get("timestamp"),
        }  # fmt: skip
    subscores = metadata.get("subscores") or metadata.get("rating_details")
    context = metadata.get("rating_context") or metadata.get("review_context")
    decision = metadata.get("advancement_decision")
    return told | {
        **{key: subscores.get(key) for key in SUBSCORES if isinstance(subscores, dict)},
        "rating": metadata.get("user_rating_raw", metadata.get("user_rating")) if counts else None,
        "choice": {"curated_final": PICKED, "rejected_hard": REJECTED}.get(str(decision)),
        "has_people": context.get("has_people") if isinstance(context, dict) else None,
        "said_at": record.get("timestamp") if counts else None,
    }


def _text(value: object) -> str | None:
    """A tested value as text, by which numbers and names fit into one column; 7.0 and 7 stay two."""
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _as(kind: type, value: object) -> Any:  # noqa: ANN401 - one of the columns' types
    """*value* if it is of the column's type, or a number that can be; None for anything else, and for an empty text."""
    if kind is str:
        return value if isinstance(value, str) and value else None
    if kind is bool:
        return value if isinstance(value, bool) else None
    if isinstance(value, str):  # a rating that StableNew reads as the number it is
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _INT_MAX:
        return None
    if not math.isfinite(value):
        return None
    return kind(value) if kind is float or value == int(value) else None
