"""A corpus as rows, figures and files of other programs."""

import csv
import importlib
import json
import sys

import pytest
from sample_data import stablenew

from spoolctl.corpus.export import to_csv, to_parquet
from spoolctl.corpus.flat import COLUMNS, rows
from spoolctl.corpus.stats import stats
from spoolctl.spool import PICKED, ShareUnusable, UsageError, Word, layout, rate
from tests.spool.spool_world import JOB, World

LEARNING = JOB.replace(
    b"...",
    b"learning: {experiment_name: sweep, variable_under_test: CFG Scale, variant_value: 7.0}\n...",
)


@pytest.fixture
def lines():
    """Two jobs of a run and one of none; one of each rated, one picked."""
    world = World()
    for name, data in (("job-1", LEARNING), ("job-2", LEARNING), ("job-3", JOB)):
        world.submit(name, data)
        world.worker("w0").work()
    world.controller().scan()
    ann = world.person()
    rate(ann, "job-1", 0, Word(rating=2))
    rate(ann, "job-1", 0, Word(rating=4, anatomy=2, note="=1+1 \udce9", has_people=True))
    rate(ann, "job-3", 0, Word(choice=PICKED))
    world.controller().scan()
    return world.share.tree()[layout.LEARNING_RECORDS].splitlines(keepends=True)


def test_each_image_has_one_row_with_the_last_word_on_it(lines):
    table = {row["job"]: row for row in rows(lines)}
    assert list(table) == ["job-1", "job-2", "job-3"]
    assert all(list(row) == list(COLUMNS) for row in table.values())
    first = table["job-1"]
    assert (first["rating"], first["counts_as"], first["anatomy"], first["has_people"]) == (
        4,
        3,
        2,
        True,
    )
    assert (first["experiment"], first["variable"], first["value"]) == ("sweep", "CFG Scale", "7.0")
    assert (first["said_by"], first["record_kind"]) == ("person-ann", "learning_experiment_rating")
    assert (table["job-2"]["rating"], table["job-2"]["record_kind"]) == (None, None)
    assert (table["job-3"]["rating"], table["job-3"]["choice"], table["job-3"]["counts_as"]) == (
        None,
        "picked",
        5,
    )


def test_stablenews_own_records_give_rows_too():
    table = list(rows(stablenew("learning/learning_records.jsonl").read_bytes().splitlines()))
    assert len(table) == 32
    assert all(row["experiment"] for row in table)
    assert any(row["rating"] for row in table)


@pytest.mark.parametrize(
    "data", [b"", b"[1]", b"\xff", b'{"metadata": null}', b"[" * 100_000, b"9" * 5_000]
)
def test_a_line_that_is_no_record_gives_no_row(data):
    assert list(rows([data])) == []


def test_a_row_holds_nothing_but_what_its_column_may():
    odd = {"run_id": 5, "primary_steps": 10**400, "primary_model": ["x"], "primary_cfg_scale": "7.5", "base_config": 3,
           "metadata": {"user_rating": "4", "seed": True, "subscores": [1], "rating_context": 9, "spool_word": 1}}  # fmt: skip
    (row,) = rows([json.dumps(odd).encode()])
    assert (row["cfg_scale"], row["rating"], row["counts_as"]) == (7.5, 4, 4.0)
    assert {key for key, value in row.items() if value is not None} == {
        "cfg_scale",
        "rating",
        "counts_as",
    }


def test_figures_count_what_is_rated_and_what_is_not(lines):
    told = stats(rows(lines))
    assert (told["images"], told["rated"], told["unrated"], told["mean"]) == (3, 2, 1, 4.0)
    assert (told["picked"], told["rejected"], told["noted"]) == (1, 0, 1)
    swept = {
        "experiment": "sweep",
        "variable": "CFG Scale",
        "value": "7.0",
        "images": 2,
        "rated": 1,
        "mean": 3.0,
    }
    assert told["values"] == [swept]
    assert stats([])["mean"] is None


def test_csv_has_a_line_of_names_and_one_for_each_image(lines, tmp_path):
    out = tmp_path / "out.csv"
    assert to_csv(rows(lines), out) == 3
    with out.open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert [one["job"] for one in read] == ["job-1", "job-2", "job-3"]
    assert (read[0]["rating"], read[0]["note"], read[1]["rating"]) == ("4", "=1+1 \\udce9", "")
    assert [one.name for one in tmp_path.iterdir()] == ["out.csv"]


def test_a_file_that_cannot_be_written_leaves_nothing(lines, tmp_path):
    with pytest.raises(ShareUnusable) as caught:
        to_csv(rows(lines), tmp_path / "none/out.csv")
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_its_library_is_refused_with_a_way_out(lines, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match="pyarrow is not installed") as caught:
        to_parquet(rows(lines), tmp_path / "out.parquet")
    assert "spoolctl[parquet]" in caught.value.hint
    assert "--csv" in caught.value.hint


def test_parquet_has_a_type_for_each_column(lines, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow, which is optional, is not installed")
    parquet = importlib.import_module("pyarrow.parquet")
    assert to_parquet(rows(lines), tmp_path / "out.parquet") == 3
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.column_names == list(COLUMNS)
    assert table.column("rating").to_pylist() == [4, None, None]
    assert str(table.schema.field("counts_as").type) == "double"
