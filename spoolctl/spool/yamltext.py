"""Text to one plain mapping and back to its lines: the only place where YAML and JSON are parsed.

Guarantees: parsing ends in bounded time and memory for any text (depth, aliases and values are limited before
anything is built) and raises nothing but ``BadRecord``; what comes out is made of ``dict`` with text keys,
``list``, ``str``, ``int``, ``float``, ``bool`` and ``None`` alone, never deeper than ``DEPTH_MAX``; a key
given twice is an error, not a guess. Does not guarantee that the values make a record.

YAML is version 1.1 as PyYAML reads it, with these differences: a key is the text that it is (``1``, ``on``), and
dates, base-60 numbers (``1:30``) and ``=`` stay text. Tags for other types than these are refused. Values are
built here, from the parser's events and in one pass: PyYAML's own constructors raise whatever ``int('')`` and the
like do, and take time that grows with the square of a base-60 number's length.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml
from yaml._yaml import CParser

from spoolctl.spool.errors import BadRecord
from spoolctl.spool.records.base import told

DEPTH_MAX = 64
NODES_MAX = 150_000
"""A manifest of ``RECORD_BYTES_MAX`` stays below it: an output takes 200 bytes and 24 of these."""
TEXT_PER_VALUE = 64
"""A text counts as one more value for each so many characters: 20 000 aliases of one long text are no small file."""
DIGITS_MAX = 400
WHOLE_MAX = 10**300
"""Whole numbers stay below it: written in decimal they are read again, and each is a finite float too."""
_TAG_DIRECTIVES_MAX = 100
"""libyaml compares each ``%TAG`` line with all before it: 60 000 of them took seven seconds."""
_TAG = "tag:yaml.org,2002:"
_MEANINGS: dict[str, bool | None] = {
    "null": None, "yes": True, "true": True, "on": True, "no": False, "false": False, "off": False,
}  # fmt: skip
_WORDS: dict[str, bool | None] = {"": None, "~": None}
for _word, _meaning in _MEANINGS.items():
    _WORDS |= dict.fromkeys((_word, _word.capitalize(), _word.upper()), _meaning)
_INT = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)\Z")
_FLOAT = re.compile(
    r"(?:[-+]?[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?\Z"
    r"|[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z"
)
_AFTER_THE_END = "did not find expected <document start>"
"""libyaml's words for text behind a document's end mark."""
Event = Any
"""One of PyYAML's events; its type stubs lack most of their attributes."""
_TAGGED = {"null": type(None), "bool": bool, "int": int, "float": float}


class Parsed(dict[str, Any]):
    """A mapping that keeps the text it was read from, so that a fault found later can name its line."""

    def __init__(self, values: dict[str, Any], text: str) -> None:
        super().__init__(values)
        self.text = text


def parse(text: str) -> Parsed:
    """Read one YAML mapping or JSON object.

    Raises:
        BadRecord: It is neither, or too deep or too large; with the line where it is known.
    """
    found = _json(text) if text.lstrip().startswith("{") else None
    if found is None:
        _, found = _yaml(text)
    if not isinstance(found, dict):
        kind = "nothing" if found is None else f"a {type(found).__name__}"
        raise BadRecord(f"the file holds {kind} where a mapping of keys to values is needed")
    return Parsed(found, text)


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The 1-based line of the field at *path*, or of the nearest field around it that is in the text.

    Args:
        text: What ``parse`` has read without complaint.
        path: Keys and list indexes, from the top.
    """
    try:
        builder, here = _yaml(text)
    except BadRecord:  # JSON that is no YAML, like one indented with tabs
        return None
    line = None
    for part in path:
        lines = builder.lines.get(id(here), {}) if isinstance(here, dict | list) else {}
        if part not in lines:
            break
        line = lines[part]
        here = here[part]
    return line


def _too_large(line: int | None = None) -> BadRecord:
    return BadRecord(
        f"the file is nested deeper than {DEPTH_MAX} levels or has more than "
        f"{NODES_MAX} values (long texts count for several) when its aliases are written out",
        line=line,
    )


def _twice(key: str, line: int | None = None, first: int | None = None) -> BadRecord:
    where = f" (line {first} has it, too)" if first is not None else ""
    return BadRecord(
        f"key '{told(key, 60)}' is given twice{where}", hint="keep one of them", line=line
    )


def _json(text: str) -> Any:  # noqa: ANN401 - raw input
    """Read JSON; None if it is not JSON (a YAML flow mapping begins with a brace too)."""
    try:
        found = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_not_finite,
            parse_int=_json_whole,
        )
    except RecursionError:
        raise _too_large() from None
    except ValueError:
        return None
    level, count = [found], 0
    for _ in range(DEPTH_MAX):
        inside = [
            value for one in level for value in (one.values() if isinstance(one, dict) else one)
        ]
        count += len(inside)
        level = [value for value in inside if isinstance(value, dict | list)]
    if level or count > NODES_MAX:
        raise _too_large()
    return found


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _twice(key)
            seen.add(key)
    return found


def _not_finite(word: str) -> float:
    raise _no_number(word)


def _json_whole(text: str) -> int:
    if len(text) <= DIGITS_MAX and abs(number := int(text)) < WHOLE_MAX:
        return number
    raise _no_number(text)


def _no_number(text: str, line: int | None = None) -> BadRecord:
    return BadRecord(
        f"'{told(text, 60)}' is no number that a record can hold",
        hint="put it in quotes if it is text",
        line=line,
    )


def _yaml(text: str) -> tuple["_Builder", Any]:
    """The value that the text holds, ``None`` if it holds nothing; and the builder, which knows its lines."""
    if text.count("%TAG") > _TAG_DIRECTIVES_MAX and re.search(r"^%TAG", text, re.M):
        raise BadRecord(
            f"'%TAG' more than {_TAG_DIRECTIVES_MAX} times",
            hint="remove these lines; no record needs them",
        )
    try:
        builder = _Builder(text)
        return builder, builder.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = told(error.problem or str(error), 200)
        hint = None
        if _AFTER_THE_END in problem:
            problem = "the line '...' above ends the file, and something stands after it"
            hint = "write it above that line, or remove that line"
        if mark and text[mark.index : mark.index + 1] == "\t":
            hint = "a tab cannot indent YAML; use spaces"
        line = mark.line + 1 if mark else None
        raise BadRecord(f"not YAML: {problem}", hint=hint, line=line) from None
    except (yaml.YAMLError, UnicodeError) as error:  # UnicodeError: a lone surrogate
        raise BadRecord(f"not YAML: {told(str(error), 200)}") from None


class _Builder:
    """Builds one document's value from its events, counting depth and size *with aliases written out*."""

    def __init__(self, text: str) -> None:
        # The parser alone: a loader's resolver and constructor take their time, and are of no use here.
        self._next: Callable[[], Event] = CParser(text).get_event
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        """Value, size and height of each finished node that has an anchor."""
        self._total = 0
        self._deepest = 0
        self.lines: dict[int, dict[str | int, int]] = {}
        """By the ``id`` of a list or mapping: the line of each of its entries."""

    def document(self) -> Any:  # noqa: ANN401 - any plain value
        """The only document's value; ``None`` if there is no document."""
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        value = self._value(self._next(), 0)
        self._next()
        more = self._next()
        if not isinstance(more, yaml.StreamEndEvent):
            raise BadRecord(
                "the file holds more than one YAML document",
                hint="one file is one job: split it at the lines '---'",
                line=_line(more),
            )
        return value

    def _value(self, event: Event, depth: int) -> Any:  # noqa: ANN401 - any plain value
        """The value that begins with *event*, inside *depth* lists and mappings."""
        before, outer = self._total, self._deepest
        self._deepest = depth
        value: Any
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise BadRecord(
                    f"alias '*{told(str(event.anchor), 60)}' has no anchor that ends before it",
                    line=_line(event),
                )
            value, size, height = self._anchors[event.anchor]
            self._grow(event, size, depth + height)
        else:
            if isinstance(event, yaml.ScalarEvent):
                self._grow(event, 1 + len(event.value) // TEXT_PER_VALUE, depth)
                value = _scalar(event)
            else:
                self._grow(event, 1, depth + 1)
                is_list = isinstance(event, yaml.SequenceStartEvent)
                if event.tag not in (None, "!", f"{_TAG}seq" if is_list else f"{_TAG}map"):
                    raise _refused_tag(event)
                value = self._list(depth + 1) if is_list else self._mapping(depth + 1)
            if event.anchor:
                height = self._deepest - depth
                self._anchors[event.anchor] = (value, self._total - before, height)
        self._deepest = max(outer, self._deepest)
        return value

    def _grow(self, event: Event, size: int, depth: int) -> None:
        self._total += size
        self._deepest = max(self._deepest, depth)
        if self._total > NODES_MAX or depth > DEPTH_MAX:
            raise _too_large(_line(event))

    def _list(self, depth: int) -> list[Any]:
        values: list[Any] = []
        lines: dict[str | int, int] = {}
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            lines[len(values)] = _line(event)
            values.append(self._value(event, depth))
        self.lines[id(values)] = lines
        return values

    def _mapping(self, depth: int) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        lines: dict[str | int, int] = {}
        while not isinstance(key := self._next(), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise BadRecord(
                    "a key must be plain text, no list, mapping or alias", line=_line(key)
                )
            self._value(key, depth)  # counts it, and refuses a tag
            value = self._value(self._next(), depth)
            if key.value == "<<" and key.implicit[0]:
                for source in value if isinstance(value, list) else [value]:
                    if not isinstance(source, dict):
                        raise BadRecord("'<<' takes a mapping or a list of them", line=_line(key))
                    for name, inherited in source.items():
                        merged.setdefault(name, inherited)  # of several, the first one counts
                        lines.setdefault(name, _line(key))
                continue
            if key.value in own:
                raise _twice(key.value, _line(key), lines[key.value])
            own[key.value] = value
            lines[key.value] = _line(key)
        values = merged | own
        self.lines[id(values)] = lines
        return values


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1


def _scalar(event: Event) -> str | int | float | bool | None:
    text: str = event.value
    if event.tag is None and event.implicit[0]:
        return _plain(event, text)
    kind = (event.tag or f"{_TAG}str").removeprefix(_TAG)
    if kind in ("str", "!"):
        return text
    if kind not in _TAGGED:
        raise _refused_tag(event)
    value = _plain(event, text)
    if type(value) is not _TAGGED[kind]:
        raise BadRecord(f"'{told(text, 60)}' is no {kind}", line=_line(event))
    return value


def _plain(event: Event, text: str) -> str | int | float | bool | None:
    """What a text without quotes stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    is_whole = _INT.match(text) is not None
    if not is_whole and not _FLOAT.match(text):
        return text
    if len(text) <= DIGITS_MAX:
        number = _whole(text) if is_whole else _fraction(text)
        if abs(number) < WHOLE_MAX if is_whole else math.isfinite(number):
            return number
    raise _no_number(text, _line(event))


def _whole(text: str) -> int:
    """YAML 1.1: ``0b`` binary, ``0x`` hexadecimal, another leading 0 octal, underscores anywhere."""
    digits = text.replace("_", "")
    sign, digits = (-1 if digits[0] == "-" else 1), digits.lstrip("+-")
    for prefix, base in (("0b", 2), ("0x", 16), ("0", 8)):
        if digits.startswith(prefix):
            return sign * int(digits.removeprefix(prefix) or "0", base)
    return sign * int(digits)


def _fraction(text: str) -> float:
    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


def _refused_tag(event: Event) -> BadRecord:
    return BadRecord(
        f"tag '{told(str(event.tag).replace(_TAG, '!!'), 60)}' is not one that a record can hold",
        hint="leave the tag out and write the value as text",
        line=_line(event),
    )
