"""The schemas in ``schemas/`` and the text in ``docs/FORMAT.md`` say what the records say."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from spoolctl.spool import codec, layout
from spoolctl.spool import records as all_records
from spoolctl.spool.records import Code, Record, Submitted, Verdict
from spoolctl.spool.schemas import DIALECT, SCHEMAS, schema_id, schema_text, write_all

ROOT = Path(__file__).parents[2]
FORMAT = (ROOT / "docs" / "FORMAT.md").read_text(encoding="utf-8")
ADRS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
BY_SCHEMA = {schema_id(record): record for record in SCHEMAS.values()}
STEPS = (
    "Submit", "Pin", "Claim", "Token", "Beat", "End", "Reap", "Settle", "Promote", "Merge", "Cancel", "Retry",
    "Adopt", "Approve", "Prune", "Hold", "Release", "Drain", "Pause",
)  # fmt: skip


def _models_below(annotation: object, found: dict[str, type[BaseModel]]) -> None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation.__name__ not in found:
            found[annotation.__name__] = annotation
            for field in annotation.model_fields.values():
                _models_below(field.annotation, found)
        return
    for argument in get_args(annotation):
        _models_below(argument, found)


def _documented_models() -> dict[str, type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {}
    for record in SCHEMAS.values():
        _models_below(record, found)
    return found


MODELS = _documented_models()


def _section(title: str, *, chapter: str = "") -> str:
    """The text under the heading that begins with *title*, down to the next heading."""
    text = FORMAT[FORMAT.index(f"\n## {chapter}") :] if chapter else FORMAT
    match = re.search(
        rf"^#{{2,4}} (?:[\d.]+ )?{title}\b.*?\n(.*?)(?=^#{{1,4}} |\Z)", text, re.M | re.S
    )
    assert match, f"docs/FORMAT.md has no heading '{title}'"
    return match[1]


def _examples() -> list[tuple[int, str, bytes]]:
    found = []
    for match in re.finditer(r"^```(yaml|json)\n(.*?)^```$", FORMAT, re.M | re.S):
        line = FORMAT.count("\n", 0, match.start()) + 2
        if re.match(r'\{?\s*"?schema"?:', match[2]):
            found.append((line, match[1], match[2].encode()))
    return found


EXAMPLES = _examples()


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_file_is_exactly_what_the_record_generates(name: str) -> None:
    on_disk = (ROOT / "schemas" / name).read_bytes()

    assert on_disk.decode() == schema_text(SCHEMAS[name]), "schemas/README.md tells how to renew it"


def test_the_schema_folder_holds_nothing_but_schemas_and_their_readme() -> None:
    entries = {path.name for path in (ROOT / "schemas").iterdir()}

    assert entries == {*SCHEMAS, "README.md"}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_names_its_dialect_and_its_record(name: str) -> None:
    schema = json.loads(schema_text(SCHEMAS[name]))

    assert schema["$schema"] == DIALECT
    assert schema["$id"] == f"spool.{name.removesuffix('.schema.json')}/1"
    assert schema["title"] == SCHEMAS[name].__name__
    assert schema["description"]
    assert "schema" in schema["required"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_only_what_people_write_forbids_unknown_keys(name: str) -> None:
    record = SCHEMAS[name]
    schema = json.loads(schema_text(record))

    assert (schema.get("additionalProperties") is False) == issubclass(record, Submitted)


def test_the_job_schema_takes_a_model_by_its_name_alone_as_the_codec_does() -> None:
    schema = json.loads(schema_text(SCHEMAS["job.schema.json"]))
    item = schema["$defs"]["Requires"]["properties"]["models"]["items"]

    assert {"$ref": "#/$defs/ModelNeed"} in item["anyOf"]
    assert [one["maxLength"] for one in item["anyOf"] if one.get("type") == "string"] == [200]


def test_a_schema_carries_what_the_record_says_of_its_fields() -> None:
    schema = json.loads(schema_text(SCHEMAS["job.schema.json"]))

    assert schema["properties"]["not_before"]["description"] == "Judged by the share's clock."
    assert schema["$defs"]["Limits"]["properties"]["timeout_s"]["description"]


def test_every_record_with_a_schema_key_has_a_schema_file() -> None:
    public = [getattr(all_records, name) for name in all_records.__all__]
    with_key = {
        kind
        for kind in public
        if isinstance(kind, type) and issubclass(kind, Record) and "schema_" in kind.model_fields
    }

    assert set(SCHEMAS.values()) == with_key


def test_write_all_writes_the_same_files_again(tmp_path: Path) -> None:
    written = write_all(tmp_path)

    assert {path.name for path in written} == set(SCHEMAS)
    assert all(path.read_bytes().endswith(b"}\n") for path in written)
    assert all(b"\r" not in path.read_bytes() for path in written)


def test_the_readme_of_the_schemas_names_each_of_them() -> None:
    text = (ROOT / "schemas" / "README.md").read_text(encoding="utf-8")

    assert [name for name in SCHEMAS if f"`{name}`" not in text] == []


@pytest.mark.parametrize("model", MODELS)
def test_the_format_document_has_a_row_for_every_field(model: str) -> None:
    section = _section(model, chapter="5 Records")
    keys = [field.alias or name for name, field in MODELS[model].model_fields.items()]

    missing = [key for key in keys if not re.search(rf"^\| `{key}` \|", section, re.M)]

    assert missing == []


@pytest.mark.parametrize("model", MODELS)
def test_the_format_document_has_no_row_for_a_field_that_is_not_there(model: str) -> None:
    keys = {field.alias or name for name, field in MODELS[model].model_fields.items()}

    rows = set(re.findall(r"^\| `(\w+)` \|", _section(model, chapter="5 Records"), re.M))

    assert rows <= keys


@pytest.mark.parametrize(("line", "kind", "data"), EXAMPLES, ids=[f"line-{e[0]}" for e in EXAMPLES])
def test_an_example_in_the_format_document_is_a_valid_record(
    line: int, kind: str, data: bytes
) -> None:
    found = codec.decode_mapping(data)["schema"]

    record = codec.decode(BY_SCHEMA[found], data)

    assert record.model_dump(by_alias=True)["schema"] == found
    assert codec.is_whole(data), f"line {line}: an example shows how a whole file ends"
    assert (kind == "json") == data.lstrip().startswith(b"{")


def test_the_format_document_shows_an_example_of_every_record() -> None:
    shown = {codec.decode_mapping(data)["schema"] for _, _, data in EXAMPLES}

    assert shown == set(BY_SCHEMA)


@pytest.mark.parametrize("step", STEPS)
def test_every_step_has_a_section_with_its_crash_table(step: str) -> None:
    assert "| stopped after" in _section(step, chapter="6 Steps")


@pytest.mark.parametrize("word", [*(v.value for v in Verdict), *(c.value for c in Code)])
def test_the_format_document_explains_every_verdict_and_code(word: str) -> None:
    assert f"| `{word}` |" in FORMAT


def test_the_format_document_names_every_folder_of_the_spool() -> None:
    tree = _section("The tree")

    folders = {folder.split("/")[-1] for folder in layout.FOLDERS}
    assert [folder for folder in sorted(folders) if folder not in tree] == []


@pytest.mark.parametrize("number", range(1, 12))
def test_every_invariant_is_stated(number: int) -> None:
    assert re.search(rf"^\| I{number} \|", FORMAT, re.M)


def test_decisions_are_numbered_without_gaps_and_have_the_three_parts() -> None:
    numbers = [int(path.name[:4]) for path in ADRS]

    assert numbers == list(range(1, len(ADRS) + 1))
    for path in ADRS:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]} ")
        for part in ("## Context", "## Decision", "## Consequences"):
            assert part in text, f"{path.name} lacks '{part}'"
