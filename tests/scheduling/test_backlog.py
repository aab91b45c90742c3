"""When the queue will be done: a sample taken for all of it, dealt out to the workers that live."""

import json

import pytest
from figured import R3060, figures, node, ran, row

from spoolctl.scheduling.backlog import Sampled, backlog_of, left_of
from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.formula import Estimate
from spoolctl.scheduling.work import work_of
from spoolctl.spool import LOAD, parse_job

QUICK = Estimates(
    figures(
        row(ran(10.0)),
        row(ran(40.0), card=R3060, vram_gb=12.0),
        *(row(ran(20.0, units=1.0), stage=LOAD, size=0.0, card=f"worker w{n}", vram_gb=None) for n in range(5)),
    )
)  # fmt: skip


def sampled(stands_for=1.0, **requires):
    stage = {"stage": "txt2img", "prompt": "a mill", "model": "juggernautXL", "width": 1000, "height": 1000, "steps": 30}  # fmt: skip
    record = {
        "schema": "spool.job/1", "requires": requires, "workload": {"kind": "image", "stages": [stage]},
    }  # fmt: skip
    job = parse_job(json.dumps(record).encode())
    return Sampled(job, work_of(job), stands_for)


def farm(count=1, **told):
    return {f"w{n}": node(worker=f"w{n}", **told) for n in range(count)}


def test_a_sampled_job_stands_for_as_many_as_are_like_it():
    told = backlog_of([sampled(100)], farm(), {}, QUICK)

    assert told.mid_s == pytest.approx(100 * 10.0 + 20.0)
    assert told.low_s < told.mid_s < told.high_s
    assert (told.learned, told.unfit) == (1.0, 0.0)


def test_more_workers_are_done_sooner_and_each_loads_the_model_itself():
    told = backlog_of([sampled(100)], farm(4), {}, QUICK)

    assert told.mid_s == pytest.approx(100 * 10.0 / 4 + 20.0, rel=0.1)


def test_a_slower_card_gets_less_of_it():
    workers = {"w0": node(worker="w0"), "w1": node(R3060, 12.0, worker="w1")}

    told = backlog_of([sampled(100)], workers, {}, QUICK)

    assert 800 + 20 <= told.mid_s <= 1_000


def test_what_runs_now_is_waited_for():
    busy = {"w0": Estimate(50.0, 60.0, 90.0, 1, "x"), "gone": Estimate(1e6, 1e6, 1e6, 1, "x")}

    assert backlog_of([sampled(1)], farm(), busy, QUICK).mid_s == pytest.approx(60.0 + 20.0 + 10.0)


def test_jobs_that_fit_nobody_are_counted_and_left_out():
    told = backlog_of([sampled(7, vram_gb=48.0), sampled(1)], farm(), {}, QUICK)

    assert told.unfit == 7
    assert told.mid_s == pytest.approx(30.0)


def test_without_a_worker_there_is_no_outlook_and_without_jobs_nothing_is_left():
    assert backlog_of([sampled()], {}, {}, QUICK) is None
    assert backlog_of([], farm(), {}, QUICK).mid_s == 0.0


def test_work_by_the_formula_is_told_from_what_was_learned():
    assert backlog_of([sampled()], farm(), {}, Estimates()).learned == 0.0


RUN, LOADING = Estimate(50.0, 100.0, 200.0, 4, "4 runs"), Estimate(5.0, 10.0, 20.0, 1, "1 load")


def test_a_job_that_has_not_got_on_yet_takes_its_whole_time_and_perhaps_a_load():
    told = left_of(RUN, LOADING, None, None)

    assert (told.low, told.mid, told.high, told.source) == (50.0, 110.0, 220.0, "4 runs")


def test_the_further_a_job_is_the_more_its_own_progress_says():
    early, late = left_of(RUN, LOADING, 0.1, 90.0), left_of(RUN, LOADING, 0.9, 90.0)

    assert early.mid == late.mid == 90.0
    assert early.low < late.low < 90.0 < late.high < early.high


def test_progress_without_an_eta_takes_its_part_of_the_whole():
    assert left_of(RUN, LOADING, 0.5, None).mid == pytest.approx(55.0)
