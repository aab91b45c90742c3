"""What StableNew's readers make of one line of learning records, rule by rule.

Pure. Guarantees: a line without a fault is read by all of them as it is meant; each fault tells what it does there. The rules are those
of the code as it stands, not of a schema: what no reader looks at may be anything.

Source: StableNew2, ``src/learning/``: ``recommendation_engine.py`` (``_load_records``, ``_score_records``, ``_compute_optimal_settings``),
``learning_analytics.py``, ``learning_record.py`` (``from_json``).
"""

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

KINDS = frozenset({"learning_experiment_rating", "review_tab_feedback", "staged_curation_event"})
"""The only values of ``record_kind`` that its recommendations count; none at all is counted, too."""
SUBSCORES = ("anatomy", "composition", "prompt_adherence")
TIME = "%Y-%m-%dT%H:%M:%S"


class Effect(StrEnum):
    """What a faulty line does in StableNew."""

    HIDES = "the whole file counts as empty, so there are no recommendations"
    BREAKS = "every recommendation fails, for everybody"
    ANALYTICS = "its learning analytics fail, for everybody"
    SKIPPED = "the line is passed over"
    UNCOUNTED = "the rating counts for nothing"
    UNLISTED = "the list of recent records passes it over"
    MISREAD = "it is read as something else"


SPOILING = frozenset({Effect.HIDES, Effect.BREAKS, Effect.ANALYTICS})
"""Those by which one line harms all others."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a line."""

    field: str
    """A dotted path, or '' for the line as a whole."""
    reason: str
    effect: Effect
    hint: str

    @property
    def is_bad(self) -> bool:
        """False if the line is read all the same, though not quite as meant."""
        return self.effect is not Effect.MISREAD


def faults(line: bytes) -> list[Fault]:
    """What is wrong with one line, with or without its line break; nothing for a blank one."""
    try:
        text = line.decode().strip()
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is no UTF-8"
        return [Fault("", reason, Effect.HIDES, "remove the line, or save the file as UTF-8")]
    if not text:
        return []
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        reason = f"no JSON at column {error.colno}: {error.msg}"
        return [Fault("", reason, Effect.SKIPPED, "write the record whole, on one line")]
    except (ValueError, RecursionError):
        reason = "nested too deep, or a number too long"
        return [Fault("", reason, Effect.HIDES, "remove the line")]
    if not isinstance(record, dict):
        reason = f"{_kind(record)} and no object"
        return [Fault("", reason, Effect.BREAKS, "remove the line")]
    return list(_faults_of(record))


def spoils(line: bytes) -> bool:
    """True if one such line harms every other in its file."""
    return any(one.effect in SPOILING for one in faults(line))


def is_rated(record: Mapping[str, Any]) -> bool:
    """True if StableNew's recommendations count the record."""
    metadata = record.get("metadata", {})
    return _kind_counts(metadata) and _rating(metadata.get("user_rating")) is not None


def _faults_of(record: dict[str, Any]) -> Iterator[Fault]:
    yield from _loading(record)
    metadata = record.get("metadata", {})
    if not isinstance(metadata, dict):
        hint = "an object; {} if there is nothing to tell"
        yield Fault("metadata", f"{_kind(metadata)} and no object", Effect.BREAKS, hint)
        return
    yield from _analysed(metadata)
    if metadata.get("user_rating") is None:
        return
    if not _kind_counts(metadata):
        hint = f"one of {', '.join(sorted(KINDS))}, or none"
        reason = f"{_shown(metadata['record_kind'])} is not known"
        yield Fault("metadata.record_kind", reason, Effect.UNCOUNTED, hint)
        return
    try:
        rating = _rating(metadata["user_rating"])
    except OverflowError:
        yield Fault("metadata.user_rating", "too large a number", Effect.BREAKS, _WHOLE)
        return
    if rating is None:
        reason = f"{_shown(metadata['user_rating'])} is not 1 to 5"
        yield Fault("metadata.user_rating", reason, Effect.UNCOUNTED, _WHOLE)
        return
    yield from _scored(record, metadata)


_WHOLE = "a whole number from 1 to 5"


def _loading(record: dict[str, Any]) -> Iterator[Fault]:
    for key in ("run_id", "timestamp"):
        if key not in record:
            yield Fault(key, "missing", Effect.UNLISTED, "every record needs it")
    for key, kind in (("primary_steps", int), ("primary_cfg_scale", float)):
        try:
            kind(record.get(key, 0))
        except (TypeError, ValueError, OverflowError):
            reason = f"{_shown(record[key])} is no number"
            yield Fault(key, reason, Effect.UNLISTED, "a number, 0 if it is not known")


def _analysed(metadata: dict[str, Any]) -> Iterator[Fault]:
    rating = metadata.get("user_rating")
    is_number = isinstance(rating, int | float) and (_is_finite(rating) or rating != rating)  # noqa: PLR0124 - no number at all is borne
    if rating is not None and not is_number:
        reason = f"{_shown(rating)} is no finite number"
        yield Fault("metadata.user_rating", reason, Effect.ANALYTICS, _WHOLE)
    for key in ("reason_tags", "selection_reason_tags"):
        tags = metadata.get(key)
        if tags and not isinstance(tags, list | str | dict):
            reason = f"{_kind(tags)} and no list"
            yield Fault(f"metadata.{key}", reason, Effect.ANALYTICS, "a list of texts")
            return
        if tags:
            return  # the second key counts only if the first is empty


def _scored(record: dict[str, Any], metadata: dict[str, Any]) -> Iterator[Fault]:
    config = record.get("base_config") or {}
    if not isinstance(config, dict):
        reason = f"{_kind(config)} and no object"
        yield Fault("base_config", reason, Effect.BREAKS, "an object")
    elif not (metadata.get("stage") or config.get("stage") or metadata.get("stage_name")):
        yield Fault("metadata.stage", "missing", Effect.MISREAD, "without it the stage is txt2img")
    yield from _grouped(record, metadata)
    yield from _timed(record.get("timestamp", ""))
    for key, kind in _MOTION.items():
        motion = metadata.get("secondary_motion")
        value = motion.get(key) if isinstance(motion, dict) else None
        try:
            kind(value or 0)
        except (TypeError, ValueError, OverflowError):
            reason = f"{_shown(value)} is no number"
            yield Fault(f"metadata.secondary_motion.{key}", reason, Effect.BREAKS, "a number")
    details = metadata.get("subscores") or metadata.get("rating_details")
    for key in SUBSCORES:
        value = details.get(key) if isinstance(details, dict) else None
        if isinstance(value, int) and not _is_finite(value):
            name = f"metadata.subscores.{key}"
            yield Fault(name, "too large a number", Effect.BREAKS, "from 1 to 5")


_MOTION: dict[str, type[int] | type[float]] = {
    "applied_motion_strength": float,
    "frame_count_delta": int,
    "quality_risk_score": float,
}


def _grouped(record: dict[str, Any], metadata: dict[str, Any]) -> Iterator[Fault]:
    """What ratings are grouped by: values that can be compared, and the variable's name."""
    primary = ("primary_sampler", "primary_scheduler", "primary_steps", "primary_cfg_scale")
    values = {key: record.get(key) for key in primary}
    values["metadata.variant_value"] = metadata.get("variant_value")
    for key, value in values.items():
        if isinstance(value, list | dict):
            reason = f"{_kind(value)} and no single value"
            yield Fault(key, reason, Effect.BREAKS, "one text or number")
    variable = metadata.get("variable_under_test")
    if variable and not isinstance(variable, str) and metadata.get("variant_value") is not None:
        reason = f"{_kind(variable)} and no text"
        yield Fault("metadata.variable_under_test", reason, Effect.BREAKS, "text, like 'CFG Scale'")


def _timed(stamp: object) -> Iterator[Fault]:
    hint = "UTC without a zone and without fractions, like 2026-03-27T08:02:05"
    try:
        moment = time.strptime(stamp, TIME)  # type: ignore[arg-type]  # as its reader does
    except (TypeError, ValueError):
        reason = f"{_shown(stamp)} is taken as the moment of reading"
        yield Fault("timestamp", reason, Effect.MISREAD, hint)
        return
    if moment.tm_year <= 1970:  # noqa: PLR2004 - where Windows begins to count
        reason = f"{_shown(stamp)} lies before Windows begins to count"
        yield Fault("timestamp", reason, Effect.BREAKS, hint)


def _kind_counts(metadata: Mapping[str, Any]) -> bool:
    kind = str(metadata.get("record_kind") or "").strip()
    return not kind or kind in KINDS


def _rating(value: object) -> float | None:
    """The rating as it is counted. Raises OverflowError, as its reader does."""
    try:
        rating = float(value)  # type: ignore[arg-type]  # as its reader does
    except (TypeError, ValueError):
        return None
    return rating if 1 <= rating <= 5 else None  # noqa: PLR2004 - StableNew's scale


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _kind(value: object) -> str:
    names = {
        type(None): "null",
        list: "a list",
        dict: "an object",
        str: "a text",
        bool: "a truth value",
    }
    return names.get(type(value), "a number")


def _shown(value: object) -> str:
    return json.dumps(value)[:60]
