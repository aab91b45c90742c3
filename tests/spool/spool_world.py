"""A small world for tests: one share in memory, clocks that tests turn, and actors that use the real steps.

``World.check`` is the invariants' checker (``world_checks``): it raises ``AssertionError`` with the number of the invariant that does
not hold.
"""

import hashlib
import itertools
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import ClassVar

from spoolctl.controller.scanner import Scanner
from spoolctl.fsck import check as fsck
from spoolctl.spool import (
    Facts,
    Host,
    Life,
    Settings,
    draft,
    encode,
    layout,
    parse_job,
    publish_once,
    records_in,
    release,
    submit,
)
from spoolctl.spool.actor import Actor
from spoolctl.spool.memory import Crashed, MemoryFiles
from spoolctl.spool.names import parse_file_name
from tests.spool.world_checks import Invariants, Seen, job_of, verdict_of
from tests.spool.world_worker import Run, Worker

START_UTC_S = datetime(2026, 3, 27, 12, 0, 0, tzinfo=UTC).timestamp()
JOB = b"""schema: spool.job/1
workload:
  kind: image
  stages:
  - stage: txt2img
    prompt: a lighthouse
    seed: 7
...
"""


@dataclass
class TestClock:
    """A clock that only tests turn; every reading moves it on by a microsecond."""

    __test__ = False
    tick_s: ClassVar[float] = 1e-6
    offset_s: float = 0.0
    elapsed_s: float = 0.0

    def mono(self):
        self.elapsed_s += self.tick_s
        return 1000.0 + self.elapsed_s

    def utc_s(self):
        return START_UTC_S + self.offset_s + self.elapsed_s


@dataclass
class Counting:
    """Entropy that counts, unlike between actors."""

    prefix: str
    counter: itertools.count = field(default_factory=lambda: itertools.count(1))

    def token(self):
        return hashlib.sha256(f"{self.prefix}/{next(self.counter)}".encode()).hexdigest()[:16]

    def fraction(self):
        return 0.5


def _copied(folder):
    entries = {
        name: _copied(entry) if hasattr(entry, "entries") else entry
        for name, entry in folder.entries.items()
    }
    return replace(folder, entries=entries)


class World(Invariants):
    """One spool on one share."""

    def __init__(self, **settings):
        self.clock = TestClock()
        self.share = MemoryFiles(lambda: START_UTC_S + self.clock.elapsed_s)
        self.log = []
        self.runs: list[Run] = []
        self.dead: set[int] = set()
        self.removed: set[str] = set()
        """Jobs whose record a person deleted or overwrote, so that it may be gone."""
        self.copied: set[str] = set()
        """Jobs of which a person made a copy, so that there may be two records until all is over."""
        self.left_to_people: set[str] = set()
        """Codes of what fsck finds in the end and a person must see to."""
        self._pid = 100
        self._manifests: dict[str, bytes] = {}
        self._holders: dict[str, bytes] = {}
        self.settings = Settings(
            schema_="spool.settings/1",
            spool_id="spool-test",
            created_at=datetime.fromtimestamp(START_UTC_S, tz=UTC),
            settle_s=settings.pop("settle_s", 0.0),
            reject_after_s=settings.pop("reject_after_s", 0.0),
            **settings,
        )
        for folder in layout.FOLDERS:
            self.share.put(folder, None)
        self.share.put(layout.SETTINGS, encode(self.settings))

    def copy(self):
        """Another world that looks the same; for a world in which nobody holds on to anything."""
        other = World()
        other.settings = self.settings
        other.clock.elapsed_s = self.clock.elapsed_s
        other.share._tree.root = _copied(self.share._tree.root)
        other.runs, other._pid, other._manifests = [*self.runs], self._pid, {**self._manifests}
        other._holders = {**self._holders}
        other.dead, other.removed, other.copied = {*self.dead}, {*self.removed}, {*self.copied}
        other.left_to_people = {*self.left_to_people}
        return other

    def wait(self, seconds):
        """What an actor's pause does; tests put something else in its place, also for actors that are there already."""
        self.turn(seconds)

    def _pause(self, seconds):
        self.wait(seconds)

    def client(self):
        """How the next actor sees the share."""
        return self.share.view()

    def actor(self, name, *, files=None, machine="host-a", clock=None):
        """A new life of somebody, with a view of the share of its own."""
        self._pid += 1
        pid = self._pid
        clock = clock or self.clock
        entropy = Counting(f"{name}/{pid}")
        return Actor(
            session=f"{name}-20260327T120000-{entropy.token()[:8]}",
            name=name,
            files=files or self.client(),
            clock=clock,
            entropy=entropy,
            host=Host(machine, f"id-{machine}", f"boot-{machine}", pid, float(pid)),
            settings=self.settings,
            log=lambda event, **facts: self.log.append((name, event, facts)),
            is_alive=lambda pid, _started: pid not in self.dead,
            pause=self._pause,
        )

    def worker(self, name="w1", **kwargs):
        return Worker(self, self.actor(name, **kwargs))

    def controller(self, name="controller-c", **kwargs):
        actor = self.actor(name, **kwargs)
        return Scanner(actor, Life(actor, "controller", Facts(state="running")))

    def person(self, **kwargs):
        return self.actor("person-ann", **kwargs)

    def turn(self, seconds):
        """Let time pass, on every clock."""
        self.clock.elapsed_s += seconds

    def drop(self, name, data=JOB, folder="queue/normal", suffix=".yaml"):
        """A person drops a file."""
        self.share.put(f"{folder}/{name}{suffix}", data)

    def submit(self, name="job-1", data=JOB, place=None):
        job = parse_job(data)
        return submit(self.person(), [draft(name, data, job)], place or layout.queue("normal"))[0]

    # What a test looks at

    def files(self, folder):
        """Names of the files right in a folder, dot files left out."""
        prefix = f"{folder}/"
        return sorted(
            p.removeprefix(prefix)
            for p, data in self.share.tree().items()
            if data is not None
            and p.startswith(prefix)
            and "/" not in p.removeprefix(prefix)
            and not p.removeprefix(prefix).startswith(".")
        )

    def places(self, name):
        """Every state folder in which a record of that job lies."""
        found = []
        for path, data in self.share.tree().items():
            top = path.split("/")[0]
            if data is None or top not in set(layout.State):
                continue
            file = parse_file_name(path.rpartition("/")[2])
            if file is not None and file.name == name:
                found.append(path)
        return found

    def manifests(self, name):
        """The verdicts on a job's attempts by their number, None for an open one."""
        tree = self.share.tree()
        found = {}
        prefix = f"{layout.results(name)}/"
        for path in tree:
            rest = path.removeprefix(prefix)
            number = layout.attempt_number(rest)
            if path.startswith(prefix) and number is not None:
                data = tree.get(f"{path}/{layout.MANIFEST}")
                found[number] = verdict_of(data) if data is not None else None
        return dict(sorted(found.items()))

    def verdicts(self, name):
        return [m.verdict.value if m else None for m in self.manifests(name).values()]

    def location(self, name):
        """Where the job's one record lies."""
        [path] = self.places(name)
        return layout.location_of(path)

    def state(self, name):
        """The one folder in which the record lies."""
        places = self.places(name)
        assert len(places) == 1, f"I1: {name} lies in {places}"
        return places[0].rpartition("/")[0]

    def corpus(self, name):
        data = self.share.tree().get(layout.part(layout.CORPUS, name))
        return [json.loads(line) for line in data.splitlines()] if data else []

    def events(self, event):
        return [facts for _, what, facts in self.log if what == event]

    def check_ended(self, *names):
        """Every invariant once everything is over; and ``spoolctl fsck`` has its say, which knows nothing but what lies there."""
        super().check_ended(*names)
        report = fsck(self.actor("person-fsck", machine="host-z"), pause_s=0.0)
        found = [one for one in (*report.damage, *report.stuck) if not self._is_asked_for(one)]
        told = "; ".join(f"{one.invariant} {one.code} at {one.path}: {one.what}" for one in found)
        assert not found, f"fsck: {told}"

    def _is_asked_for(self, finding):
        """A person deleted that record, and it is nowhere; or the test says that just this is left to a person."""
        gone = finding.job in self.removed and finding.code == "nowhere"
        return gone or finding.code in self.left_to_people

    def recover(self, *, machine="host-z", rounds=40, step_s=140.0):
        """Faults are over: fresh workers and a controller go on until nothing moves; what is held is released."""
        worker = self.worker("w9", machine=machine)
        scanner = self.controller("controller-r", machine=machine)
        before = None
        for _ in range(rounds):
            self.turn(step_s)
            worker.sweep()
            worker.work()
            scanner.scan()
            self.check()
            for held in records_in(worker.actor, layout.HELD):
                if None not in self.manifests(held.name).values():
                    release(self.person(), held.name)
            now = self.share.tree().keys()
            at_rest = not any(
                data is not None and path.startswith(("queue/", "waiting/")) and "/." not in path
                for path, data in self.share.tree().items()
            )
            if now == before and at_rest and not self._open_attempts():
                return
            before = now

    def _open_attempts(self):
        """Attempts that somebody could still end: those whose record lies somewhere."""
        return [
            name
            for name in self.names()
            if None in self.manifests(name).values() and self.places(name)
        ]


__all__ = [
    "JOB", "START_UTC_S", "Crashed", "Run", "Seen", "TestClock", "Worker", "World", "job_of", "publish_once", "verdict_of",
]  # fmt: skip
