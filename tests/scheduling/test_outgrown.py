"""What ran out of memory teaches where similar jobs go, and never that they go nowhere."""

from dataclasses import replace

import pytest
from figured import R3060, failed, figures, node, row

from spoolctl.scheduling.choose import choose
from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.explain import Known, explain
from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import JobSeen, WorkerSeen
from spoolctl.scheduling.turns import Account
from spoolctl.scheduling.work import work_of
from spoolctl.spool import Choosing, parse_job

RAN_OUT = Estimates(
    figures(row(failed("out_of_memory", at_once=0.2, peak_gb=11.5), card=R3060, vram_gb=12.0))
)


def worker(gpu=R3060, vram_gb=12.0, **says):
    card = node(gpu, vram_gb, worker=f"{vram_gb:g} GB")
    card = card.model_copy(update={"reserved_for": says.pop("reserved_for", ())})
    return WorkerSeen(card, **says)


SMALL, LARGE = worker(), worker("Tesla P40", 24.0)


def job(requires="{}", model="juggernautxl", **seen):
    record = parse_job(
        f"schema: spool.job/1\nrequires: {requires}\nworkload:\n  kind: image\n"
        f"  stages: [{{stage: txt2img, prompt: x, model: {model}}}]\n".encode()
    )
    return JobSeen("1", record, "batch", work_of(record), **seen)


def chosen(me, others, one, estimates=RAN_OUT):
    return choose(me, others, [one], Account(), Appraiser(Choosing(), estimates))


def test_what_ran_out_of_memory_on_such_a_card_goes_to_a_larger_one_at_once():
    assert chosen(SMALL, [LARGE], job()).job is None
    assert chosen(LARGE, [SMALL], job()).job is not None


def test_where_there_is_no_larger_card_it_is_tried_again():
    assert chosen(SMALL, [replace(SMALL)], job()).job is not None


@pytest.mark.parametrize(
    "other",
    [
        {"takes_jobs": False},
        {"reserved_for": ("interactive",)},
        {"closes_in_s": 1.0},
    ],
)
def test_a_larger_card_that_does_not_take_the_job_counts_as_none(other):
    """The job lay there for ever: nothing could run on the small card that would have shown that it can."""
    assert chosen(SMALL, [worker("Tesla P40", 24.0, **other)], job()).job is not None


def test_what_waited_its_time_for_a_larger_card_is_tried_on_any():
    busy = replace(LARGE, free_in_s=9e9)
    assert chosen(SMALL, [busy], job(waited_s=86_300)).job is None
    assert chosen(SMALL, [busy], job(waited_s=86_400)).job is not None


def test_a_job_is_not_left_to_a_fast_card_that_it_has_outgrown():
    """The slow one with enough memory left it to the fast one, which refused it."""
    slow_and_large, fast_and_small = worker("GTX 1060", 48.0), worker("RTX 4090", 12.0)
    choice = chosen(slow_and_large, [fast_and_small], job())
    assert (choice.job is not None, choice.left) == (True, {})


def test_explain_tells_that_the_job_has_outgrown_a_card_and_names_the_other_first():
    known = [Known(SMALL, "idle", True), Known(replace(LARGE, free_in_s=300.0), "running", True)]
    large, small = explain(job(), known, Appraiser(Choosing(), RAN_OUT))
    assert (large.worker, large.not_now) == ("24 GB", ())
    assert small.not_now == ("12 GB, and such jobs ran out of memory with 11.5 GB",)


def test_a_job_that_says_what_it_needs_is_believed_and_what_nobody_learned_forbids_nothing():
    busy = replace(LARGE, free_in_s=9e9)
    assert chosen(SMALL, [busy], job("{vram_gb: 10}")).job is not None
    assert chosen(SMALL, [busy], job(model="flux1-dev", left_s=600), Estimates()).job is not None
