"""What work needs of a card's memory: predicted, learned, and raised by what ran out."""

import pytest
from figured import R3060, failed, figures, node, ran, row, work

from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.work import Work

NOTHING = Estimates()


@pytest.mark.parametrize(
    ("model", "megapixels", "gb"),
    [("v1-5", 0.26, 3.0), ("juggernautxl", 1.05, 8.0), ("flux1-dev-fp8", 1.05, 15.0)],
)
def test_what_is_predicted_is_near_what_is_published(model, megapixels, gb):
    need = NOTHING.vram_gb(work(model, megapixels=megapixels))

    assert (need.gb, need.samples, need.above_gb) == (gb, 0, None)
    assert need.source.startswith("formula: ")


def test_more_images_at_once_larger_images_controlnets_and_loras_need_more():
    plain = NOTHING.vram_gb(work()).gb

    assert NOTHING.vram_gb(work(batch=4)).gb > plain
    assert NOTHING.vram_gb(work(megapixels=4.0)).gb > plain
    assert NOTHING.vram_gb(work(controls=1)).gb > plain
    many = Work("image", "juggernautxl", ("a", "b", "c"), work().pieces)
    assert NOTHING.vram_gb(many).gb > plain


def test_a_file_of_known_size_counts_but_not_beyond_what_its_family_loads():
    small = NOTHING.vram_gb(work("fluxquantised"), node(models={"fluxquantised": 6 * 2**30}))
    wide = NOTHING.vram_gb(work("v1-5"), node(models={"v1-5": 8 * 2**30}))

    assert small.gb < NOTHING.vram_gb(work("fluxquantised")).gb
    assert wide.gb < 6


def test_where_no_model_is_named_nothing_is_said():
    assert NOTHING.vram_gb(work(None)).gb == 0
    assert NOTHING.vram_gb(Work("command", None, (), ())).gb == 0


def test_the_card_that_got_by_with_the_least_tells_the_need():
    learned = Estimates(
        figures(
            row(ran(1.0, peak_gb=19.7), ran(1.0, peak_gb=12.0, at=2)),
            row(ran(1.0, peak_gb=9.1), ran(1.0, peak_gb=8.7, at=2), card=R3060, vram_gb=12.0),
        )
    )
    need = learned.vram_gb(work())

    assert (need.gb, need.samples, need.above_gb) == (9.5, 4, None)
    assert need.source == f"peak of 2 runs on {R3060}"


def test_work_of_a_quite_other_size_tells_no_peak():
    learned = Estimates(figures(row(ran(1.0, at_once=4.0, peak_gb=20.0))))

    assert learned.vram_gb(work()).samples == 0


def test_what_ran_out_sends_as_large_and_larger_work_to_larger_cards_but_no_smaller():
    out = row(failed("out_of_memory", at_once=2.0, peak_gb=12.0), card=R3060, vram_gb=12.0)
    learned = Estimates(figures(out))

    assert learned.vram_gb(work(megapixels=2.0)).above_gb == 12.0
    assert learned.vram_gb(work(megapixels=4.0)).above_gb == 12.0
    assert learned.vram_gb(work(megapixels=2.0)).gb > 12.0
    assert learned.vram_gb(work(megapixels=1.0)).above_gb is None
    assert learned.vram_gb(work("flux1-dev", megapixels=2.0)).above_gb is None


def test_what_ran_out_stops_counting_once_as_much_ran_on_no_larger_a_card():
    out = row(failed("out_of_memory", peak_gb=24.0))
    ran_all_the_same = row(ran(1.0, at=2), card=R3060, vram_gb=12.0)
    smaller = row(ran(1.0, at_once=0.25, at=2), card=R3060, vram_gb=12.0)

    assert Estimates(figures(out, ran_all_the_same)).vram_gb(work()).above_gb is None
    assert Estimates(figures(out, smaller)).vram_gb(work()).above_gb == 24.0
