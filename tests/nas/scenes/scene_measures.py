"""Times and round trips that only real mounts tell, as each client's own kernel counts them. ``python -m tests.nas measure`` runs it.

No figure is judged here: the machine is emulated and many times slower than any node. What is judged is that all came to its end.
"""

import json
import random
import re
import statistics
import sys
import time
from datetime import datetime

from processes import QUICK, job_text

from spoolctl.spool import Settings
from tests.nas.guest import share

DEFAULTS = {
    name: Settings.model_fields[name].get_default(call_default_factory=True)
    for name in QUICK
    if name != "retry"
}
STARTS, JOBS, IDLE_S = 12, 15, 60.0
LEASE = {**DEFAULTS, "heartbeat_s": 2.0, "lease_s": 20.0}
_COUNTED = re.compile(r"^\s+([A-Z_]+): (\d+) ", re.MULTILINE)


def round_trips(client):
    """How many requests this client has sent for each operation since it mounted the share (NFS only)."""
    text = share.inside(client, "cat", "/proc/self/mountstats")
    _, _, mine = text.partition(f"mounted on {share.MOUNT} ")
    mine, _, _ = mine.partition("\ndevice ")
    return {
        name: int(count) for name, count in _COUNTED.findall(mine.partition("per-op statistics")[2])
    }


def spent(before, after):
    return {
        name: after[name] - before.get(name, 0)
        for name in after
        if after[name] != before.get(name, 0)
    }


def when(process, event, job):
    """The moment that an event of this job was logged, by the machine's one clock; None if it was not yet."""
    found = [one["at"] for one in process.events(event) if one.get("job") == job]
    return datetime.fromisoformat(found[-1]).timestamp() if found else None


def started(scene, name, client, **drills):
    scene.placing.put(name, client)
    worker = scene.worker(name, **drills)
    scene.wait_for(lambda: worker.events("worker.started"), f"{name} to start", 60)
    return worker


def test_measures(open_scene, protocol, capsys):
    """An idle worker hears of jobs from another machine, works through some, and is replaced when it is killed."""
    told = {}
    scene = open_scene(**DEFAULTS)
    worker = started(scene, "w1", "c1")
    time.sleep(20)
    dice, waits = random.Random(3), []
    for number in range(STARTS):
        time.sleep(3 + 2 * dice.random())
        at, name = time.time(), f"start.{number:04d}"
        scene.drop(name)
        waits.append(scene.wait_for(lambda name=name: when(worker, "claimed", name), name, 60) - at)
    told["submitted to claimed, s"] = {
        "p50": round(statistics.median(waits), 2), "worst": round(max(waits), 2),
    }  # fmt: skip
    scene.wait_for_rest([f"start.{n:04d}" for n in range(STARTS)], 60, states=("finished",))
    counts = protocol != "smb"
    if counts:
        time.sleep(20)
        before = round_trips("c1")
        time.sleep(IDLE_S)
        idle = spent(before, round_trips("c1"))
        told["idle worker, round trips a second"] = round(sum(idle.values()) / IDLE_S, 2)
        told["of these"] = {name: round(n / IDLE_S, 2) for name, n in idle.items()}
        began, before = time.monotonic(), round_trips("c1")
    for number in range(JOBS):
        scene.drop(f"work.{number:04d}")
    scene.wait_for_rest([f"work.{n:04d}" for n in range(JOBS)], 120, states=("finished",))
    if counts:
        took, work = time.monotonic() - began, spent(before, round_trips("c1"))
        told["a job at its worker, round trips"] = round(sum(work.values()) / JOBS, 1)
        told["of a job"] = {name: round(n / JOBS, 1) for name, n in work.items()}
        told["a job at its worker took, s"] = round(took / JOBS, 2)
    assert worker.stop(60) == 0
    scene.merge()
    told["killed to next attempt beyond the lease, s"] = beyond_the_lease(open_scene(**LEASE))
    with capsys.disabled():
        sys.stdout.write(f"\nmeasures: {json.dumps({'protocol': protocol, **told})}\n")


def beyond_the_lease(scene):
    """How long after its lease a killed worker's job is claimed by another machine's."""
    scene.drop("portrait", job_text(count=2))
    first = started(scene, "w1", "c1", seconds_per_image=600)
    scene.wait_for(lambda: scene.runs("portrait"), "w1 at work", 60)
    second = started(scene, "w2", "c2")
    at = time.time()
    first.kill()
    claimed = scene.wait_for(lambda: when(second, "claimed", "portrait"), "the next attempt", 300)
    scene.wait_for_rest(["portrait"], 60, states=("finished",))
    assert second.stop(60) == 0
    scene.merge()
    return round(claimed - at - scene.actor().settings.lease_s, 2)
