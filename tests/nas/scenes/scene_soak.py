"""A long night: new jobs as long as it lasts, and something breaks every quarter of a minute. ``python -m tests.nas soak`` runs it.

SOAK_JOBS      how many jobs at most
SOAK_LIMIT_S   for how long new ones are submitted; those that were are waited for
"""

import itertools
import os
import random
import sys
import time
from collections import Counter

from processes import job_text

from tests.nas.guest import share

LEASE = {"heartbeat_s": 0.5, "lease_s": 5.0}
MANY = {"retry": {"crashes_max": 100, "attempts_max": 100, "backoff_s": 0.1, "avoid_s": 0}}
IN_QUEUE = 60
DONE = ("succeeded", None)
REST_S = 15.0
IMAGE_S = 0.5
"""So that faults meet jobs in work: of 889 jobs that took no time none was, in twenty-four faults."""


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
        self.workers = {name: self.start(name) for name in ("w1", "w2", "w3")}
        self.happened = []

    def start(self, name):
        return self.scene.worker(name, seconds_per_image=IMAGE_S)

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
        self.workers[name] = self.start(name)

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


def test_soak(open_scene, protocol, capsys):
    """Whatever breaks, every job is done, committed once, and in the corpus once."""
    began = time.monotonic()
    until = began + int(os.environ["SOAK_LIMIT_S"])
    scene = open_scene(**LEASE, **MANY)
    night = Night(scene, protocol, seed=1)
    jobs = int(os.environ["SOAK_JOBS"])
    fresh = (f"night.{number:05d}" for number in range(jobs))
    names = []
    while time.monotonic() < until and scene.states()["done"] < jobs:
        scene.wait_for(lambda: True, "everybody but the killed to live")
        for name in itertools.islice(fresh, max(0, IN_QUEUE - scene.states()["queue"])):
            names.append(name)
            scene.drop(name, job_text(f"prompt of {name}"))
        night.break_something()
    # Seldom: to look through a thousand records takes this slow machine a second of the workers' time.
    scene.wait_for_rest(names, 60, states=("done",), every_s=10)
    scene.wait_for(
        lambda: len(scene.corpus()) >= len(names),
        "the corpus, which is compiled seldom by a controller for which that takes long",
        120,
        every_s=10,
    )
    with capsys.disabled():
        sys.stdout.write(f"\nsoak: {counted(scene, names)}, {time.monotonic() - began:.0f} s, "
                         f"faults {dict(Counter(night.happened))}\n")  # fmt: skip
    assert [one.stop(60) for one in (*night.workers.values(), night.controller)] == [0] * 4
    scene.check(names)


def counted(scene, names):
    """What became of these jobs, by their manifests and the corpus."""
    verdicts = {name: scene.verdicts(name) for name in names}
    lines = Counter(line["metadata"]["spool_job"] for line in scene.corpus())
    committed = {name: ends.count(DONE) for name, ends in verdicts.items()}
    doubled = [name for name in names if committed[name] > 1 or lines[name] > 1]
    lost = [name for name in names if committed[name] == 0 or lines[name] == 0]
    attempts = sum(len(ends) for ends in verdicts.values())
    return f"jobs {len(names)}, committed {sum(committed.values())}, lost {len(lost)}, doubled {len(doubled)}, attempts {attempts}"
