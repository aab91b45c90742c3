"""Workers that die, freeze and come back, and observers that cannot see."""

import dataclasses
import time

from processes import SHORT_LEASE, digest, job_text, snapshot, wait_for

from spoolctl.spool import Life, Sweeper, begin_session, layout
from spoolworker import agent
from spoolworker.config import Config
from spoolworker.stopping import Stopping

GONE, SILENT = ("lost", "process_gone"), ("lost", "no_heartbeat")
DONE = ("succeeded", None)


def test_s06_worker_killed_on_the_same_machine(scene):
    """ "`kill -9` of a worker at work: the attempt ends as lost, the next runs elsewhere, is committed once, the corpus
    has its records once. Same machine: within 5 s."
    """
    scene.drop("portrait", job_text(count=2))
    first = scene.worker("w1", seconds_per_image=600)
    scene.wait_for(lambda: scene.runs("portrait"), "w1 at work")
    second = scene.worker("w2")
    scene.wait_for(lambda: second.events("worker.started"), "w2")
    first.kill()
    scene.wait_for_rest(["portrait"], states=("finished",))
    assert scene.verdicts("portrait") == [GONE, DONE], "it waited for the lease"
    lost, won = scene.manifests("portrait").values()
    assert (lost.worker, won.worker) == ("w1", "w2")
    assert won.counts.crashes == 1
    assert won.counts.failures == 0
    scene.merge()
    scene.check(["portrait"])


def test_s06_worker_killed_on_another_machine(open_scene):
    """ "Other machine: within the lease and one sweep." """
    scene = open_scene(**SHORT_LEASE)
    scene.drop("portrait")
    first = scene.worker("w1", elsewhere=True, seconds_per_image=600)
    scene.wait_for(lambda: scene.runs("portrait"), "w1 at work")
    second = scene.worker("w2")
    scene.wait_for(lambda: second.events("worker.started"), "w2")
    first.kill()
    scene.wait_for_rest(["portrait"], states=("finished",))
    assert scene.verdicts("portrait") == [SILENT, DONE]
    scene.merge()
    scene.check(["portrait"])


def test_s07_zombie(open_scene):
    """ "A worker is frozen beyond its lease, its job re-runs; then it wakes and finishes: its attempt stays lost, its
    files stay as evidence, the new attempt's files are untouched, it stops at its next heartbeat."
    """
    scene = open_scene(**SHORT_LEASE)
    scene.drop("drawing", job_text(requires={"tags": ["slow"]}))
    scene.drop("delivering", job_text(count=6, requires={"tags": ["quick"]}))
    drawing = scene.worker(
        "w1", "--tag", "slow", "--tag", "w1", elsewhere=True, seconds_per_image=600
    )
    delivering = scene.worker("w2", "--tag", "quick", elsewhere=True, stands_at="rename:*.png:3")
    scene.wait_for(lambda: scene.runs("drawing"), "w1 at work")
    drawing.freeze()
    scene.wait_for(lambda: len(scene.images("delivering", 1)) == 2, "w2's first images")
    delivering.freeze()
    scene.go_on("w2")
    assert scene.verdicts("delivering") == [None]

    both = ["drawing", "delivering"]
    scene.worker("w3", "--tag", "slow", "--tag", "quick")
    scene.wait_for_rest(both, states=("finished",))
    assert [scene.verdicts(name) for name in both] == [[SILENT, DONE]] * 2
    new = {name: snapshot(scene.attempt(name, 2)) for name in both}
    verdicts = {name: digest(scene.attempt(name, 1) / layout.MANIFEST) for name in both}

    drawing.thaw()
    delivering.thaw()
    noticed = ("pulse.standing", "execution.superseded")  # whichever thread is awake first
    scene.wait_for(lambda: drawing.events(*noticed), "w1 to notice")
    superseded = scene.attempt("delivering", 1) / "superseded.yaml"
    scene.wait_for(superseded.exists, "what w2 would have said")
    assert len(scene.images("delivering", 1)) == 6
    scene.drop("next", job_text(requires={"tags": ["w1"]}))
    scene.wait_for(lambda: scene.runs("next"), "w1, its backend stopped, to claim again")
    for name in both:
        assert snapshot(scene.attempt(name, 2)) == new[name]
        assert digest(scene.attempt(name, 1) / layout.MANIFEST) == verdicts[name]
        assert scene.verdicts(name) == [SILENT, DONE]


def test_s19_a_sweeper_leaves_a_session_alone_that_is_just_beginning(scene, monkeypatch):
    """A restarted worker made its session's folder before its first heartbeat. A sweeper that came in between read its
    former life's farewell, took the new folder for a dead session's and removed it: the worker then ended with "not found".
    """
    observer = Sweeper(scene.actor("observer"), Life(scene.actor("observer"), "worker"))
    begun = []

    def begin_session_then_be_swept(actor):
        begin_session(actor)
        observer.sweep()
        begun.append((scene.root / "claimed" / actor.session / ".session").exists())

    monkeypatch.setattr(agent, "begin_session", begin_session_then_be_swept)
    for _ in range(2):
        scratch, logs = scene.folder / "scratch", scene.folder / "logs"
        stopping = Stopping()
        stopping.ask()
        config = Config(spool=scene.root, name="w1", scratch=scratch, log_folder=logs)
        assert agent.Agent(config, stopping, lambda _event, **_facts: None).run() == 0
    assert begun == [True, True]


class Blind:
    """The share as seen by somebody to whom one folder answers nothing, or nothing true."""

    def __init__(self, files, folder, *, fails):
        self._files, self._folder, self._fails = files, folder, fails

    def __getattr__(self, name):
        return getattr(self._files, name)

    def names(self, folder):
        if folder != self._folder:
            return self._files.names(folder)
        if self._fails:
            raise PermissionError(13, "cannot be listed", folder)
        return ()


@dataclasses.dataclass
class Skewed:
    """A clock that is wrong by an hour."""

    real: object
    by_s: float

    def mono(self):
        return self.real.mono() + self.by_s

    def utc_s(self):
        return self.real.utc_s() + self.by_s


def test_s08_blind_observer(open_scene):
    """ "Listing `nodes/` or `claimed/` fails, comes back empty, or clocks differ by an hour: nobody is reaped, and the
    log says why."
    """
    lease_s = SHORT_LEASE["lease_s"]
    scene = open_scene(**SHORT_LEASE)
    scene.drop("frozen", job_text(requires={"tags": ["a"]}))
    scene.drop("alive", job_text(requires={"tags": ["b"]}))
    frozen = scene.worker("w1", "--tag", "a", elsewhere=True, seconds_per_image=600)
    scene.worker("w2", "--tag", "b", elsewhere=True, seconds_per_image=600)
    scene.wait_for(lambda: scene.runs("frozen") and scene.runs("alive"), "both at work")
    frozen.freeze()

    observers = {}
    logs = {}
    for folder in (layout.NODES, "claimed"):
        for fails in (True, False):
            key = f"{folder} {'fails' if fails else 'empty'}"
            told = logs[key] = []
            actor = scene.actor(
                f"observer-{len(observers)}",
                log=lambda event, told=told, **facts: told.append(event),
                wrap=lambda files, f=folder, b=fails: Blind(files, f, fails=b),
            )
            observers[key] = Sweeper(actor, Life(actor, "worker"))
    until = time.monotonic() + 2.3 * lease_s

    def all_looked():
        for one in observers.values():
            one.sweep()
        return time.monotonic() > until

    wait_for(all_looked, "more than two leases of sweeps")
    assert scene.verdicts("frozen") == [None]
    assert "reap.blind" in logs["nodes fails"]
    assert "reap.blind" in logs["nodes empty"]
    assert "sweep.trouble" in logs["claimed fails"]
    # An empty claimed/ is nothing odd, so nothing is said of it; nothing is concluded from it either.

    for by_s in (3600.0, -3600.0):
        actor = scene.actor(f"observer-{len(observers)}")
        actor = dataclasses.replace(actor, clock=Skewed(actor.clock, by_s))
        observers[str(by_s)] = Sweeper(actor, Life(actor, "worker"))
    until = time.monotonic() + 2.3 * lease_s
    # Observers that see, whatever hour they believe it is, reap.
    wait_for(lambda: all_looked() and scene.verdicts("frozen") == [SILENT], "the frozen one reaped")
    assert scene.verdicts("alive") == [None], "a live worker was reaped over a clock"


def test_s10_crash_between_outputs_and_manifest(scene):
    """ "A crash between outputs and manifest leaves nothing that looks done." """
    scene.drop("portrait", job_text(count=3))
    first = scene.worker("w1", dies_at=f"link:*/{layout.MANIFEST}")
    assert first.ended() == -9
    assert len(scene.images("portrait", 1)) == 3
    assert scene.verdicts("portrait") == [None]
    assert scene.state("portrait") == "claimed"
    assert scene.merge().merged == 0
    assert scene.verdicts("portrait") == [GONE]
    assert scene.corpus() == []
    left = scene.images("portrait", 1)
    scene.worker("w2")
    scene.wait_for_rest(["portrait"], states=("finished",))
    assert scene.verdicts("portrait") == [GONE, DONE]
    assert scene.images("portrait", 1) == left
    scene.merge()
    scene.check(["portrait"])


def test_s30_adopt(open_scene):
    """ "A zombie's good images are adopted by a person: committed once, marked where they come from; adopting after a
    success is refused."
    """
    scene = open_scene(**SHORT_LEASE, retry={"attempts_max": 1, "backoff_s": 0.1, "avoid_s": 0.5})
    scene.drop("portrait", job_text(count=6))
    zombie = scene.worker("w1", elsewhere=True, stands_at="rename:*.png:3")
    scene.wait_for(lambda: len(scene.images("portrait", 1)) == 2, "w1's first images")
    zombie.freeze()
    scene.go_on("w1")
    assert scene.verdicts("portrait") == [None]
    scene.worker("w2", fail="internal")
    scene.wait_for_rest(["portrait"])
    assert scene.verdicts("portrait") == [SILENT, ("failed", "internal")]

    zombie.thaw()
    superseded = scene.attempt("portrait", 1) / "superseded.yaml"
    scene.wait_for(superseded.exists, "what w1 would have said")
    before = snapshot(scene.attempt("portrait", 1))
    assert "6 images" in scene.ctl("adopt", "portrait", "--attempt", "1")
    assert scene.verdicts("portrait")[2:] == [DONE]
    adopted = scene.manifests("portrait")[3]
    assert adopted.adopted_from == 1
    assert "succeeded" in scene.ctl("adopt", "portrait", "--attempt", "1", code=22)
    assert snapshot(scene.attempt("portrait", 1)) == before
    scene.merge()
    scene.check(["portrait"])
    assert all("a1/" in line["outputs"][0]["path"] for line in scene.corpus())
