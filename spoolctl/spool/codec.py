"""Bytes to records and back: the only reader and writer of YAML and JSON in the spool.

Guarantees: reading ends in bounded time and memory for any bytes (size, depth, aliases and nodes are
limited before anything is built) and raises nothing but ``BadRecord`` and ``NewerRecord``; no tag can make
an object; a date in plain YAML stays the text that it is; a key given twice is an error, not a guess.
Accepts YAML and JSON, UTF-8 and UTF-16, with or without a byte order mark, any line ending.
"""

import difflib
import json
import re
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from spoolctl.spool.errors import BadRecord, NewerRecord
from spoolctl.spool.records import RECORD_BYTES_MAX, Record

DEPTH_MAX = 64
NODES_MAX = 200_000
END_MARK = b"...\n"
"""YAML's document end: a record that ends so was written whole (see ``is_whole``)."""

R = TypeVar("R", bound=Record)
_SCHEMA = re.compile(r"(spool\.[a-z]+)/(\d{1,9})\Z")


class _Loader(yaml.CSafeLoader):
    """Safe loader that keeps timestamps as text and refuses a key given twice."""

    def construct_mapping(  # the signature is PyYAML's
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002
    ) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if isinstance(node, yaml.MappingNode) and len(mapping) != len(node.value):
            seen: set[str] = set()
            for key, _ in node.value:
                if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key '{key.value}' is given twice", key.start_mark
                    )
                seen.add(key.value)
        return mapping


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regex) for tag, regex in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


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
    text = _decode_text(data)
    loaded = _load_json(text) if text.lstrip().startswith("{") else None
    if loaded is None:
        loaded = _load_yaml(text)
    if not isinstance(loaded, dict):
        found = "nothing" if loaded is None else type(loaded).__name__
        raise BadRecord(f"the file holds {found} where a mapping of keys to values is needed")
    if not all(isinstance(key, str) for key in loaded):
        raise BadRecord("the top level has a key that is not text")
    return loaded


def decode(kind: type[R], data: bytes) -> R:
    """Read a record of the given kind.

    Raises:
        NewerRecord: The record's schema version is newer than this program.
        BadRecord: Anything else that is wrong, naming line or field.
    """
    return from_mapping(kind, decode_mapping(data, bytes_max=kind.bytes_max))


def from_mapping(kind: type[R], mapping: dict[str, Any]) -> R:
    """Validate an already read mapping as a record of the given kind; errors as for ``decode``."""
    _check_schema(kind, mapping.get("schema"))
    try:
        as_json = json.dumps(mapping, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRecord(f"the file holds a value that no record can hold: {error}") from None
    try:
        return kind.model_validate_json(as_json)
    except ValidationError as error:
        raise _bad_field(kind, error) from None


def encode(record: Record) -> bytes:
    """Write a record as YAML, keys in the order of its class, ending in ``END_MARK``."""
    text = yaml.dump(
        record.model_dump(mode="json", by_alias=True, exclude_none=True),
        Dumper=yaml.CSafeDumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        explicit_end=True,
    )
    return str(text).encode()


def encode_json(record: Record) -> bytes:
    """Write a record as one line of JSON (heartbeats: small and read often)."""
    return record.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n"


def is_whole(data: bytes) -> bool:
    """True if the bytes themselves prove that the file is not still growing.

    A JSON object that parses is whole, since no prefix of one parses; a YAML file is whole if it ends in
    the document end mark. A YAML file without it may be a prefix that happens to parse (wrong bytes
    would run), so the caller has to see it stay the same for ``settle_s``.
    """
    stripped = data.rstrip()
    return stripped.endswith((b"\n...", b"\r...")) or (
        stripped.endswith(b"}") and data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    )


def _decode_text(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadRecord(
            f"byte {error.start} is not {encoding.upper()} text",
            hint="save the file as UTF-8",
            line=line,
        ) from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        msg = f"key '{twice}' is given twice"
        raise BadRecord(msg)
    return found


def _load_json(text: str) -> Any:  # noqa: ANN401 - raw input
    """Read JSON; None if it is not JSON (a YAML flow mapping begins with a brace too)."""
    try:
        return json.loads(text, object_pairs_hook=_unique_keys)
    except RecursionError:
        raise BadRecord(f"the file is nested deeper than {DEPTH_MAX} levels") from None
    except ValueError:
        return None


def _load_yaml(text: str) -> Any:  # noqa: ANN401 - raw input
    try:
        _check_size_when_expanded(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        problem = error.problem or str(error)
        hint = "tabs cannot indent YAML; use spaces" if "'\\t'" in problem else None
        raise BadRecord(f"not YAML: {problem}", hint=hint, line=line) from None
    except yaml.YAMLError as error:
        raise BadRecord(f"not YAML: {' '.join(str(error).split())}") from None
    except (ValueError, OverflowError) as error:  # an integer of 5 000 digits, an odd !!float
        raise BadRecord(f"a value cannot be read: {error}") from None


def _check_size_when_expanded(text: str) -> None:
    """Bound depth and size *with aliases written out*, from the event stream, before building anything."""
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            total += sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = total - before
        if total > NODES_MAX or len(open_nodes) > DEPTH_MAX:
            raise BadRecord(
                f"the file is nested deeper than {DEPTH_MAX} levels or has more than "
                f"{NODES_MAX} values when its aliases are written out",
                line=event.start_mark.line + 1 if event.start_mark else None,
            )


def _check_schema(kind: type[Record], found: object) -> None:
    wanted = str(kind.model_fields["schema_"].annotation).split("'")[1]
    wanted_kind, wanted_version = wanted.split("/")
    match = _SCHEMA.match(found) if isinstance(found, str) else None
    if match and match[1] == wanted_kind and int(match[2]) > int(wanted_version):
        raise NewerRecord(f"schema '{found}' is newer than this program, which reads '{wanted}'")
    if found != wanted:
        said = "is missing" if found is None else f"is {found!r}"
        raise BadRecord(
            f"key 'schema' {said}; it must be '{wanted}'",
            hint=f"begin the file with the line 'schema: {wanted}'",
            field="schema",
        )


def _bad_field(kind: type[Record], error: ValidationError) -> BadRecord:
    problems = error.errors(include_url=False, include_context=False)
    first = problems[0]
    # Discriminated unions put the tag into the location; people look for keys, so only those that
    # could stand in the file are shown.
    path = [str(part) for part in first["loc"]]
    field = ".".join(path) or "(top level)"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    hint = None
    if first["type"] == "extra_forbidden":
        nearest = _nearest_key(kind, path)
        hint = f"did you mean '{nearest}'?" if nearest else "remove it, or put it under 'metadata'"
        return BadRecord(f"unknown key '{field}'{more}", hint=hint, field=field)
    value = first.get("input")
    shown = f", not {value!r}"[:80] if isinstance(value, str | int | float | bool) else ""
    message = first["msg"].removeprefix("Value error, ")
    return BadRecord(f"'{field}': {message}{shown}{more}", hint=hint, field=field)


def _nearest_key(kind: type[BaseModel], path: list[str]) -> str | None:
    """The known key most like the last part of *path*, searched in all submitted models."""
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
    close = difflib.get_close_matches(path[-1], sorted(known), n=1, cutoff=0.6)
    return close[0] if close else None
