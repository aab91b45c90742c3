"""What ran out of memory teaches where similar jobs go, and never that they go nowhere."""

from figured import R3060, failed, figures, node, row, work

from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.outgrown import outgrown
from spoolctl.spool import parse_job

SMALL, LARGE = node(R3060, 12.0, worker="small"), node(worker="large")
RAN_OUT = Estimates(figures(row(failed("out_of_memory", peak_gb=11.5), card=R3060, vram_gb=12.0)))


def job(requires="{}"):
    return parse_job(
        f"schema: spool.job/1\nrequires: {requires}\nworkload:\n  kind: image\n"
        "  stages: [{stage: txt2img, prompt: x, model: juggernautxl}]\n".encode()
    )


def test_what_ran_out_of_memory_on_such_a_card_goes_to_a_larger_one_at_once():
    why = outgrown(job(), work(), SMALL, [LARGE], RAN_OUT)
    assert why is not None
    assert why.startswith("12 GB, and such jobs ran out of memory with ")
    assert outgrown(job(), work(), LARGE, [SMALL], RAN_OUT) is None


def test_where_there_is_no_larger_card_it_is_tried_again():
    assert outgrown(job(), work(), SMALL, [SMALL], RAN_OUT) is None


def test_a_job_that_says_what_it_needs_is_believed_and_what_nobody_learned_forbids_nothing():
    assert outgrown(job("{vram_gb: 10}"), work(), SMALL, [LARGE], RAN_OUT) is None
    assert outgrown(job(), work("flux1-dev"), SMALL, [LARGE], Estimates()) is None
