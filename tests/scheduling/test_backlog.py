"""When the queue will be done: a sample taken for all of it, dealt out to the workers that live."""

import json

import pytest
from figured import R3060, figures, node, ran, row

from spoolctl.scheduling.backlog import Dealer, Hand, Sampled, backlog_of, left_of
from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.formula import Estimate
from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import JobSeen, WorkerSeen
from spoolctl.scheduling.work import work_of
from spoolctl.spool import LOAD, Choosing, parse_job

QUICK = Estimates(
    figures(
        row(ran(10.0)),
        row(ran(40.0), card=R3060, vram_gb=12.0),
        *(row(ran(20.0, units=1.0), stage=LOAD, size=0.0, card=f"worker w{n}", vram_gb=None) for n in range(5)),
    )
)  # fmt: skip


def seen(job_class="batch", **requires):
    stage = {"stage": "txt2img", "prompt": "a mill", "model": "juggernautXL", "width": 1000, "height": 1000, "steps": 30}  # fmt: skip
    record = {
        "schema": "spool.job/1", "requires": requires, "workload": {"kind": "image", "stages": [stage]},
    }  # fmt: skip
    job = parse_job(json.dumps(record).encode())
    return JobSeen(f"{job_class}-{requires}", job, job_class, work_of(job))


def sampled(stands_for=1.0, job_class="batch", **requires):
    return Sampled(seen(job_class, **requires), stands_for)


def hand(name="w0", *told, busy=None, opens_in_s=0.0, **card):
    found = node(*told, worker=name).model_copy(update=card)
    return Hand(WorkerSeen(found), busy, opens_in_s)


def farm(count=1):
    return [hand(f"w{n}") for n in range(count)]


def outlook(sample, hands, estimates=QUICK, **rules):
    appraiser = Appraiser(Choosing.model_validate(rules), estimates)
    return backlog_of(sample, hands, appraiser, estimates)


def turn(before, hands, job_class="batch", **rules):
    dealer = Dealer(hands, Appraiser(Choosing.model_validate(rules), QUICK), QUICK)
    for one in before:
        dealer.deal(one)
    return dealer.turn(seen(job_class))


def test_a_sampled_job_stands_for_as_many_as_are_like_it():
    told = outlook([sampled(100)], farm())

    assert told.mid_s == pytest.approx(100 * 10.0 + 20.0)
    assert told.low_s < told.mid_s < told.high_s
    assert (told.learned, told.unfit) == (1.0, 0.0)


def test_more_workers_are_done_sooner_and_each_loads_the_model_itself():
    told = outlook([sampled(100)], farm(4))

    assert told.mid_s == pytest.approx(100 * 10.0 / 4 + 20.0, rel=0.1)


def test_a_slower_card_gets_less_of_it():
    told = outlook([sampled(100)], [hand("w0"), hand("w1", R3060, 12.0)])

    assert 800 + 20 <= told.mid_s <= 1_000


def test_what_runs_now_is_waited_for():
    busy = hand(busy=BUSY)

    assert outlook([sampled(1)], [busy]).mid_s == pytest.approx(60.0 + 20.0 + 10.0)


def test_jobs_that_fit_nobody_are_counted_and_left_out():
    told = outlook([sampled(7, vram_gb=48.0), sampled(1)], farm())

    assert (told.unfit, told.unserved) == (7, 0)
    assert told.mid_s == pytest.approx(30.0)


def test_without_a_worker_there_is_no_outlook_and_without_jobs_nothing_is_left():
    assert outlook([sampled()], []) is None
    assert outlook([], farm()).mid_s == 0.0


def test_work_by_the_formula_is_told_from_what_was_learned():
    assert outlook([sampled()], farm(), Estimates()).learned == 0.0


def test_a_worker_that_is_reserved_for_other_classes_takes_none_of_it():
    """Two batch jobs beside an idle worker that is reserved for ever were to be done in 0 s, 'on 1 worker'."""
    kept = hand(reserved_for=("interactive",))

    told = outlook([sampled(2), sampled(1, "interactive")], [kept])

    assert (told.unserved, told.unfit) == (2, 0)
    assert told.mid_s == pytest.approx(30.0)
    assert turn([], [kept]) is None


def test_a_worker_that_is_reserved_until_it_has_been_idle_takes_part_from_then_on():
    until = hand(reserved_for=("interactive",), reserved_until_idle_s=600.0)

    assert outlook([sampled(1)], [until]).mid_s == pytest.approx(600.0 + 30.0)
    assert outlook([sampled(1, "interactive")], [until]).mid_s == pytest.approx(30.0)


def test_another_pools_worker_helps_once_it_is_out_of_work():
    pools = {"fast": {"tags": ("fast",), "to_s": 60}, "heavy": {"tags": ("big",), "from_s": 60}}
    rules = {"pools": pools, "help_after_s": 30.0}
    heavy = hand("w1", tags=("big",))

    def comes(*hands):
        told = turn([], hands, **rules)
        return told.worker, told.begins_in_s

    assert comes(hand(tags=("fast",)), heavy) == ("w0", 0.0)
    assert comes(hand(tags=("fast",), busy=BUSY), heavy) == ("w1", 30.0)
    assert comes(heavy) == ("w1", 0.0), "nobody is in the job's pool"


def test_a_job_comes_after_what_lies_before_it_and_what_runs_now():
    told = turn([sampled(3)], [hand(busy=BUSY)])

    assert told.worker == "w0"
    assert told.begins_in_s == pytest.approx(60.0 + 20.0 + 3 * 10.0)
    assert told.mid_s == pytest.approx(told.begins_in_s + 10.0), "its model is loaded by then"
    assert told.low_s < told.mid_s < told.high_s


def test_a_worker_that_rests_takes_part_from_when_it_opens():
    told = turn([], [hand(opens_in_s=3_600.0)])

    assert (told.worker, told.begins_in_s) == ("w0", 3_600.0)
    assert turn([], [hand("w1", opens_in_s=3_600.0), hand(busy=BUSY)]).worker == "w0"


BUSY = Estimate(50.0, 60.0, 90.0, 1, "x")
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
