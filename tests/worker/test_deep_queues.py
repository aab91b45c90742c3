"""A worker at a queue whose head has no room for all: the order is that of the names, and no wall hides a job."""

from spoolctl.spool import Admission, layout
from spoolctl.spool.shards import Sizes
from spoolctl.spool.spilling import Spiller
from spoolworker.heads import OPENED_MAX
from tests.spool.spool_world import World
from tests.worker.test_choosing import BIG, Chooses

SIZES = Sizes(head_max=10, head_kept=5, shard=10, chunks_max=100)


def spilled(world):
    return Spiller(world.actor("w0"), Admission(), SIZES).spill(layout.queue("normal"))


def test_jobs_in_shards_are_taken_in_the_order_of_their_names_and_so_are_those_that_come_later():
    world = World()
    names = [f"job.{number:03d}" for number in range(60)]
    for name in names:
        world.drop(name)
    assert spilled(world) == 55
    for name in ("job.007.again", "job.033.again", "zz", "0+hurried"):
        world.drop(name)
    wanted = [*names, "job.007.again", "job.033.again", "zz"]
    files = sorted(f"{name}.yaml" for name in wanted)
    assert [f"{name}.yaml" for name in Chooses(world).take_all()] == ["hurried.yaml", *files]


def test_a_wall_of_misfits_in_shards_hides_nothing_and_one_look_opens_a_bounded_number():
    world = World()
    for number in range(500):
        world.drop(f"a.{number:03d}", BIG)
    world.drop("b")
    assert spilled(world) == 496
    worker = Chooses(world)
    assert len(worker.opened_in_one_look()) == OPENED_MAX
    assert worker.take_within(60) == "b"
