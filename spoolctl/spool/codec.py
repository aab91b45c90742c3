"""Bytes to records and back: the only reader and writer of records in the spool.

Guarantees: reading ends in bounded time and memory for any bytes (``yamltext``) and raises nothing but ``BadRecord``
and ``NewerRecord``; their messages, fields and hints are one short line, whatever the bytes were; a wrong value is told with
its line in the file. Writing takes any record. Accepts YAML and JSON, UTF-8 and UTF-16, with or without a byte order
mark, any line ending.
"""

import difflib
import json
import re
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from spoolctl.spool.errors import BadRecord, NewerRecord
from spoolctl.spool.records import RECORD_BYTES_MAX, Record
from spoolctl.spool.records.base import Submitted, told
from spoolctl.spool.yamltext import Parsed, line_of, parse

END_MARK = b"...\n"
"""YAML's document end: a record that ends so was written whole (see ``is_whole``)."""

R = TypeVar("R", bound=Record)
Path = tuple[str | int, ...]
_SCHEMA = re.compile(r"(spool\.[a-z]+)/([0-9]{1,9})\Z")
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON may hold as they are, and that YAML's own parsers refuse or take for the end of a line."""
_FIELD_CHARS_MAX, _MESSAGE_CHARS_MAX, _SHOWN_CHARS_MAX = 200, 300, 60


def decode_mapping(data: bytes, *, bytes_max: int = RECORD_BYTES_MAX) -> dict[str, Any]:
    """Read one YAML mapping or JSON object.

    Raises:
        BadRecord: Anything else, with the line where it is known.
    """
    if len(data) > bytes_max:
        raise BadRecord(
            f"the file has {len(data)} bytes; a record may have {bytes_max}",
            hint="attach large data as a file (spoolctl submit --attach) and refer to it",
        )
    return parse(_decode_text(data))


def decode(kind: type[R], data: bytes) -> R:
    """Read a record of the given kind.

    Raises:
        NewerRecord: The record's schema version is newer than this program.
        BadRecord: Anything else that is wrong, naming line or field.
    """
    return from_mapping(kind, decode_mapping(data, bytes_max=kind.bytes_max))


def from_mapping(kind: type[R], mapping: dict[str, Any]) -> R:
    """Validate an already read mapping as a record of the given kind; errors as for ``decode``.

    The line is named if *mapping* is as ``decode_mapping`` returned it.
    """
    path: Path = ("schema",)
    try:
        _check_schema(kind, mapping.get("schema"))
        as_json = json.dumps(mapping, allow_nan=False)
        return kind.model_validate_json(as_json)
    except BadRecord as error:
        bad = error
    except ValidationError as error:
        bad, path = _bad_field(kind, mapping, error)
    except (TypeError, ValueError, RecursionError) as error:
        text = told(str(error), _MESSAGE_CHARS_MAX)
        raise BadRecord(f"the file holds a value that no record can hold: {text}") from None
    if isinstance(mapping, Parsed):
        bad.line = line_of(mapping.text, path)
    raise bad


def encode(record: Record) -> bytes:
    """Write a record so that a person can read it and any reader sees whether it is whole.

    What people write too (jobs, settings) is written as YAML, keys in the order of its class, ending in ``END_MARK``. What only programs
    write is JSON, an entry a line: a twentieth of YAML's time to write, a tenth to read, and YAML all the same.
    Text that is not Unicode (lone surrogates: a file name that is not UTF-8) is written with escapes.
    """
    if not isinstance(record, Submitted):
        return _json(record, indent=1)
    return _dumped(_plain(record)) + END_MARK


def encode_open(record: Record) -> bytes:
    """Write a record that people add lines to: as ``encode``, but without the end mark and without values that are empty."""
    filled = {key: value for key, value in _plain(record).items() if value not in ({}, [])}
    return _dumped(filled)


def encode_json(record: Record) -> bytes:
    """Write a record as one line of JSON (heartbeats: small and read often); text as for ``encode``."""
    return _json(record)


def _json(record: Record, *, indent: int | None = None) -> bytes:
    try:
        text = record.model_dump_json(by_alias=True, exclude_none=True, indent=indent)
    except (PydanticSerializationError, UnicodeError):  # lone surrogates
        text = json.dumps(_plain(record), ensure_ascii=False, indent=indent)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode() + b"\n"


def _dumped(plain: dict[str, Any]) -> bytes:
    text = yaml.dump(plain, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=100)
    return str(text).encode()


def _plain(record: Record) -> Any:  # noqa: ANN401 - a mapping of plain values
    # Not mode="json": it fails on lone surrogates in one place and lets them through in another.
    return to_jsonable_python(_escaped(record.model_dump(by_alias=True, exclude_none=True)))


def _escaped(value: Any) -> Any:  # noqa: ANN401 - any plain value
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(item) for item in value]
    return value


def is_whole(data: bytes) -> bool:
    """True if the bytes themselves prove that the file is not still growing.

    A JSON object that parses is whole, since no prefix of one parses; a YAML file is whole if it ends in
    the document end mark. A YAML file without it may be a prefix that happens to parse (wrong bytes
    would run), so the caller has to see it stay the same for ``settle_s``.
    """
    return is_json(data) or data.rstrip().endswith((b"\n...", b"\r..."))


def is_json(data: bytes) -> bool:
    """True for text in braces, which is what a JSON object looks like (and a YAML mapping in flow style)."""
    begins = data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    return begins and data.rstrip().endswith(b"}")


def is_utf16(data: bytes) -> bool:
    """True for text that begins with UTF-16's byte order mark."""
    return data[:2] in (b"\xff\xfe", b"\xfe\xff")


def _decode_text(data: bytes) -> str:
    encoding = "utf-16" if is_utf16(data) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadRecord(
            f"the file is not text: byte {error.start} is not {encoding.removesuffix('-sig').upper()}",
            hint="save a job as UTF-8; an image is attached to a job (spoolctl submit --attach)",
            line=line,
        ) from None


def _check_schema(kind: type[Record], found: object) -> None:
    (wanted,) = get_args(kind.model_fields["schema_"].annotation)
    wanted_kind, wanted_version = wanted.split("/")
    match = _SCHEMA.match(found) if isinstance(found, str) else None
    if match and match[1] == wanted_kind and int(match[2]) > int(wanted_version):
        raise NewerRecord(f"schema '{found}' is newer than this program, which reads '{wanted}'")
    if found != wanted:
        said = "is missing" if found is None else f"is {_shown(found)}"
        raise BadRecord(
            f"key 'schema' {said}; it must be '{wanted}'",
            hint=f"begin the file with the line 'schema: {wanted}'",
            field="schema",
        )


def _bad_field(
    kind: type[Record], mapping: dict[str, Any], error: ValidationError
) -> tuple[BadRecord, Path]:
    problems = error.errors(include_url=False, include_context=False)
    first = problems[0]
    path = _path_in_file(first["loc"], mapping)
    field = told(".".join(str(part) for part in path), _FIELD_CHARS_MAX) or "(top level)"
    # A list of which one item is bad counts as too short as well; that is the same fault, not another.
    others = sum(1 for problem in problems[1:] if problem["type"] != "too_short")
    more = f" (and {others} more)" if others else ""
    if first["type"] == "extra_forbidden":
        nearest = _nearest_key(kind, str(path[-1]))
        hint = f"did you mean '{nearest}'?" if nearest else "remove it, or put it under 'metadata'"
        return BadRecord(f"unknown key '{field}'{more}", hint=hint, field=field), path
    value = first.get("input")
    shown = f", not {_shown(value)}" if isinstance(value, str | int | float) else ""
    message = told(first["msg"].removeprefix("Value error, "), _MESSAGE_CHARS_MAX)
    return BadRecord(f"'{field}': {message}{shown}{more}", field=field), path


def _path_in_file(loc: Path, mapping: dict[str, Any]) -> Path:
    """The location that pydantic tells, as keys and indexes of the file.

    A discriminated union puts its tag between the key and what is below it. People look for keys, so the
    tags are left out.
    """
    path: list[str | int] = []
    here: Any = mapping
    was_tag = False
    for part in loc[:-1]:
        is_tag = isinstance(here, dict) and part in (here.get("kind"), here.get("stage"))
        if is_tag and not was_tag:
            was_tag = True
            continue
        was_tag = False
        path.append(part)
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            here = None
    return (*path, *loc[-1:])


def _shown(value: object) -> str:
    """*value* in a message: short and on one line, whatever it is; of lists and mappings only the kind."""
    if isinstance(value, str):
        return f"'{told(value, _SHOWN_CHARS_MAX)}'"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return told(repr(value), _SHOWN_CHARS_MAX)


def _nearest_key(kind: type[BaseModel], key: str) -> str | None:
    """The known key most like *key*, searched in all submitted models."""
    known: set[str] = set()
    seen: set[int] = set()

    def gather(schema: object) -> None:
        if id(schema) in seen:
            return
        seen.add(id(schema))
        if isinstance(schema, dict):
            known.update(schema.get("properties", {}))
            for value in schema.values():
                gather(value)
        elif isinstance(schema, list):
            for value in schema:
                gather(value)

    gather(kind.model_json_schema(by_alias=True))
    close = difflib.get_close_matches(key[:_FIELD_CHARS_MAX], sorted(known), n=1, cutoff=0.6)
    return close[0] if close else None
