"""JSON Schemas of every record, generated from the records: the contract for programs in other languages.

Guarantees: the text is a pure function of the record classes (sorted, so that a change shows as a small difference);
a file that passes uses no unknown key or word. Does not guarantee that it is accepted: a schema cannot say "a path inside the
spool", "either path or job" or "a moment with a time zone". In one place the codec takes more than a schema
says: a blank between day and hour.
"""

import ast
import inspect
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import get_args

from pydantic import BaseModel

from spoolctl.spool.records import (
    Approval,
    Diagnosis,
    Figures,
    GroupDefinition,
    GroupResult,
    Heartbeat,
    Holder,
    Job,
    Manifest,
    Node,
    Notified,
    Plan,
    Pruned,
    Reason,
    Record,
    Request,
    Settings,
    StagesDone,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"

SCHEMAS: dict[str, type[Record]] = {
    f"{kind}.schema.json": record
    for kind, record in (
        ("settings", Settings),
        ("job", Job),
        ("plan", Plan),
        ("heartbeat", Heartbeat),
        ("manifest", Manifest),
        ("node", Node),
        ("reason", Reason),
        ("request", Request),
        ("pruned", Pruned),
        ("doctor", Diagnosis),
        ("stages", StagesDone),
        ("figures", Figures),
        ("approval", Approval),
        ("holder", Holder),
        ("group", GroupDefinition),
        ("result", GroupResult),
        ("notified", Notified),
    )
}
"""File name in ``schemas/`` and the record that it describes."""


def schema_id(record: type[Record]) -> str:
    """The value of the record's ``schema`` key, ``spool.<kind>/<version>``."""
    properties = record.model_json_schema(by_alias=True)["properties"]
    return str(properties["schema"]["const"])


def schema_text(record: type[Record]) -> str:
    """The JSON Schema (2020-12) of *record* as text, keys sorted, with a newline at its end."""
    schema = {
        "$schema": DIALECT,
        "$id": schema_id(record),
        **record.model_json_schema(by_alias=True, mode="validation"),
    }
    for model in _models_in(record):
        described = schema if model is record else schema["$defs"][model.__name__]
        for key, text in _texts_of(model).items():
            described["properties"][key].setdefault("description", text)
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_all(folder: Path) -> tuple[Path, ...]:
    """Write every schema into *folder*, which must exist; returns the files.

    Raises:
        OSError: A file could not be written.
    """
    written = []
    for name, record in SCHEMAS.items():
        path = folder / name
        path.write_text(schema_text(record), encoding="utf-8", newline="\n")
        written.append(path)
    return tuple(written)


def _models_in(kind: object) -> Iterator[type[BaseModel]]:
    """The models that a type is made of, itself first; one that is there twice may come twice."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from _models_in(field.annotation)
    for argument in get_args(kind):
        yield from _models_in(argument)


def _texts_of(model: type[BaseModel]) -> dict[str, str]:
    """What the source says below each field, by the field's key.

    Read here and not by pydantic's ``use_attribute_docstrings``, which parses the source of every record whenever a
    program starts.
    """
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Record):
            texts |= {model.model_fields[n].alias or n: text for n, text in _below_fields(base)}
    return texts


def _below_fields(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    (class_,) = ast.parse(dedent(inspect.getsource(model))).body
    assert isinstance(class_, ast.ClassDef)  # noqa: S101 - the source of a class
    for node, below in itertools.pairwise(class_.body):
        match node, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ) if name in model.model_fields:
                yield name, inspect.cleandoc(text)
