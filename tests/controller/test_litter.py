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
    world.share.put("queue/normal/more/from-a~01234567/.eeee.tmp", b"")
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


def test_whatever_bears_such_a_name_and_is_a_persons_stays_and_the_rest_goes_all_the_same():
    """A folder of that name ended every look at litter; one with a folder in it was emptied as far as it was flat."""
    world = World()
    theirs = {
        f"{layout.NODES}/controller-x.{layout.HEARTBEAT}": None,
        f"{layout.NODES}/controller-y.{layout.HEARTBEAT}/kept": b"a person's",
        "locks/.probe-eeee/album/best.png": b"a person's",
        "locks/.probe-ffff/first": None,
        "locks/.probe-gggg/mine.txt": b"a person's",
        "locks/.clock-hhhh/mine.txt": b"a person's",
        "locks/.clock-iiii": b"a file",
        "queue/normal/.sketches.tmp/best.png": b"a person's",
        "queue/normal/.clock-radio": None,
        "queue/normal/.probe-radio/first": b"a person's",
    }
    for path, data in theirs.items():
        world.share.put(path, data)
    world.share.put("queue/batch/.aaaa.tmp", b"half a jo")
    world.share.put("locks/.clock-cccc", None)
    world.share.put("locks/.probe-dddd/second", b"x")
    world.share.put(f"{layout.NODES}/controller-z.{layout.HEARTBEAT}", b"0")
    litter = Litter(world.actor("controller-c"))

    looked(world, litter, hours=2.5)

    left = world.share.tree()
    assert {path: left[path] for path in theirs if path in left} == theirs
    assert not {"queue/batch/.aaaa.tmp", "locks/.clock-cccc", "locks/.probe-dddd"} & left.keys()
    assert f"{layout.NODES}/controller-z.{layout.HEARTBEAT}" not in left
    told = [facts["path"] for facts in world.events("litter.left")]
    assert len(told) == len(set(told)), "told once each"
    assert "locks/.probe-eeee" in told


def test_a_folder_that_a_person_replaced_by_a_file_keeps_no_litter_elsewhere():
    world = World()
    world.share.rmdir("held")
    world.share.put("held", b"a person's")
    world.share.rmdir("control")
    world.share.put("locks/.clock-cccc", None)

    looked(world, Litter(world.actor("controller-c")), hours=1.5)

    assert "locks/.clock-cccc" not in world.share.tree()
    assert world.share.tree()["held"] == b"a person's"
