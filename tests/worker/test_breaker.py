"""One broken node must not eat the night's queue."""

import json

import pytest

from spoolctl.spool import Code, Manifest, Verdict
from spoolworker.breaker import Breaker


def ended(name, code=None):
    verdict = Verdict.FAILED if code else Verdict.SUCCEEDED
    facts = {"schema_": "spool.manifest/1", "attempt": 1, "by": "w1", "day": "2026-11-21", "final": True}  # fmt: skip
    return Manifest(name=name, verdict=verdict, code=code, **facts)


class Desk:
    def __init__(self, folder):
        self.now = 1_000.0
        self.file = folder / "failed.json"
        self.faults = []

    def breaker(self, after=3):
        return Breaker(
            lambda: self.now, after=after, wait_s=300.0, file=self.file, on_fault=self.faults.append
        )


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def fail(breaker, *names, code=Code.BACKEND_REJECTED):
    for name in names:
        breaker.tell(ended(name, code))


def test_three_different_jobs_that_fail_in_a_row_stop_the_claiming(desk):
    breaker = desk.breaker()

    fail(breaker, "a", "b")
    assert breaker.may_claim
    assert breaker.message is None
    fail(breaker, "c")

    assert not breaker.may_claim
    assert breaker.message == (
        "sick: 3 jobs in a row failed here (a, b, c); tries one job in 5 min"
    )


def test_one_job_that_fails_three_times_says_nothing_about_the_node(desk):
    breaker = desk.breaker()

    fail(breaker, "a", "a", "a", "b", "a")

    assert breaker.may_claim


def test_a_success_between_them_counts_for_the_node(desk):
    breaker = desk.breaker()

    fail(breaker, "a", "b")
    breaker.tell(ended("c"))
    fail(breaker, "d", "e")

    assert breaker.may_claim


@pytest.mark.parametrize(
    "code",
    [Code.BAD_JOB, Code.INPUT_MISSING, Code.RECORD_CHANGED, Code.SHARE_FULL, Code.MODEL_MISSING],
)
def test_what_is_the_jobs_or_the_shares_fault_does_not_count(desk, code):
    breaker = desk.breaker()

    fail(breaker, "a", "b", "c", "d", code=code)

    assert breaker.may_claim


def test_after_the_wait_one_pilot_job_is_tried_and_its_success_ends_it(desk):
    breaker = desk.breaker()
    fail(breaker, "a", "b", "c")

    desk.now += 300.0
    assert breaker.may_claim
    assert breaker.message.endswith("tries one job now")
    breaker.tell(ended("d"))

    assert breaker.may_claim
    assert breaker.message is None


def test_after_each_pilot_that_fails_it_waits_twice_as_long_up_to_sixteen_times(desk):
    breaker = desk.breaker()
    fail(breaker, "a", "b", "c")
    waits = []

    for name in "defghi":
        began = desk.now
        while not breaker.may_claim:
            desk.now += 100.0
        waits.append(desk.now - began)
        fail(breaker, name)

    assert waits == [300.0, 600.0, 1200.0, 2400.0, 4800.0, 4800.0]


def test_a_restart_of_the_worker_does_not_make_the_node_well(desk):
    """A hung backend ends the worker, and a service manager starts it again: it took one job after another."""
    fail(desk.breaker(), "a", "b")
    fail(desk.breaker(), "c")

    again = desk.breaker()

    assert not again.may_claim
    desk.now += 300.0
    assert again.may_claim


@pytest.mark.parametrize("text", ["", "[]", '{"failed": 3}', '{"failed": [1], "pilots": 0}', "{", "[" * 100_000])  # fmt: skip
def test_a_spoilt_file_is_as_good_as_none(desk, text):
    desk.file.write_text(text)

    breaker = desk.breaker()
    fail(breaker, "a")

    assert breaker.may_claim
    assert json.loads(desk.file.read_text()) == {"failed": ["a"], "pilots": 0}


def test_a_file_that_cannot_be_written_is_told_and_harms_nothing(desk, tmp_path):
    (tmp_path / "failed.json").mkdir()
    breaker = desk.breaker()

    fail(breaker, "a", "b", "c")

    assert not breaker.may_claim
    assert len(desk.faults) == 3


def test_it_can_be_switched_off(desk):
    breaker = desk.breaker(after=0)

    fail(breaker, *"abcdefgh")

    assert breaker.may_claim
