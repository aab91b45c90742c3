"""Whole spools: restarts in any order, versions, and people who drag files about."""

import itertools
import json
import random
import threading

from processes import job_text

from spoolctl.spool import encode, layout, parse_file_name
from spoolctl.spool.records import NODE_SCHEMA, Node

DONE = ("succeeded", None)


def test_s19_everything_restarts(scene):
    """ "Queued, running, finished: controller, workers and server restarted in any order: nothing lost, nothing twice,
    `status` equals a count of files at every moment, jobs written meanwhile by a GUI are seen."
    """
    finished = [f"a-finished.{number:02d}" for number in range(10)]
    running = ["b-running.00", "b-running.01"]
    queued = [f"c-queued.{number:02d}" for number in range(30)]
    for name in finished:
        scene.drop(name)
    quick = scene.worker("w0", "--drain")
    scene.wait_for_rest(finished, states=("finished",))
    assert quick.ended() == 0
    for name in [*running, *queued]:
        scene.drop(name)
    slow = [scene.worker(f"w{number}", seconds_per_image=600) for number in (1, 2)]
    scene.wait_for(lambda: all(scene.runs(name) for name in running), "two jobs to run")
    assert counted(scene) == {"queue": 30, "claimed": 2, "finished": 10}
    assert said(scene) == {"queue": 30, "claimed": 2, "finished": 10}

    controller = scene.controller()
    scene.wait_for(lambda: scene.states()["finished"] < 10, "the controller at work")
    controller.kill()  # somewhere between append and rename
    slow[0].kill()
    check_said(scene)
    written = [f"d-written.{number}" for number in range(3)]
    for name in written:
        scene.drop(name)
    controller = scene.controller()
    back = scene.worker("w1")  # the same name: its new life ends what its old one left
    scene.wait_for(lambda: scene.verdicts("c-queued.10") == [DONE], "the new life to work")
    slow[1].kill()
    other = scene.worker("w2")
    names = [*finished, *running, *queued, *written]
    scene.wait_for_rest(names, 120, states=("done",))
    images = len(names)
    scene.wait_for(lambda: len(scene.corpus()) == images, "the corpus")
    scene.check(names)
    ends = [scene.verdicts(name) for name in running]
    assert all(len(end) == 2 and end[0][0] == "lost" and end[1] == DONE for end in ends), ends
    assert all(scene.verdicts(name) == [DONE] for name in (*finished, *queued, *written))
    assert said(scene) == counted(scene) == {"done": images}
    assert [one.stop() for one in (controller, back, other)] == [0, 0, 0]


def counted(scene):
    return {state: count for state, count in scene.states().items() if count}


def check_said(scene):
    """While somebody is at work ``status`` is compared as soon as nothing was moved in the time that it took."""
    for _ in range(20):
        before, told = counted(scene), said(scene)
        if before == counted(scene):
            assert told == before
            return
    raise AssertionError(f"something is moved all the time\n{scene.tell()}")


def said(scene):
    """What ``spoolctl status`` counts."""
    jobs = json.loads(scene.ctl("status", "--json"))["jobs"]
    flat = {**jobs, "queue": sum(jobs["queue"].values())}
    return {state: count for state, count in flat.items() if count}


def test_s20_versions_and_identity(scene):
    """ "A worker of another protocol version, a second process with the same worker name, a job of a newer schema: the
    first two refuse to start and say what they need and who holds the name; the job waits with its reason."
    """
    first = scene.worker("w1")
    newer = scene.drop("newer", job_text().replace(b"spool.job/1", b"spool.job/2"))
    (told,) = scene.wait_for(lambda: first.events("admission.newer"), "the reason in the log")
    assert told["file"] == "queue/normal/newer.yaml"
    assert "spool.job/2" in told["error"]

    (shown,) = json.loads(scene.ctl("status", "--json"))["workers"]
    assert "'queue/normal/newer.yaml' waits" in shown["message"]
    assert "spool.job/2" in scene.ctl("show", "newer")

    same = scene.worker("w1")
    assert same.ended() == 24
    assert f"is held by process {first.pid} on" in same.told()
    assert "hint:" in same.told()
    other_name = scene.worker("w3", elsewhere=True)
    scene.wait_for(lambda: other_name.events("worker.started"), "a worker elsewhere")
    # Locks that do not reach this far: only the heartbeat tells of the other.
    (scene.root / layout.LOCKS / "worker-w3.lock").unlink()
    blind = scene.worker("w3")
    assert blind.ended() == 24
    assert "is held by process" in blind.told()

    card = Node(
        schema_=NODE_SCHEMA, worker="w9", session="w9-20270101T000000-00000000", machine="attic",
        protocol=2, version="9.0", backend="sketch", started_at=scene.actor().utc_now(),
    )  # fmt: skip
    path = scene.root / layout.NODES / "w9.node.yaml"
    path.write_bytes(encode(card))
    refused = scene.worker("w4")
    assert refused.ended() == 11
    assert "'w9' on 'attic' speaks protocol 2; this program speaks 1" in refused.told()
    assert "upgrade this machine to version 9.0" in refused.told()
    assert newer.exists()
    assert scene.reasons() == {}
    assert first.popen.poll() is None


class Hands:
    """A person with a file manager, and no plan."""

    def __init__(self, scene, seed):
        self.scene, self.random = scene, random.Random(seed)
        self.deleted = set()
        self.done = []
        self._numbers = itertools.count()

    def do_something(self):
        deed = self.random.choice(
            [self.drag, self.drag, self.rank, self.copy, self.back, self.cancel, self.delete]
        )
        try:
            deed()
        except (FileNotFoundError, IndexError):
            pass  # it was gone before the mouse came there: people shrug

    def _one_of(self, *states):
        found = [
            (name, path)
            for name, paths in sorted(self.scene.records().items())
            for path in paths
            if path.split("/")[0] in states
        ]
        name, path = self.random.choice(found)
        self.done.append((states, path))
        return name, self.scene.root / path

    def _move(self, path, folder, new=None):
        path.rename(self.scene.root / folder / (new or path.name))

    def drag(self):
        _, path = self._one_of("queue", "waiting", "held")
        self._move(path, self.random.choice(["queue/interactive", "queue/batch", "held", "queue"]))

    def rank(self):
        _, path = self._one_of("queue")
        self._move(path, path.parent.relative_to(self.scene.root), f"0+{path.name}")

    def copy(self):
        _, path = self._one_of("queue", "waiting", "claimed", "finished", "done")
        data = path.read_bytes()
        aside = self.scene.root / "queue" / f".copy{next(self._numbers)}.tmp"
        aside.write_bytes(data)
        aside.rename(self.scene.root / "queue/interactive" / path.name)

    def back(self):
        _, path = self._one_of("failed", "cancelled", "done")
        self._move(path, "queue/normal")

    def cancel(self):
        _, path = self._one_of("queue", "claimed", "waiting", "finished")
        self._move(path, "cancelled")

    def delete(self):
        name, path = self._one_of("queue", "waiting")
        path.unlink()
        self.deleted.add(name)


def test_s27_hands(open_scene):
    """ "While jobs run, a person drags files between classes, renames them to `0+NAME`, copies instead of moving, moves
    `failed/` back, drops into `cancelled/`, deletes: each does what it says or nothing; nothing is committed twice,
    nothing else is lost."
    """
    scene = open_scene(retry={"backoff_s": 0.1, "avoid_s": 0})
    names = [f"night.{number:02d}" for number in range(60)]
    for number, name in enumerate(names):
        scene.drop(
            name, job_text(f"{'flaky' if number % 5 == 0 else 'calm'} {name}"), "queue/batch"
        )
    drills = {
        "seconds_per_image": 0.05,
        "fail": "internal",
        "fail_when_prompt": "flaky",
        "fail_times": 2,
    }
    # Three jobs that fail in a row would have a worker wait for minutes: what fails here is the jobs' own fault.
    well = {"SPOOLWORKER_SICK_AFTER": "0"}
    workers = [scene.worker(f"w{number}", variables=well, **drills) for number in (1, 2)]
    controller = scene.controller()
    scene.wait_for(lambda: scene.states()["claimed"], "the first job to run")
    hands = Hands(scene, seed=27)
    tired = threading.Event()

    def play():
        while not tired.wait(0.02):
            hands.do_something()

    person = threading.Thread(target=play)
    person.start()
    try:
        scene.wait_for(
            lambda: scene.states()["queue"] < 15 and len(hands.done) > 100, "a wild night", 120
        )
    finally:
        tired.set()
        person.join()
    release_all(scene)
    kept = [name for name in names if name not in hands.deleted]
    scene.wait_for_rest(kept, 120)
    assert [one.stop() for one in (*workers, controller)] == [0, 0, 0]
    scene.merge()
    scene.check(kept, deleted=hands.deleted)
    assert scene.reasons() == {}, "no file of a person was other than it had been"


def release_all(scene):
    """Put what is held, and what lies beside a folder, where it can go on."""
    for name, paths in scene.records().items():
        for path in paths:
            if path.startswith("held/") and parse_file_name(path.rpartition("/")[2]).name == name:
                source = scene.root / path
                source.rename(scene.root / "queue/normal" / source.name)


def test_s27_a_failed_job_is_copied_back_instead_of_moved(open_scene):
    """A copy asks for a retry as well as a move does. The one left in ``failed/`` had been audited before, so the
    controller never looked at it again, and the job was shown as failed and done at once.
    """
    scene = open_scene(retry={"attempts_max": 1, "backoff_s": 0.1, "avoid_s": 0})
    scene.drop("portrait")
    scene.controller()
    scene.worker("w1", fail="internal", fail_times=1)
    scene.wait_for((scene.root / layout.part(layout.HISTORY, "portrait", "~1")).exists, "an audit")
    scene.wait_for((scene.attempt("portrait", 1) / layout.CLOSED).exists, "the note of its rest")
    (record,) = scene.records()["portrait"]
    assert record.startswith("failed/")
    scene.drop("0+portrait.yaml", (scene.root / record).read_bytes())
    scene.wait_for(lambda: scene.verdicts("portrait")[1:] == [DONE], "the retry")
    scene.wait_for_rest(["portrait"], states=("done",))
    scene.wait_for(scene.corpus, "the corpus")
    scene.check(["portrait"])
