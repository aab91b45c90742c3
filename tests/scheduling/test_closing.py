"""What a worker whose hours end begins: what ends before, and what would never end before but can be ended late."""

import pytest
from rig import Times, appraiser, job, worker

from spoolctl.scheduling.closing import longest_hours_s, never_ends, too_long
from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.hours import parse_hours
from spoolctl.scheduling.simulate.farm import Exactly

NIGHT, NIGHT_S = ("mon-fri 22:00-07:30",), 9.5 * 3_600


class Unsure(Times):
    """A job takes so long most likely, and three times as long at most; nothing is to be loaded."""

    def __init__(self, run_s):
        super().__init__(load_s=0.0)
        self.told = Exactly(run_s)

    def run_s(self, work, node):
        return Range(self.told.mid, 3 * self.told.mid)


class Range:
    def __init__(self, mid, high):
        self.mid, self.high = mid, high


def begins(run_s, closes_in_s, *, hours=NIGHT, hands_back=False, waited_s=0.0):
    """Whether a worker begins such a job, so long before it closes."""
    closing = worker(hours=hours, hands_back=hands_back, closes_in_s=closes_in_s)
    return too_long(job("x", waited_s=waited_s), closing, appraiser(Unsure(run_s))) is None


def test_who_finishes_what_is_in_work_begins_what_will_likely_end_and_who_hands_it_back_what_surely_will():
    assert begins(3_000, 3_600)
    assert not begins(3_000, 3_600, hands_back=True)
    assert begins(1_000, 3_600, hands_back=True)
    assert not begins(4_000, 3_600)


@pytest.mark.parametrize("run_s", [30_000, 100_000])
def test_a_job_longer_than_the_longest_hours_is_begun_as_these_begin(run_s):
    """A night's worker refused 250 images of 8 h at its opening, by the highest estimate, and on every other evening."""
    assert begins(run_s, NIGHT_S)
    assert not begins(100_000, NIGHT_S / 2)


def test_a_job_longer_than_the_longest_hours_is_begun_at_any_time_once_it_has_waited_its_time():
    assert begins(100_000, NIGHT_S / 2, waited_s=7_200)
    assert not begins(20_000, NIGHT_S / 2, waited_s=7_200), "it waits for the next evening"


def test_what_would_be_handed_back_every_time_is_never_begun_and_what_may_end_is_tried():
    assert not begins(100_000, NIGHT_S, hands_back=True, waited_s=1e6)
    assert begins(30_000, NIGHT_S, hands_back=True)
    assert not begins(30_000, NIGHT_S / 2, hands_back=True, waited_s=1e6)


def test_a_worker_whose_longest_hours_are_not_known_begins_what_has_waited_its_time():
    assert not begins(4_000, 3_600, hours=None)
    assert begins(4_000, 3_600, hours=None, waited_s=7_200)
    assert begins(4_000, 3_600, hours=("every other moon",), waited_s=7_200)


def test_why_a_job_is_not_begun_is_told_with_numbers():
    def told(run_s, **more):
        closing = worker(hours=NIGHT, closes_in_s=3_600.0, **more)
        return too_long(job("x"), closing, appraiser(Unsure(run_s)))

    assert told(4_000) == "stops taking jobs in 3600 s, and the job may take 4000 s"
    assert told(40_000) == (
        "stops taking jobs in 3600 s, and the job may take 40000 s, longer than any of its hours: "
        "begun as these begin, or once it has waited for 7200 s"
    )
    assert told(40_000, hands_back=True) == (
        "never: its hours are 34200 s at most, the job takes about 40000 s, and what is in work when they end is handed back"
    )  # fmt: skip


def test_by_the_formula_a_long_job_is_begun_on_an_evening():
    """100 images on a card of no name: 53 min most likely, 89 h at most."""
    cards = {"gpu": None, "vram_gb": None, "models": None}
    evening = worker(hours=NIGHT, closes_in_s=NIGHT_S, **cards)

    assert too_long(job("x", count=100), evening, appraiser(Estimates())) is None


def test_a_closed_worker_tells_of_a_job_that_it_will_never_begin():
    closed = worker(hours=NIGHT, hands_back=True, closes_in_s=0.0, takes_jobs=False)

    assert never_ends(job("x"), closed, appraiser(Unsure(4_000))) is None
    assert never_ends(job("x"), closed, appraiser(Unsure(40_000))).startswith("never: ")


@pytest.mark.parametrize(
    ("hours", "longest_h"),
    [
        (["mon-fri 22:00-07:30"], 9.5),
        (["mon 9-12, 14-20", "tue 9-10"], 6),
        (["fri 22-24", "sat,sun all day", "mon 0-7"], 2 + 48 + 7),
        (["daily 9-13", "daily 12-15"], 6),
        (["sun 20-24", "mon 0-1"], 5),
    ],
)
def test_the_longest_hours_reach_over_what_joins_without_a_break(hours, longest_h):
    assert parse_hours(hours).longest_s == longest_h * 3_600


def test_a_worker_that_never_closes_has_no_longest_hours():
    assert parse_hours(["daily all day"]).longest_s is None
    assert longest_hours_s(worker().node) is None
