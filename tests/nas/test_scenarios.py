"""The list of scenarios names tests that are there, and the table says green only where every test of a scenario passed."""

import ast

import pytest

from tests.nas.image import REPOSITORY
from tests.nas.scenarios import PROTOCOLS, SCENARIOS, SHORT, cell, read_results, selection, table

FIRST, SECOND = SCENARIOS[6].tests


def result(test, outcome="passed", protocol="nfs4", seconds=20.4):
    return {"protocol": protocol, "test": test, "outcome": outcome, "seconds": seconds}


@pytest.mark.parametrize("test", [test for one in SCENARIOS.values() for test in one.tests])
def test_every_scenario_names_the_beginning_of_a_test_that_is_there(test):
    file, name = test.split("::")
    tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
    names = [one.name for one in tree.body if isinstance(one, ast.FunctionDef)]
    assert any(one.startswith(name) for one in names)


def test_the_short_form_is_a_part_of_the_long_one():
    assert set(SHORT) <= set(PROTOCOLS)
    assert all(set(numbers) <= set(SCENARIOS) for numbers in SHORT.values())


def test_a_selection_names_each_file_once_and_each_test():
    chosen = selection([6, 7])
    assert chosen["tests"] == [*SCENARIOS[6].tests, *SCENARIOS[7].tests]
    assert chosen["files"] == [test.split("::")[0] for test in SCENARIOS[6].tests]


def test_a_scenario_is_green_when_all_its_tests_passed():
    results = [result(FIRST), result(f"{SECOND}_and_so_on[by name]")]
    assert cell(6, "nfs4", results) == "green 41 s"


def test_a_scenario_one_of_whose_tests_is_missing_was_not_run():
    assert cell(6, "nfs4", [result(FIRST)]) == "not run"


def test_a_skipped_test_proves_nothing():
    assert cell(6, "nfs4", [result(FIRST), result(SECOND, "skipped")]) == "not run"


def test_one_failed_test_makes_its_scenario_red():
    results = [result(FIRST), result(SECOND), result(f"{SECOND}[cut]", "failed")]
    assert cell(6, "nfs4", results) == "RED 61 s"


def test_results_by_another_protocol_do_not_count():
    assert cell(6, "smb", [result(FIRST), result(SECOND)]) == "not run"


def test_the_table_has_a_row_for_each_scenario_and_a_column_for_each_protocol():
    results = [
        result(FIRST),
        result(SECOND),
        *(result(t, "failed", "smb") for t in (FIRST, SECOND)),
    ]
    assert table([6], ["nfs4", "smb"], results).splitlines() == [
        "| scenario | NFS 4.2 | SMB |",
        "|---|---|---|",
        "| 6 worker killed | green 41 s | RED 41 s |",
    ]


def test_a_machine_that_wrote_no_results_has_none(tmp_path):
    assert read_results(tmp_path / "results.jsonl") == []
