"""From lines of the ledgers to rows of the index. Pure.

Guarantees: any JSON object gives a row or ``None``, never an exception: people edit ledgers, and other versions write them. What is not of
the kind that a column holds is left out (``NULL``), not guessed. Does not judge whether a line is a good record; ``corpus check`` does.
"""

import math
from typing import Any, Final

from spoolctl.spool import group_of, is_legal

JsonObject = dict[str, Any]
Row = dict[str, str | int | float | None]

JOB_COLUMNS: Final = (
    "name", "job_id", "grp", "class", "kind", "submitted_by", "verdict", "code", "attempts", "worker",
    "model", "started", "ended", "seconds", "images", "day",
)  # fmt: skip
IMAGE_COLUMNS: Final = (
    "run_id", "job", "image_index", "job_id", "grp", "path", "worker", "ended", "pack", "stage", "model",
    "sampler", "scheduler", "steps", "cfg_scale", "seed", "width", "height", "prompt", "negative_prompt",
    "experiment", "variable", "value", "sha256",
)  # fmt: skip
WORD_COLUMNS: Final = ("run_id", "number", "rating", "choice", "note")
CHOICES: Final = ("picked", "rejected")
RATING_MIN, RATING_MAX = 1, 5
_INT_MAX = 2**63 - 1


def job_row(line: JsonObject) -> Row | None:
    """The row of one line of history; ``None`` if it names no job, or no end of one."""
    name, verdict = _name(line.get("name")), _text(line.get("verdict"))
    attempts = _whole(line.get("attempts"))
    if name is None or verdict is None or attempts is None or attempts < 0:
        return None
    return {
        "name": name,
        "job_id": _text(line.get("job_id")),
        "grp": group_of(name, _text(line.get("group"))),
        "class": _text(line.get("class")),
        "kind": _text(line.get("kind")),
        "submitted_by": _text(line.get("submitted_by")),
        "verdict": verdict,
        "code": _text(line.get("code")),
        "attempts": attempts,
        "worker": _text(line.get("worker")),
        "model": _text(line.get("model")),
        "started": _text(line.get("started_at")),
        "ended": _text(line.get("ended_at")),
        "seconds": _number(line.get("duration_s")),
        "images": _whole(line.get("images")) or 0,
        "day": _text(line.get("day")),
    }


def image_row(line: JsonObject) -> Row | None:
    """The row of one image's record; ``None`` for a person's word on an image, and for records that no job of a spool left."""
    told = _mapping(line.get("metadata"))
    base = _mapping(line.get("base_config"))
    run_id, job = _text(line.get("run_id")), _name(told.get("spool_job"))
    index = _whole(told.get("spool_image_index"))
    if run_id is None or job is None or index is None or index < 0 or _is_word(told):
        return None
    return {
        "run_id": run_id,
        "job": job,
        "image_index": index,
        "job_id": _text(told.get("job_id")),
        "grp": group_of(job, _text(told.get("spool_group"))),
        "path": _text(told.get("image_path")),
        "worker": _text(told.get("spool_worker")),
        "ended": _text(line.get("timestamp")),
        "pack": _text(told.get("pack_name")),
        "stage": _text(told.get("stage")),
        "model": _text(line.get("primary_model")),
        "sampler": _text(line.get("primary_sampler")),
        "scheduler": _text(line.get("primary_scheduler")),
        "steps": _whole(line.get("primary_steps")),
        "cfg_scale": _number(line.get("primary_cfg_scale")),
        "seed": _seed(told.get("seed")),
        "width": _whole(base.get("width")),
        "height": _whole(base.get("height")),
        "prompt": _text(base.get("prompt")) or "",
        "negative_prompt": _text(base.get("negative_prompt")) or "",
        "experiment": _text(told.get("experiment_name")),
        "variable": _text(told.get("variable_under_test")),
        "value": _scalar(told.get("variant_value")),
        "sha256": _text(told.get("spool_image_sha256")),
    }


def word_row(line: JsonObject) -> Row | None:
    """The row of a person's word on an image, which may come before the image's own record; ``None`` for anything else."""
    told = _mapping(line.get("metadata"))
    run_id = _text(line.get("run_id"))
    if run_id is None or not _is_word(told) or _text(told.get("spool_job")) is None:
        return None
    # What was said; ``user_rating`` is what StableNew reckons with, which counts a pick as 5.
    said = {"rating": told.get("user_rating"), "choice": told.get("spool_choice")}
    said = _mapping(told.get("spool_said", said))
    rating, choice = _number(said.get("rating")), _text(said.get("choice"))
    return {
        "run_id": run_id,
        "number": _whole(told.get("spool_word")) or 0,
        "rating": rating if rating is not None and RATING_MIN <= rating <= RATING_MAX else None,
        "choice": choice if choice in CHOICES else None,
        "note": _text(told.get("user_notes")),
    }


def _is_word(told: JsonObject) -> bool:
    """True for a person's word, which may be no more than a note."""
    return bool(told.get("record_kind")) or "spool_word" in told


def _mapping(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """Text that SQLite can hold: no lone surrogate, which JSON can say and UTF-8 cannot."""
    if not isinstance(value, str) or not value:
        return None
    return value.encode("utf-8", "replace").decode("utf-8")


def _name(value: object) -> str | None:
    """A job's name: it becomes a path, and nothing but a legal one may."""
    name = _text(value)
    return name if name is not None and is_legal(name) else None


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _INT_MAX:
        return None
    return value


def _seed(value: object) -> str | None:
    """As text: seeds reach 2**64 - 1, SQLite's integers do not."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _scalar(value: object) -> str | float | None:
    if isinstance(value, bool):
        return str(value).lower()
    return _text(value) if isinstance(value, str) else _number(value)
