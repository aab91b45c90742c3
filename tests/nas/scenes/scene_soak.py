"""A long night: thousands of jobs, and something breaks every quarter of a minute. ``python -m tests.nas soak`` runs it."""

import itertools
import os
import random
import time

from processes import job_text

from tests.nas.guest import share

LEASE = {"heartbeat_s": 0.5, "lease_s": 5.0}
MANY = {"retry": {"crashes_max": 100, "attempts_max": 100, "backoff_s": 0.1, "avoid_s": 0}}
IN_QUEUE = 60
REST_S = 15.0


class Night:
    """One spool, three workers, a controller, and whatever happens to them."""

    def __init__(self, scene, protocol, seed):
        self.scene, self.protocol = scene, protocol
        self.random = random.Random(seed)
        self.lease_s = scene.actor().settings.lease_s
        self.faults = itertools.cycle(
            [self.kill, self.freeze, self.cut, self.lose_replies, self.restart, self.restart_unheard]
        )  # fmt: skip
        self.controller = scene.controller()
        self.workers = {name: scene.worker(name) for name in ("w1", "w2", "w3")}
        self.happened = []

    def break_something(self):
        fault = next(self.faults)
        self.happened.append(fault.__name__)
        fault()
        time.sleep(REST_S)

    def _one(self):
        name = self.random.choice(sorted(self.workers))
        return name, self.workers[name], self.scene.placing.client(name)

    def kill(self):
        name, worker, _ = self._one()
        worker.kill()
        self.workers[name] = self.scene.worker(name)

    def freeze(self):
        _, worker, _ = self._one()
        worker.freeze()
        time.sleep(1.5 * self.lease_s)
        worker.thaw()

    def cut(self):
        with share.cut(self._one()[2]):
            time.sleep(self.random.uniform(0.1, 1.6) * self.lease_s)

    def lose_replies(self):
        with share.lost_replies(self._one()[2], self.protocol):
            time.sleep(self.random.uniform(1, 10))

    def restart(self):
        share.restart_server(self.protocol)

    def restart_unheard(self):
        with share.lost_replies(self._one()[2], self.protocol):
            time.sleep(2)
            share.restart_server(self.protocol)
            time.sleep(4)


def test_soak(open_scene, protocol):
    """Whatever breaks, every job is done, committed once, and in the corpus once."""
    jobs = int(os.environ.get("SOAK_JOBS", "60"))
    until = time.monotonic() + int(os.environ.get("SOAK_LIMIT_S", "3600"))
    scene = open_scene(**LEASE, **MANY)
    night = Night(scene, protocol, seed=jobs)
    names = [f"night.{number:05d}" for number in range(jobs)]
    waiting = iter(names)
    while scene.states()["done"] < jobs:
        assert time.monotonic() < until, f"{night.happened}\n{scene.tell()}"
        scene.wait_for(lambda: True, "everybody but the killed to live")
        for name in itertools.islice(waiting, IN_QUEUE - scene.states()["queue"]):
            scene.drop(name, job_text(f"prompt of {name}"))
        night.break_something()
    scene.wait_for_rest(names, 60, states=("done",))
    scene.wait_for(lambda: len(scene.corpus()) == jobs, "the corpus", 60)
    scene.check(names)
    assert [one.stop(60) for one in (*night.workers.values(), night.controller)] == [0] * 4
    scene.check(names)
