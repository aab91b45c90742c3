"""Two actors at once, at every operation of the one."""

import pytest

from tests.spool.fault_loop import speed_up
from tests.spool.interleaving import meet_everywhere
from tests.spool.meetings import MEETINGS


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    speed_up(monkeypatch)


@pytest.mark.parametrize("build", MEETINGS, ids=lambda build: build.__name__)
def test_two_who_meet_at_any_operation_lose_and_double_nothing(build):
    assert meet_everywhere(build) > 0
