"""Deliberate errors in the protocol are caught, each by the search that it names. A check that cannot fail is no check."""

import re

import pytest

from tests.mutants.__main__ import main
from tests.mutants.mutants import MUTANTS

SEARCHES = {str(mutant.caught_in): mutant.caught_in for mutant in MUTANTS}


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_every_mutant_is_caught(mutant, monkeypatch):
    mutant.patch(monkeypatch)
    found = mutant.caught_in.find()
    assert found is not None, f"not caught: {mutant.story}"
    assert re.search(mutant.shows, found.said), found.said


@pytest.mark.parametrize("name", SEARCHES)
def test_without_its_mutant_the_search_finds_nothing(name):
    found = SEARCHES[name].find()
    assert found is None, f"{found.said}\n{found.story}"


def test_every_promise_has_an_error_that_breaks_it():
    assert {mutant.breaks for mutant in MUTANTS} == {f"I{number}" for number in range(1, 12)}


def test_no_two_mutants_or_searches_share_a_name():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert len({mutant.caught_in for mutant in MUTANTS}) == len(SEARCHES)


def test_the_table_is_printed_by_a_command(capsys):
    assert main(["the_label_is_the_number"]) == 0
    told = capsys.readouterr().out
    assert "label_changed_by_hand on honest, 1 preemption " in told
    assert "1 mutants, 1 caught" in told
