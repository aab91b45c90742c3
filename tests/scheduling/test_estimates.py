"""Estimates: from the formula while nothing has run, then from what is most like it, with a range that tells how sure they are."""

import pytest
from figured import R3060, R4090, failed, figures, node, ran, row, work
from hypothesis import given, settings
from hypothesis import strategies as st

from spoolctl.scheduling.cards import speed_of
from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.families import family_of
from spoolctl.scheduling.work import Piece, Work
from spoolctl.spool import LOAD

NOTHING = Estimates(None)


# The formula


@pytest.mark.parametrize(
    ("model", "size", "family"),
    [
        ("v1-5-pruned-emaonly", None, "SD 1.5"),
        ("juggernautxl_v9", None, "SDXL"),
        ("ponydiffusion", None, "SDXL"),
        ("flux1-dev-fp8", None, "Flux"),
        ("qwen-image-2512", None, "Qwen-Image"),
        ("sd3.5_large", None, "SD 3"),
        ("my merge", 6_900_000_000, "SDXL"),
        ("my merge", 2_130_000_000, "SD 1.5"),
        ("my merge", 11_900_000_000, "Flux"),
        ("my merge", None, "unknown"),
        (None, None, "unknown"),
    ],
)
def test_a_models_family_is_guessed_by_its_name_and_else_by_its_files_size(model, size, family):
    assert family_of(model, size).name == family


def test_a_card_is_as_fast_as_its_name_says_and_the_longest_name_counts():
    assert speed_of("NVIDIA GeForce RTX 4090", 24.0).mid == 1.0
    assert speed_of("NVIDIA GeForce RTX 3090 Ti", 24.0).mid > speed_of("RTX 3090", 24.0).mid
    assert speed_of("NVIDIA L4", 24.0).mid < speed_of("NVIDIA L40S", 48.0).mid
    assert speed_of("Some New Card", 24.0).by == "the card's memory"
    assert speed_of(None, None).by == "nothing known of the card"


def test_before_anything_ran_the_formula_stands_in_and_says_so():
    told = NOTHING.run_s(work(), node())

    assert not told.is_learned
    assert told.source == "formula: SDXL by the card's name"
    assert told.mid == pytest.approx(1 + 0.4 + 30 * 0.14)
    assert (told.low, told.high) == (told.mid / 2, told.mid * 2.5)


def test_the_formula_takes_longer_on_slower_cards_for_larger_models_and_more_images():
    mid = {gpu: NOTHING.run_s(work(), node(gpu)).mid for gpu in (R4090, R3060)}
    assert mid[R3060] > 4 * mid[R4090]
    assert NOTHING.run_s(work("flux1-dev"), node()).mid > 3 * mid[R4090]
    assert NOTHING.run_s(work(images=4), node()).mid > 3 * mid[R4090]
    assert NOTHING.run_s(work(controls=1), node()).mid > 1.7 * mid[R4090]


def test_the_less_is_known_of_a_card_the_wider_the_range():
    def spread(gpu, vram_gb):
        told = NOTHING.run_s(work(), node(gpu, vram_gb))
        return told.high / told.low

    assert spread(R4090, 24.0) < spread("New Card", 24.0) < spread(None, None)


def test_a_load_is_expected_by_the_files_size_where_the_node_tells_it():
    small = node(models={"Folder/JuggernautXL.safetensors": 2 * 10**9})
    large = node(models={"juggernautXL.safetensors": 20 * 10**9})

    assert NOTHING.load_s("juggernautXL", small).mid == pytest.approx(3 + 8)
    assert NOTHING.load_s("juggernautxl [0123456789]", large).mid == pytest.approx(3 + 80)
    assert NOTHING.load_s("juggernautxl", node()).source == "formula: its name"


def test_nothing_is_loaded_where_no_model_is_said_and_by_sketch():
    assert NOTHING.load_s(None, node()).high == 0
    assert NOTHING.load_s("x", node(backend="sketch")).high == 0


# What was learned


def test_what_ran_on_this_card_is_believed_before_anything_else():
    elsewhere = row(ran(900.0), card=R3060, vram_gb=12.0)
    told = Estimates(figures(row(ran(10.0), ran(12.0, at=2)), elsewhere)).run_s(work(), node())

    assert told.source == f"2 runs on {R4090}"
    assert (told.samples, told.mid) == (2, pytest.approx(11.0))
    assert told.low < 10.0
    assert told.high > 12.0


def test_the_more_runs_the_narrower_the_range():
    few = row(*(ran(10.0 + i % 2, at=i) for i in range(2)))
    many = row(*(ran(10.0 + i % 2, at=i) for i in range(25)))
    few, many = (Estimates(figures(one)).run_s(work(), node()) for one in (few, many))

    assert few.low < many.low < many.high < few.high


def test_time_grows_with_steps_and_images():
    learned = Estimates(figures(row(ran(10.0, units=30.0))))

    assert learned.run_s(work(steps=60), node()).mid == pytest.approx(20.0)
    assert learned.run_s(work(images=3), node()).mid == pytest.approx(30.0)


def test_a_fixed_part_is_told_from_a_growing_one_once_runs_lie_apart():
    runs = (ran(5.0 + 0.1 * units, units=float(units), at=units) for units in range(10, 80, 10))
    learned = Estimates(figures(row(*runs)))

    assert learned.run_s(work(steps=200), node()).mid == pytest.approx(25.0)
    assert learned.run_s(work(steps=5), node()).mid == pytest.approx(5.5)


def test_other_sizes_then_other_models_of_the_family_then_other_cards_stand_in():
    other_size = row(ran(10.0, units=30.0), size=2.0)
    other_model = row(ran(10.0, units=30.0), model="animaginexl")
    other_card = row(ran(10.0, units=30.0), card=R3060, vram_gb=12.0)
    not_akin = row(ran(10.0, units=30.0), model="flux1-dev")

    def told(*rows):
        return Estimates(figures(*rows)).run_s(work(), node())

    assert told(other_size, other_model, other_card).source == f"1 run of other sizes on {R4090}"
    assert told(other_model, other_card).source == f"1 run of other SDXL models on {R4090}"
    assert told(other_card).source.startswith(f"1 run on {R3060}, ")
    assert not told(not_akin).is_learned
    spreads = [
        one.high / one.low
        for one in (told(row(ran(10.0))), told(other_size), told(other_model), told(other_card))
    ]
    assert spreads == sorted(spreads)
    assert len(set(spreads)) == 4


def test_another_cards_time_is_scaled_by_the_work_that_both_have_done():
    both = (
        row(ran(2.0), model="v1-5", card=R4090),
        row(ran(10.0), model="v1-5", card=R3060, vram_gb=12.0),
    )
    known = row(ran(50.0), card=R3060, vram_gb=12.0)

    assert Estimates(figures(*both, known)).run_s(work(), node()).mid == pytest.approx(10.0)


def test_another_cards_time_is_scaled_by_the_guess_where_they_have_done_nothing_alike():
    known = row(ran(50.0), card=R3060, vram_gb=12.0)

    assert Estimates(figures(known)).run_s(work(), node()).mid == pytest.approx(50.0 * 0.17)


def test_failures_tell_nothing_of_how_long_work_takes():
    assert not Estimates(figures(row(failed()))).run_s(work(), node()).is_learned


def test_a_chain_takes_as_long_as_its_stages_and_is_as_sure_as_the_least_known():
    chain = Work(
        "image", "juggernautxl", (), (Piece("txt2img", 1, 30, 1.0), Piece("upscale", 1, 0, 4.0))
    )
    learned = Estimates(figures(row(ran(10.0)), row(ran(8.0), stage="upscale", size=4.0)))
    partly = Estimates(figures(row(ran(10.0))))

    assert learned.run_s(chain, node()).mid == pytest.approx(10.0 + 8.0 / 30 * 4)
    assert partly.run_s(chain, node()).mid > 10.0
    assert not partly.run_s(chain, node()).is_learned


def test_loads_are_learned_for_each_worker_since_its_disk_decides():
    seen = row(ran(40.0, units=1.0), stage=LOAD, size=0.0, card="worker w1", vram_gb=None)
    learned = Estimates(figures(seen))

    assert learned.load_s("juggernautxl", node()).source == "1 load on worker w1"
    assert learned.load_s("animaginexl", node()).source == "1 load of other SDXL models on worker w1"  # fmt: skip
    assert learned.load_s("juggernautxl", node(worker="w2")).source == "1 load elsewhere"
    assert not learned.load_s("flux1-dev", node(worker="w2")).is_learned


def test_how_often_work_fails_begins_at_a_twentieth_and_follows_what_was_seen():
    lost = row(failed("no_heartbeat", at=9), backend="", card="worker w1", vram_gb=None)
    often = row(*(failed(at=i) for i in range(8)), *(ran(1.0, at=10 + i) for i in range(2)))
    seldom = row(*(ran(1.0, at=i) for i in range(20)))

    def told(*rows):
        return Estimates(figures(*rows)).failure_rate(work(), node())

    assert (told().mid, told().samples) == (pytest.approx(0.05), 0)
    assert told(often).mid > 0.6
    assert told(seldom).mid < 0.01
    assert told(seldom, lost).mid > told(seldom).mid
    assert told(row(failed("bad_job"))).samples == 0


def test_the_stages_of_one_attempt_count_once_among_failures():
    stages = (row(ran(1.0, at=7), stage=name) for name in ("txt2img", "img2img", "upscale"))

    assert Estimates(figures(*stages)).failure_rate(work(), node()).samples == 1


def test_a_default_timeout_is_far_above_what_is_expected_and_has_a_floor():
    load = row(ran(5.0, units=1.0), stage=LOAD, size=0.0, card="worker w1", vram_gb=None)
    quick = Estimates(figures(row(ran(2.0)), load))
    slow = Estimates(figures(row(ran(2_000.0))))

    assert NOTHING.timeout_s(work(), node()) == 1_800.0
    assert quick.timeout_s(work(), node()) == 600.0
    assert slow.timeout_s(work(), node()) > 16_000.0


@pytest.mark.parametrize(
    ("kind", "stage", "backend"),
    [("command", "upscale_video", "command"), ("text", "text", "ollama"), ("comfyui", "comfyui", "comfyui")],
)  # fmt: skip
def test_one_short_run_does_not_shorten_the_timeout_of_work_whose_length_no_record_tells(
    kind, stage, backend
):
    """A test clip by day took 20 s, and the night's videos were killed after 600 s, three times each."""
    asked = Work(kind, None, (), (Piece(stage, 1),))
    here = node(backend=backend)
    clip = row(ran(20.0, units=1.0), backend=backend, model="", stage=stage, size=0.0)
    film = row(ran(9_000.0, units=1.0), backend=backend, model="", stage=stage, size=0.0)

    by_formula = NOTHING.timeout_s(asked, here)

    assert Estimates(figures(clip)).run_s(asked, here).is_learned
    assert Estimates(figures(clip)).timeout_s(asked, here) == by_formula >= 1_800
    assert Estimates(figures(film)).timeout_s(asked, here) > max(by_formula, 36_000)


NAMES = st.sampled_from(["", "juggernautxl", "flux1-dev", "x"])
AMOUNTS = st.floats(0, 1e6, allow_nan=False)
SAMPLES = st.builds(
    lambda at, outcome, seconds, units: (failed(outcome, at=at) if outcome else ran(seconds, units=units, at=at)),
    st.integers(0, 99), st.sampled_from(["", "", "stalled", "out_of_memory"]), AMOUNTS, AMOUNTS,
)  # fmt: skip
ROWS = st.builds(
    lambda samples, model, stage, size, card: row(*samples, model=model, stage=stage, size=size, card=card),
    st.lists(SAMPLES, max_size=8), NAMES, st.sampled_from(["txt2img", "upscale", LOAD]),
    st.sampled_from([0.0, 1.0, 2.0]), st.sampled_from([R4090, R3060, "worker w1"]),
)  # fmt: skip
WORKS = st.builds(
    lambda kind, model, pieces: Work(kind, model or None, (), tuple(pieces)),
    st.sampled_from(["image", "text", "command"]), NAMES,
    st.lists(
        st.builds(
            Piece, st.sampled_from(["txt2img", "upscale", "text"]), st.integers(0, 50), st.integers(0, 150),
            st.floats(0, 270),
        ),
        max_size=3,
    ),
)  # fmt: skip
NODES = st.builds(
    node, st.sampled_from([R4090, R3060, "New", None]), st.sampled_from([None, 0.0, 8.0]),
    backend=st.sampled_from(["webui", "sketch"]),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(ROWS, max_size=6), WORKS, NODES)
def test_every_estimate_is_in_order_whatever_is_known(rows, asked, where):
    told = Estimates(figures(*rows))

    run, load = told.run_s(asked, where), told.load_s(asked.model, where)
    for one in (run, load):
        assert 0 <= one.low <= one.mid <= one.high
    rate = told.failure_rate(asked, where)
    assert 0 <= rate.low <= rate.mid <= rate.high <= 1
    need = told.vram_gb(asked, where)
    assert need.gb >= 0
    assert need.above_gb is None or need.gb > need.above_gb
    assert told.timeout_s(asked, where) >= 600


@settings(deadline=None)
@given(st.lists(ROWS, max_size=4), NODES, st.integers(1, 60), st.integers(1, 60))
def test_more_work_of_one_size_never_takes_less(rows, where, one, more):
    told = Estimates(figures(*rows))
    less, most = (told.run_s(work(images=images), where) for images in (one, one + more))

    assert less.low <= most.low
    assert less.mid <= most.mid
    assert less.high <= most.high
