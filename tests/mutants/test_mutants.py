"""Deliberate errors in the protocol are caught by the explorer. A check that cannot fail is no check."""

import pytest

from tests.explore.engine import Failed
from tests.mutants.mutants import MUTANTS

NOT_CAUGHT_YET = frozenset(
    {
        "temporary_names_are_shared",
        "closed_is_believed_without_a_second_look",
        "closed_is_believed_after_a_stale_look",
        "a_rank_makes_another_job",
        "a_claim_gives_up_when_its_rename_fails",
        "not_found_is_believed",
        "share_files_believe_not_found",
        "stat_does_not_ask",
        "nowhere_after_one_look",
        "nowhere_in_two_looks_at_one_cache",
        "promoting_passes_over_the_verdict",
        "a_zombie_writes_into_the_next_attempt",
        "outputs_come_after_the_verdict",
    }
)
"""Errors that no search of this list catches yet: a scene is missing, or another part of the product makes them good."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_every_mutant_is_caught(mutant, monkeypatch, request):
    if mutant.name in NOT_CAUGHT_YET:
        request.applymarker(pytest.mark.xfail(reason="no search catches it yet", strict=False))
    mutant.patch(monkeypatch)
    with pytest.raises(Failed, match=mutant.shows):
        mutant.caught_in.run()


def test_there_are_as_many_mutants_as_holes_and_more():
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names))
    assert len(set(names) - NOT_CAUGHT_YET) >= 30
    assert set(names) >= NOT_CAUGHT_YET
