"""Networks that are cut, servers that restart, observers that cannot see, clocks that are an hour apart."""

import time

import pytest
from processes import digest, job_text, snapshot, wait_for

from spoolctl.spool import layout
from tests.nas.guest import share

SILENT, GONE, AWAY = ("lost", "no_heartbeat"), ("lost", "process_gone"), ("failed", "share_away")
DONE = ("succeeded", None)
SHORT_LEASE = {"heartbeat_s": 0.3, "lease_s": 3.0}
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def an_hour(sign):
    """Variables that put a program's clock an hour off."""
    return {
        "LD_PRELOAD": FAKETIME, "FAKETIME": f"{sign}3600s", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip


def works(scene, name, worker):
    scene.wait_for(lambda: worker.events("worker.started"), f"{worker.name} to start", 30)
    scene.wait_for(lambda: scene.runs(name), f"{worker.name} at work on {name}")


def test_s06_worker_killed_on_the_same_machine(scene):
    """The second worker sees the first one's process id on its own client, and need not wait for the lease."""
    scene.placing.put("w1", "c1")
    scene.placing.put("w2", "c1")
    scene.drop("portrait", job_text(count=2))
    first = scene.worker("w1", seconds_per_image=60)
    works(scene, "portrait", first)
    second = scene.worker("w2")
    scene.wait_for(lambda: second.events("worker.started"), "w2")
    first.kill()
    scene.wait_for_rest(["portrait"], 60, states=("finished",))
    assert scene.verdicts("portrait") == [GONE, DONE], "it waited for the lease"
    scene.merge()
    scene.check(["portrait"])


def test_s07_a_zombie_without_network(open_scene):
    """The worker works on behind its cut cable while its job runs elsewhere; with the cable back it finds another's verdict."""
    scene = open_scene(**SHORT_LEASE)
    scene.drop("portrait", job_text(requires={"tags": ["any"]}))
    zombie = scene.worker("w1", "--tag", "any", "--tag", "w1", seconds_per_image=60)
    works(scene, "portrait", zombie)
    with share.cut(scene.placing.client("w1")):
        scene.worker("w2", "--tag", "any")
        scene.wait_for_rest(["portrait"], 60, states=("finished",))
        assert scene.verdicts("portrait") == [SILENT, DONE]
        new = snapshot(scene.attempt("portrait", 2))
        lost = digest(scene.attempt("portrait", 1) / layout.MANIFEST)
        scene.wait_for(lambda: zombie.events("worker.fenced"), "w1 to fence itself", 30)
    scene.drop("next", job_text(requires={"tags": ["w1"]}))
    scene.wait_for(lambda: scene.runs("next"), "w1 to claim again", 60)
    assert zombie.events("execution.superseded", "pulse.standing")
    assert snapshot(scene.attempt("portrait", 2)) == new
    assert digest(scene.attempt("portrait", 1) / layout.MANIFEST) == lost
    assert scene.verdicts("portrait") == [SILENT, DONE]


def test_s08_observers_that_were_cut_off_or_live_an_hour_apart(open_scene):
    """A live worker is not reaped by one whose network was away for two leases, nor by those whose clocks are an hour off.

    The spool's lease must be longer than that of an NFS 4 server (10 s here): what the cut-off client has read is delegated to
    it, so the live one's next heartbeat, which replaces that file, is kept waiting until the server gives the client up. With a
    lease of 12 s the live worker fenced itself.
    """
    scene = open_scene(heartbeat_s=0.3, lease_s=7.0)
    scene.drop("alive", job_text(requires={"tags": ["a"]}))
    alive = scene.worker("w1", "--tag", "a", seconds_per_image=120)
    works(scene, "alive", alive)
    blind = scene.worker("w2")
    early = scene.worker("w3", variables=an_hour("-"))
    scene.placing.put("w4", "c3")
    late = scene.worker("w4", variables=an_hour("+"))
    observers = [blind, early, late]
    for one in observers:
        scene.wait_for(lambda one=one: one.events("worker.started"), one.name, 40)
    lease_s = scene.actor().settings.lease_s
    with share.cut(scene.placing.client("w2")):
        time.sleep(2.2 * lease_s)
    scene.drop("probe", folder="queue/interactive")
    scene.wait_for_rest(["probe"], 60, states=("finished",))
    time.sleep(1.2 * lease_s)
    assert scene.verdicts("alive") == [None], "a live worker was reaped"
    assert not [e for one in observers for e in one.events("reaped")]
    clocks = {one.name: one.events()[-1]["at"][:13] for one in (early, late)}
    assert len(set(clocks.values())) == 2, f"the clocks were not apart: {clocks}"
    scene.placing.put("w5", "c2")
    alive.freeze()
    scene.wait_for(lambda: scene.verdicts("alive")[0] == SILENT, "those who see to reap", 40)


def test_s08_an_observer_whose_mount_is_gone(open_scene, protocol):
    """Unmounted under it, the spool is an empty folder: nothing there is no reason to end anything."""
    scene = open_scene(**SHORT_LEASE)
    scene.drop("alive", job_text(requires={"tags": ["a"]}))
    alive = scene.worker("w1", "--tag", "a", seconds_per_image=120)
    works(scene, "alive", alive)
    blind = scene.worker("w2")
    scene.wait_for(lambda: blind.events("worker.started"), "w2", 40)
    client = scene.placing.client("w2")
    share.inside(client, "umount", "-l", share.MOUNT)
    blind.may_end = True
    time.sleep(2 * scene.actor().settings.lease_s)
    told = {event["event"] for event in blind.events()} | {blind.told()}
    share.mount(client, protocol)
    time.sleep(1.5 * scene.actor().settings.lease_s)
    assert scene.verdicts("alive") == [None], "a live worker was reaped"
    assert not blind.events("reaped")
    assert told & {"sweep.trouble", "reap.blind", "pulse.missed", "choose.trouble"}, told


@pytest.mark.parametrize("fault", ["cut", "lost replies"])
def test_s09_share_away_for_less_than_the_lease(open_scene, protocol, fault):
    """At half of the work the share is away: the work goes on, its result is delivered, and the attempt is the first."""
    scene = open_scene(heartbeat_s=0.3, lease_s=18)
    scene.drop("portrait", job_text(count=4))
    worker = scene.worker("w1", seconds_per_image=1.0)
    works(scene, "portrait", worker)
    client = scene.placing.client("w1")
    time.sleep(4)
    with share.cut(client) if fault == "cut" else share.lost_replies(client, protocol):
        assert scene.verdicts("portrait") == [None], "it was cut off too late"
        time.sleep(20)
        assert scene.verdicts("portrait") == [None]
    scene.wait_for_rest(["portrait"], 30, states=("finished",))
    assert scene.verdicts("portrait") == [DONE]
    assert not worker.events("worker.fenced")
    scene.merge()
    scene.check(["portrait"])


def test_s09_share_away_for_longer_than_the_lease(open_scene):
    """The worker fences itself, says so, and gives its attempt back as one that failed for the share's sake."""
    scene = open_scene(**SHORT_LEASE)
    scene.drop("portrait")
    worker = scene.worker("w1", seconds_per_image=60)
    works(scene, "portrait", worker)
    with share.cut(scene.placing.client("w1")):
        scene.wait_for(lambda: worker.events("worker.fenced"), "w1 to fence itself", 40)
        assert scene.verdicts("portrait") == [None]
    scene.wait_for(lambda: scene.verdicts("portrait")[0] == AWAY, "its verdict", 40)
    worker.kill()
    scene.worker("w2")
    scene.wait_for_rest(["portrait"], 60, states=("finished",))
    assert scene.verdicts("portrait")[-1] == DONE
    scene.merge()
    scene.check(["portrait"])


def test_s19_the_server_restarts(open_scene, protocol):
    """The server is restarted again and again while two workers and a controller work, once while its replies are lost."""
    scene = open_scene()
    names = [f"night.{number:02d}" for number in range(24)]
    for name in names:
        scene.drop(name)
    workers = [scene.worker(name, seconds_per_image=0.1) for name in ("w1", "w2")]
    controller = scene.controller()
    for at in (3, 9, 15):
        scene.wait_for(lambda at=at: len(scene.corpus()) >= at - 2, f"{at} jobs", 60)
        if at == 9:
            with share.lost_replies(scene.placing.client("w1"), protocol):
                time.sleep(2)
                share.restart_server(protocol)
                time.sleep(3)
        else:
            share.restart_server(protocol)
    wait_for(lambda: set(scene.states()) == {"done"}, "all to be done", 60, scene.tell)
    scene.wait_for_rest(names, states=("done",))
    scene.wait_for(lambda: len(scene.corpus()) == len(names), "the corpus", 60)
    scene.check(names)
    assert {tuple(scene.verdicts(name)) for name in names} == {(DONE,)}
    assert [one.stop(40) for one in (*workers, controller)] == [0, 0, 0]
