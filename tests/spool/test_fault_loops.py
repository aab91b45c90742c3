"""Every step fails at each of its operations, in each way, and nothing is lost, doubled or told wrongly."""

import pytest

from tests.spool.fault_loop import fail_everywhere, speed_up
from tests.spool.fault_steps import STEPS


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    speed_up(monkeypatch)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_a_step_that_fails_anywhere_leaves_what_others_can_finish(step):
    assert fail_everywhere(step) > 0
