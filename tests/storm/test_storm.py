"""The kill storm in its short form: real workers and controllers, one of them struck every quarter of a second."""

import sys

import pytest

from tests.storm.storm import Plan, run

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets the storm fork, freeze and kill as it must"
)


def test_every_job_is_committed_once_though_somebody_is_killed_or_frozen_all_the_time(tmp_path):
    plan = Plan(jobs=150, workers=3, controllers=2, every_s=0.25, seed=1, limit_s=300.0)
    told = []

    ran = run(tmp_path / "storm", plan, told.append)

    found = ran.judgement
    assert (ran.fell, found.problems, ran.fsck, found.poison) == ([], [], [], set()), told
    assert found.committed == plan.jobs
    assert found.attempts == plan.jobs + found.reaped, "what did not succeed was reaped"
    assert ran.kills > 0
