"""Jobs that ran out of memory on such a card are left to larger ones, for as long as those take them."""

import pytest

from spoolctl.scheduling.estimates import Estimates
from spoolctl.spool import FIGURES_SCHEMA, FigureRow, Figures, Sample, introduce
from tests.spool.spool_world import JOB, World
from tests.worker.test_choosing import Chooses, meet

SD = JOB.replace(b"prompt: a lighthouse", b"prompt: a lighthouse\n    model: sdxl")
RAN_OUT = Estimates(
    Figures(
        schema_=FIGURES_SCHEMA, horizon="",
        rows=(
            FigureRow(
                backend="sketch", model="sdxl", stage="txt2img", size=0.25, card="RTX 3070", vram_gb=8.0,
                samples=(Sample("0b0000000001", "out_of_memory", None, 5.0, 0.2, 7.6),),
            ),
        ),
    )
)  # fmt: skip


@pytest.fixture
def world():
    return World(settle_s=2.0)


def small_beside(world, *, state="idle", **card):
    other = Chooses(world, "big", vram_gb=24.0, gpu="RTX 4090", **card)
    introduce(other.actor, other.chooser.node)
    other.life.tell(state=state)
    other.life.beat()
    small = Chooses(world, "small", vram_gb=8.0, gpu="RTX 3070")
    small.chooser._estimates = lambda: RAN_OUT
    meet(small, other.life)
    return small, other.life


@pytest.mark.parametrize(
    "larger", [{"state": "paused"}, {"state": "closed"}, {"reserved_for": ("interactive",)}]
)
def test_a_job_is_tried_here_where_the_larger_card_takes_no_such_jobs(world, larger):
    """It was refused for ever, and nothing could run here that would have shown that it can."""
    small, _ = small_beside(world, **larger)
    world.drop("a", SD, folder="queue/batch")
    assert small.take() == "a"


def test_a_job_that_a_larger_card_never_comes_to_is_tried_here_once_it_has_waited_its_time(world):
    small, big = small_beside(world, state="running")
    world.drop("a", SD)
    waited_s = 0
    while small.take() is None:
        world.turn(20)
        waited_s += 20
        big.beat()
        small.chooser.company.meet()
        assert waited_s < 10_000
    assert 7_200 <= waited_s <= 7_300
    assert world.events("misfit")[0]["reasons"] == [
        "8 GB, and such jobs ran out of memory with 7.6 GB"
    ]


def test_a_wall_of_jobs_for_larger_cards_hides_no_other(world):
    small, _ = small_beside(world)
    for index in range(100):
        world.drop(f"a.{index:03d}", SD)
    world.drop("b")
    assert small.take_within(6) == "b"


def test_a_job_waits_while_a_game_holds_the_memory_that_it_says_it_needs(world):
    worker = Chooses(world, vram_gb=12.0)
    world.drop("a", JOB.replace(b"workload:", b"requires: {vram_gb: 10}\nworkload:"))
    worker.life.tell(vram_others_gb=6.0)
    assert worker.take() is None
    worker.life.tell(vram_others_gb=0.8)
    assert worker.take() == "a"
