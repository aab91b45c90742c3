"""What an attempt ran on and what its card showed: the facts in its verdict that the figures are made of."""

import pytest
from execution_rig import Rig, product

from spoolctl.spool import Code, Ran, Verdict
from spoolworker.backends.base import BackendError
from spoolworker.gpus import Gpu
from spoolworker.measuring import Measuring
from tests.scheduling.figured import node


def gpu(free_gb, total_gb=24.0):
    return Gpu(0, "RTX 4090", "GPU-1", total_gb, free_gb)


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def test_the_peak_is_the_most_that_was_in_use_at_any_reading():
    measuring = Measuring()
    reading = measuring.begin()
    for free_gb in (20.0, 3.5, 12.0):
        measuring.saw(gpu(free_gb), None)

    told = reading.ran(node())

    assert (told.peak_gb, told.peak_of, told.others_gb) == (20.5, "card", None)


def test_what_others_held_before_is_taken_off_where_the_backend_tells():
    measuring = Measuring()
    measuring.saw(gpu(16.0), 6.0)
    reading = measuring.begin()
    measuring.saw(gpu(4.0), 18.0)  # its backend grew; it has not been asked again

    told = reading.ran(node())

    assert (told.peak_gb, told.peak_of, told.others_gb) == (14.0, "backend", 6.0)


def test_one_attempts_peak_is_not_the_next_ones():
    measuring = Measuring()
    for free_gb in (2.0, 10.0):
        reading = measuring.begin()
        measuring.saw(gpu(free_gb), None)
        peak_gb = reading.ran(node()).peak_gb
        measuring.end(reading)

    assert peak_gb == 14.0


def test_a_card_that_tells_nothing_is_named_all_the_same():
    measuring = Measuring()
    reading = measuring.begin()
    measuring.saw(None, None)
    measuring.saw(gpu(None), None)

    told = reading.ran(node("RX 580", 8.0))

    assert (told.gpu, told.vram_gb, told.peak_gb, told.peak_of) == ("RX 580", 8.0, None, None)


def test_a_backend_that_tells_its_load_tells_whether_there_was_one():
    told = [
        Measuring().begin().ran(node(), load_s=seconds, was_loaded=None) for seconds in (0.02, 12.5)
    ]

    assert [(one.load_s, one.was_loaded) for one in told] == [(0.02, True), (12.5, False)]
    assert Measuring().begin().ran(node(), was_loaded=False).was_loaded is False


def test_a_verdict_tells_on_what_it_ran(rig):
    asked = []
    measuring = Measuring(lambda: asked.append(1))

    def act(order, _watch):
        measuring.saw(gpu(14.0), None)
        return product(order, load_s=3.0)

    manifest = rig.run(act, node=node(), measuring=measuring)

    assert rig.verdict.ran == manifest.ran == Ran(
        backend="webui", gpu="NVIDIA GeForce RTX 4090", vram_gb=24.0,
        peak_gb=10.0, peak_of="card", load_s=3.0, was_loaded=False,
    )  # fmt: skip
    assert asked, "the card is looked at once more while the backend's memory is still held"


def test_a_failure_tells_it_too(rig):
    def act(_order, _watch):
        raise BackendError(Code.OUT_OF_MEMORY, "1.2 GB were missing")

    manifest = rig.run(act, node=node(), was_loaded=True)

    assert (manifest.verdict, manifest.ran.gpu) == (Verdict.FAILED, "NVIDIA GeForce RTX 4090")
    assert (manifest.ran.load_s, manifest.ran.was_loaded) == (None, True)


def test_what_never_came_to_the_backend_tells_nothing(tmp_path):
    rig = Rig(tmp_path, b"schema: spool.job/1\nworkload: {kind: image, stages: [{stage: upscale}]}\n...\n")  # fmt: skip

    assert rig.run(lambda order, _watch: product(order), node=node()).ran is None
