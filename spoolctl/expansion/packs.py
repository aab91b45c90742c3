"""StableNew's prompt packs, read: rows of prompts, a matrix of slots, and the preset that a pack carries.

Pure. Guarantees: any text is parsed, or refused with a ``BadRecord`` that says why, in time that grows with its length; a row's prompts
are those that StableNew's own builder makes of it. Does not guarantee what StableNew reads differently in two places: of a pack that
exists as text and as JSON the rows are the text's, as its builder has them; a row whose text is a template's lacks that template.

Source of the formats: StableNew2, ``src/pipeline/prompt_pack_parser.py`` (text), ``src/utils/file_io.py`` (``.tsv``, slots of JSON),
``src/pipeline/resolution_layer.py`` (how a row becomes prompts), ``src/utils/prompt_pack_utils.py`` (matrix).
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spoolctl.spool import BadRecord, told

ROWS_MAX = 20_000
_EMBEDDING = re.compile(r"\(\s*<embedding:([^<>]+)>\s*:\s*([+-]?\d{1,9}(?:\.\d{1,9})?)\s*\)", re.I)
_PLAIN_EMBEDDING = re.compile(r"<embedding:([^<>]+)>", re.IGNORECASE)
_OLD_EMBEDDING = re.compile(r"<(?!\s*(?:embedding|lora):)([A-Za-z0-9_.-]+)>", re.IGNORECASE)
_LORA = re.compile(r"<lora:([^:<>]+):([^<>]+)>")
_LINES = re.compile(r"\r\n|\r|\n")
_NEGATIVE = "neg:"
_MODES = {
    "fanout": "fanout", "grid": "fanout", "all": "fanout", "rotate": "rotate", "sequential": "sequential",
    "round_robin": "sequential", "random": "random", "per_prompt": "random",
}  # fmt: skip
Weighted = tuple[str, float]


@dataclass(frozen=True)
class Row:
    """One row of a pack, as it goes into a job but for its slots and wildcards."""

    positive: str
    negative: str
    """What stands behind the settings' own negative prompt."""


@dataclass(frozen=True)
class Slots:
    """A matrix of slots: their values by name, and how they are combined (see ``SlotMatrix``)."""

    values: Mapping[str, tuple[str, ...]]
    mode: str
    limit: int | None


@dataclass(frozen=True)
class PackJson:
    """What the JSON file of a pack holds; each part may be missing."""

    rows: tuple[Row, ...]
    slots: Slots | None
    preset: Mapping[str, Any] | None


def rows_of_text(text: str) -> tuple[Row, ...]:
    """The rows of a ``.txt`` pack: blocks between blank lines."""
    rows: list[Row] = []
    block: list[str] = []
    for line in (*_LINES.split(text), ""):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            block.append(stripped)
        elif not stripped:
            row = _row_of_lines(block)
            rows += [row] if row else []
            block = []
    return _bounded(rows)


def rows_of_table(text: str) -> tuple[Row, ...]:
    """The rows of a ``.tsv`` pack: positive, tab, negative."""
    rows = []
    for line in _LINES.split(text):
        if line.strip() and not line.strip().startswith("#"):
            positive, _, negative = line.strip().partition("\t")
            rows.append(Row(positive.strip(), negative.strip()))
    return _bounded(rows)


def read_json(mapping: Mapping[str, Any]) -> PackJson:
    """A pack's JSON: unified (``pack_data``, ``preset_data``), of before (name and slots at the top), or a preset alone.

    Raises:
        BadRecord: A part of it is of another kind than StableNew writes.
    """
    unified = "pack_data" in mapping or "preset_data" in mapping
    data = _mapping(mapping.get("pack_data"), "pack_data") if unified else mapping
    matrix = _mapping(data.get("matrix"), "pack_data.matrix")
    if unified:
        preset = _mapping(mapping.get("preset_data"), "preset_data")
    else:
        preset = mapping if "txt2img" in mapping or "pipeline" in mapping else {}
    rows = [
        _row_of_slot(_mapping(slot, f"slots.{number}"), f"slots.{number}")
        for number, slot in enumerate(_list(data.get("slots"), "slots"))
    ]
    return PackJson(_bounded([row for row in rows if row]), _slots(matrix), preset or None)


def _row_of_lines(lines: Iterable[str]) -> Row | None:
    embeddings: list[Weighted] = []
    loras: list[Weighted] = []
    texts: list[str] = []
    negative: list[str] = []
    phrases: list[str] = []
    for line in lines:
        if line.startswith(_NEGATIVE):
            found, rest = _embeddings(line)
            negative += [_reference(one) for one in found]
            phrases += [part.strip() for part in rest.replace(_NEGATIVE, "").split(",")]
            continue
        found, rest = _embeddings(line)
        if found and not rest:
            embeddings += found
            continue
        tags = [(name, _weight(weight)) for name, weight in _LORA.findall(line)]
        if tags and not _LORA.sub("", line).strip():
            loras += tags
            continue
        texts.append(line)
    if not (embeddings or loras or texts):
        return None
    return _composed(embeddings, " ".join(texts), loras, negative, phrases)


def _row_of_slot(slot: Mapping[str, Any], where: str) -> Row | None:
    template = slot.get("template_id")
    if isinstance(template, str) and template.strip():
        raise BadRecord(
            f"the row's text is StableNew's prompt template '{told(template, 60)}', which is not in the pack",
            hint="write the text itself into the row (StableNew's pack editor shows it)",
            field=f"{where}.template_id",
        )
    text = " ".join(_text(slot.get("text"), f"{where}.text").split())
    negative_text = _text(slot.get("negative"), f"{where}.negative")
    embeddings = _entries(slot.get("positive_embeddings"), f"{where}.positive_embeddings")
    loras = _entries(slot.get("loras"), f"{where}.loras")
    negative = _entries(slot.get("negative_embeddings"), f"{where}.negative_embeddings")
    phrases = [p.strip() for line in _LINES.split(negative_text) for p in line.split(",")]
    if not (text or embeddings or loras or negative or any(phrases)):
        return None
    return _composed(embeddings, text, loras, [_reference(one) for one in negative], phrases)


def _composed(
    embeddings: list[Weighted],
    text: str,
    loras: list[Weighted],
    negative: list[str],
    phrases: list[str],
) -> Row:
    """Embeddings, text, LoRAs, each LoRA once; the negative joined with commas. So does StableNew's resolver."""
    tags: dict[str, str] = {}
    for name, weight in loras:
        if name.strip():
            tags.setdefault(name.strip().lower(), f"<lora:{name.strip()}:{weight}>")
    positive = (*(_reference(one) for one in embeddings), text, *tags.values())
    return Row(
        " ".join(part for part in positive if part).strip(),
        ", ".join(part for part in (*negative, *phrases) if part),
    )


def _embeddings(line: str) -> tuple[list[Weighted], str]:
    """The embeddings that a line names, weighted ones first, and what else it says."""
    found = [(name.strip(), _weight(weight)) for name, weight in _EMBEDDING.findall(line)]
    line = _EMBEDDING.sub(" ", line)
    for pattern in (_PLAIN_EMBEDDING, _OLD_EMBEDDING):
        found += [(name.strip(), 1.0) for name in pattern.findall(line)]
        line = pattern.sub(" ", line)
    return [one for one in found if one[0]], " ".join(line.split())


def _reference(embedding: Weighted) -> str:
    name, weight = embedding
    return f"<embedding:{name}>" if weight == 1 else f"(<embedding:{name}>:{weight:g})"


def _weight(text: object) -> float:
    """A weight; what is none counts as 1, as in StableNew."""
    try:
        weight = float(text) if isinstance(text, str | int | float) else 1.0
    except (ValueError, OverflowError):
        return 1.0
    return weight if math.isfinite(weight) else 1.0


def _entries(value: object, where: str) -> list[Weighted]:
    """Names with weights, as JSON packs have them: ``"x"``, ``["x", 0.7]``, ``{"name": "x", "weight": 0.7}``."""
    found: list[Weighted] = []
    for entry in _list(value, where):
        match entry:
            case str():
                name, weight = entry, 1.0
            case [str(name), *rest]:
                weight = _weight(rest[0] if rest else 1.0)
            case {"name": str(name)}:
                weight = _weight(entry.get("weight", 1.0))
            case _:
                raise BadRecord(f"'{where}' holds an entry without a name", field=where)
        if name.strip():
            found.append((name.strip(), weight))
    return found


def _slots(matrix: Mapping[str, Any]) -> Slots | None:
    """The matrix, if it is on and has values. Unless it names another mode, every combination, as StableNew's builder has it."""
    if matrix.get("enabled") is not True:
        return None
    values: dict[str, tuple[str, ...]] = {}
    for number, slot in enumerate(_list(matrix.get("slots"), "pack_data.matrix.slots")):
        where = f"pack_data.matrix.slots.{number}"
        said = _mapping(slot, where)
        name = _text(said.get("name"), f"{where}.name")
        found = tuple(_text(one, f"{where}.values") for one in _list(said.get("values"), where))
        if name and found:
            values[name] = found
    if not values:
        return None
    word = _text(matrix.get("mode"), "pack_data.matrix.mode").lower() or "fanout"
    if word not in _MODES:
        raise BadRecord(
            f"'pack_data.matrix.mode' is '{told(word, 60)}'",
            hint=f"it may be one of {', '.join(_MODES)}",
            field="pack_data.matrix.mode",
        )
    limit = matrix.get("limit")
    is_limit = isinstance(limit, int) and not isinstance(limit, bool) and limit > 0
    return Slots(values, _MODES[word], limit if is_limit else None)


def _bounded(rows: list[Row]) -> tuple[Row, ...]:
    if len(rows) > ROWS_MAX:
        raise BadRecord(f"the pack has {len(rows)} rows; it may have {ROWS_MAX}", hint="divide it")
    return tuple(rows)


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if value is None or isinstance(value, Mapping):
        return value or {}
    raise BadRecord(f"'{where}' is no mapping", field=where, hint="save the pack anew in StableNew")


def _list(value: object, where: str) -> list[Any]:
    if value is None or isinstance(value, list):
        return value or []
    raise BadRecord(f"'{where}' is no list", field=where, hint="save the pack anew in StableNew")


def _text(value: object, where: str) -> str:
    """Text; a number is its digits, and nothing is nothing."""
    if value is None or isinstance(value, str | int | float):
        return "" if value is None else str(value).strip()
    raise BadRecord(f"'{where}' is no text", field=where, hint="save the pack anew in StableNew")
