"""Litter of dead processes goes after an hour of the observer's own clock; nothing else does."""

from spoolctl.controller.litter import AGAIN_S, UNCHANGED_S, Litter
from spoolctl.spool import layout
from tests.spool.spool_world import World


def looked(world, litter, hours):
    for _ in range(int(hours * 3_600 / AGAIN_S) + 1):
        litter.remove()
        world.turn(AGAIN_S + 1)


def test_temporaries_and_clock_folders_of_the_dead_are_removed_and_jobs_are_not():
    world = World()
    world.drop("job-1")
    world.share.put("queue/normal/.aaaa.tmp", b"half a jo")
    world.share.put("nodes/.bbbb.tmp", b"{")
    world.share.put("locks/.clock-cccc", None)
    world.share.put("locks/.probe-dddd/first", b"x")
    world.share.put("queue/normal/mine.tmp", b"a person's")
    litter = Litter(world.actor("controller-c"))
    looked(world, litter, hours=0.9)
    assert "queue/normal/.aaaa.tmp" in world.share.tree()
    looked(world, litter, hours=0.3)
    left = world.share.tree()
    assert not [path for path in left if path.rpartition("/")[2].startswith(".")]
    assert "queue/normal/mine.tmp" in left
    assert "queue/normal/job-1.yaml" in left


def test_a_killed_controllers_heartbeat_goes_and_a_living_ones_and_a_workers_stay():
    world = World()
    dead = f"{layout.NODES}/controller-x-1.{layout.HEARTBEAT}"
    living = f"{layout.NODES}/controller-y-2.{layout.HEARTBEAT}"
    worker = f"{layout.NODES}/w1.{layout.HEARTBEAT}"
    for path in (dead, living, worker):
        world.share.put(path, b"0")
    litter = Litter(world.actor("controller-c"))
    for beat in range(int(UNCHANGED_S / AGAIN_S) + 3):
        world.share.put(living, str(beat).encode())
        looked(world, litter, hours=0)
    left = world.share.tree()
    assert dead not in left
    assert living in left
    assert worker in left
