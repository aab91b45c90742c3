"""A small world for tests: one share in memory, clocks that tests turn, and actors that use the real steps.

``World.check`` is the invariants' checker: it looks at nothing but the share's tree (and at what ran), and raises
``AssertionError`` with the number of the invariant that does not hold.
"""

import functools
import hashlib
import itertools
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import ClassVar

from spoolctl.controller.scanner import Scanner
from spoolctl.spool import (
    BadRecord,
    Facts,
    Host,
    Life,
    Location,
    Manifest,
    Settings,
    Verdict,
    decode,
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


@functools.lru_cache(maxsize=4096)
def verdict_of(data):
    """The manifest in these bytes; remembered, because the checker reads the same ones again and again."""
    try:
        return decode(Manifest, data)
    except BadRecord as error:
        raise AssertionError(f"I2: a verdict that is not whole: {error}") from error


@functools.lru_cache(maxsize=4096)
def job_of(entry):
    """The job whose record a file of that name is; None if it is no record's."""
    file = parse_file_name(entry)
    return None if file is None else file.name


@dataclass
class Seen:
    """All that the share shows of one job."""

    places: list[str] = field(default_factory=list)
    entries: dict[str, bytes | None] = field(default_factory=dict)
    """What lies in its results folder, by its path there."""
    corpus: bytes = b""

    def manifests(self):
        """The verdicts on its attempts by their number, None for an open one."""
        found = {}
        for entry in self.entries:
            number = layout.attempt_number(entry)
            if number is not None:
                data = self.entries.get(f"{entry}/{layout.MANIFEST}")
                found[number] = verdict_of(data) if data is not None else None
        return dict(sorted(found.items()))


def check_chain(name, manifests):
    """I4 and I5 in what the verdicts say: an attempt lists its own outputs only, and no budget is given back unasked."""
    for before, manifest in itertools.pairwise([None, *manifests]):
        if manifest is None:
            continue
        own = f"a{manifest.adopted_from or manifest.attempt}/"
        listed = [output.path for output in manifest.outputs]
        assert all(path.startswith(own) for path in listed), f"I4: {name} lists {listed}"
        if before is not None and not before.final:
            pairs = zip(spent(before), spent(manifest), strict=True)
            kept = all(was <= now for was, now in pairs)
            assert kept, f"I5: {name} counts {spent(before)}, then {spent(manifest)}"


def spent(manifest):
    """How much of each budget is spent."""
    return (manifest.counts.failures, manifest.counts.crashes, manifest.counts.deferrals)


def seen_in(tree):
    """What a tree shows of each job, gone through once."""
    found: dict[str, Seen] = {}
    states = set(layout.State)
    for path, data in tree.items():
        top, _, rest = path.partition("/")
        if top in states:
            name = job_of(path.rpartition("/")[2]) if data is not None else None
            if name is not None:
                found.setdefault(name, Seen()).places.append(path)
        elif top == layout.RESULTS and rest.count("/") > 0:
            _, name, *below = rest.split("/", 2)
            seen = found.setdefault(name, Seen())
            if below:
                seen.entries[below[0]] = data
    for name, seen in found.items():
        seen.corpus = tree.get(layout.part(layout.CORPUS, name)) or b""
    return found


def _copied(folder):
    entries = {
        name: _copied(entry) if hasattr(entry, "entries") else entry
        for name, entry in folder.entries.items()
    }
    return replace(folder, entries=entries)


class World:
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
        self._pid = 100
        self._manifests: dict[str, bytes] = {}
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
        other.dead, other.removed, other.copied = {*self.dead}, {*self.removed}, {*self.copied}
        return other

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
        folder, _, entry = path.rpartition("/")
        state, _, part = folder.partition("/")
        return Location(layout.Place(layout.State(state), part), parse_file_name(entry))

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

    # The invariants

    def names(self):
        return set(seen_in(self.share.tree()))

    def check(self):
        """Every invariant that can be seen on the share."""
        tree = self.share.tree()
        for path, data in tree.items():
            if path.endswith(f"/{layout.MANIFEST}"):
                before = self._manifests.setdefault(path, data)
                assert before == data, f"I3: {path} was changed"
        for path in self._manifests.keys() - tree.keys():
            tombstone = f"{path.rsplit('/', 2)[0]}/{layout.PRUNED}"
            assert tombstone in tree, f"I3: {path} was removed"
        for name, seen in seen_in(tree).items():
            self.check_job(name, seen)

    def _check_job(self, name, tree):
        self.check_job(name, seen_in(tree).get(name, Seen()))

    def check_job(self, name, seen):
        """Every invariant of one job."""
        places = seen.places
        if name not in self.copied:
            assert len(places) <= 1, f"I1: {name} lies in {places}"
        pruned = layout.PRUNED in seen.entries
        if name not in self.removed and not pruned:
            assert places, f"I5: {name} is lost"
        runs = [run for run in self.runs if run.name == name]
        taken = [run.attempt for run in runs]
        assert len(taken) == len(set(taken)), f"I3: {name} ran attempts {taken}"
        ids = [json.loads(line)["run_id"] for line in seen.corpus.splitlines()]
        assert len(ids) == len(set(ids)), f"I10: {name} twice in the corpus"
        if pruned:
            return
        manifests = seen.manifests()
        pinned = seen.entries.get(layout.RECORD)
        for run in runs:
            assert run.data == pinned, f"I9: {name} ran other bytes"
        numbers = list(manifests)
        assert numbers == list(range(1, len(numbers) + 1)), f"I4: {name} has attempts {numbers}"
        still_open = [n for n, m in manifests.items() if m is None]
        assert still_open in ([], numbers[-1:]), f"I3: {name} has open attempts {still_open}"
        check_chain(name, list(manifests.values()))
        commits = [n for n, m in manifests.items() if m and m.verdict is Verdict.SUCCEEDED]
        assert commits in ([], numbers[-1:]), f"I3: {name} is committed by {commits} of {numbers}"
        for manifest in manifests.values():
            if manifest and manifest.record_sha256:
                assert pinned is not None, f"I9: {name} has a verdict and no pinned record"
                assert manifest.record_sha256 == hashlib.sha256(pinned).hexdigest(), f"I9: {name}"
        if ids:
            assert commits, f"I10: {name} is in the corpus and was never committed"
            for output in manifests[commits[0]].outputs:
                data = seen.entries.get(output.path)  # None: retention took it
                good = data is None or hashlib.sha256(data).hexdigest() == output.sha256
                assert good, f"I10: {name} is in the corpus with a damaged image"

    def check_ended(self, *names):
        """I5 and I10 once everything is over: each job rests, and the corpus has what was committed."""
        self.check()
        tree = self.share.tree()
        seen = seen_in(tree)
        for name in names or sorted(seen.keys() - self.removed):
            self._check_rests(name, seen.get(name, Seen()))
        compiled = tree.get("corpus/learning_records.jsonl", b"").splitlines()
        parts = [
            line
            for path, data in tree.items()
            if data is not None and path.startswith("corpus/parts/") and "/." not in path
            for line in data.splitlines()
        ]
        assert sorted(compiled) == sorted(parts), "I10: the compiled corpus is not its parts"

    def _check_rests(self, name, seen):
        if layout.PRUNED in seen.entries and not seen.places:
            return
        assert len(seen.places) == 1, f"I1: {name} lies in {seen.places}"
        state = seen.places[0].rpartition("/")[0]
        assert state.split("/")[0] in ("done", "failed", "cancelled"), (
            f"I5: {name} rests in {state}"
        )
        manifests = list(seen.manifests().values())
        if manifests:
            last = manifests[-1]
            assert last is not None, f"I5: {name} rests in {state} with an open attempt"
            images = [output for output in last.outputs if output.final and last.succeeded]
            assert len(seen.corpus.splitlines()) == len(images), f"I10: {name} is not merged whole"

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
            at_rest = not any(self.files(p.folder) for p in (*layout.QUEUES, layout.WAITING))
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


__all__ = ["JOB", "START_UTC_S", "Crashed", "Run", "TestClock", "Worker", "World", "publish_once"]
