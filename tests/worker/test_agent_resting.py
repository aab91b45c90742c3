"""A worker that rests: outside its hours, paused, while its machine is in use; and how it works again without a restart."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from spoolctl.spool import (
    SETTINGS_SCHEMA,
    Heartbeat,
    Settings,
    ask_worker,
    attempt,
    attempt_numbers,
    create_spool,
    decode,
    nodes,
    open_spool,
    resume_worker,
)
from spoolworker import agent as agent_module
from spoolworker.agent import Agent
from spoolworker.availability import InputSeen, PauseFile
from spoolworker.config import Config
from spoolworker.stopping import Stopping

JOB = """\
schema: spool.job/1
workload:
  kind: image
  stages:
    - {stage: txt2img, prompt: a lighthouse, seed: 7, width: 64, height: 64}
...
"""
QUICK = {"heartbeat_s": 0.2, "sweep_s": 0.1, "poll_s": 0.05, "settle_s": 0.1}
LONG = {"seconds_per_image": "600"}


class Desk:
    """A spool, and the lives of worker ``attic``; what happens at an event is done in the thread that logs it."""

    def __init__(self, folder):
        self.root, self._folder = folder / "spool", folder
        moment = datetime(2026, 11, 20, tzinfo=UTC)
        create_spool(
            self.root,
            Settings(schema_=SETTINGS_SCHEMA, spool_id="spool-test", created_at=moment, **QUICK),
        )
        self.person = open_spool(self.root, name="person-ann")
        self.stopping = Stopping()
        self.pause = PauseFile(folder / "pause-attic.json")
        self.events, self.at = [], {}
        self.failed = []

    def drop(self, name):
        (self.root / "queue" / "normal" / f"{name}.yaml").write_text(JOB)

    def live(self, *, options=None, **configured):
        config = Config(
            spool=self.root, name="attic", scratch=self._folder / "s", log_folder=self._folder,
            backend_options=options or {}, **{"drain": True, **configured},
        )  # fmt: skip
        assert Agent(config, self.stopping, self._log).run() == 0

    def _log(self, event, **facts):
        self.events.append((event, facts))
        self.at.pop((event, self.count(event)), lambda: None)()

    def count(self, event):
        return sum(1 for one, _ in self.events if one == event)

    def end(self):
        self.stopping.ask()
        self.stopping.ask()

    def beat(self) -> Heartbeat:
        found = nodes(self.person)["attic"][1]
        assert found is not None
        return found

    def verdicts(self, name):
        numbers = attempt_numbers(self.person, name)
        found = [attempt(self.person, name, number).verdict for number in sorted(numbers)]
        return [(one.verdict.value, one.message) for one in found if one is not None]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def other_day():
    """Hours of this week that are neither now nor in a moment."""
    return f"{datetime.now().astimezone() + timedelta(days=3):%a} all day"


def test_outside_its_hours_it_claims_nothing_and_its_heartbeat_and_card_say_so(desk):
    desk.drop("one")
    beats = []

    def tidied():
        beats.append(desk.beat())
        desk.end()

    class Look(Agent):
        """Ends at the second tidying, when the first has told its state."""

        def _tidy_if_due(self):
            moved = super()._tidy_if_due()
            self._life.beat()
            if self._availability.rest is not None and not beats:
                tidied()
            return moved

    config = Config(
        spool=desk.root, name="attic", scratch=desk.root.parent / "s", log_folder=desk.root.parent,
        availability={"hours": [other_day()]},
    )  # fmt: skip
    assert Look(config, desk.stopping, desk._log).run() == 0

    assert desk.count("claimed") == 0
    (beat,) = beats
    assert beat.state == "closed"
    assert beat.rests.startswith("closed until ")
    assert beat.closes_in_s == 0
    assert 86_400 < beat.opens_in_s <= 3 * 86_400 + 3600


def test_a_pause_on_its_machine_hands_the_job_back_and_its_end_lets_it_work_again(desk):
    """Without a restart, and without a person at the share."""
    desk.drop("one")
    desk.at["claimed", 1] = lambda: desk.pause.path.write_text('{"now": true, "by": "ann"}')
    desk.at["job.ended", 1] = desk.pause.remove
    desk.at["claimed", 2] = desk.end

    desk.live(options=LONG)

    assert desk.verdicts("one") == [
        ("returned", "paused on this machine by ann"),
        ("returned", "the worker was told to stop"),
    ]
    assert [facts for event, facts in desk.events if event == "worker.rests"] == [
        {"state": "paused", "why": "paused on this machine by ann", "now": True}
    ]


def test_a_pause_from_the_share_hands_the_job_back_now_and_lasts_until_resumed(desk):
    desk.drop("one")
    desk.at["claimed", 1] = lambda: ask_worker(desk.person, "attic", "pause", now=True)
    desk.at["job.ended", 1] = lambda: resume_worker(desk.person, "attic")
    desk.at["claimed", 2] = desk.end

    desk.live(options=LONG)

    assert desk.verdicts("one")[0] == ("returned", "paused by person-ann")
    assert desk.count("worker.resumed") == 1


def test_a_worker_that_was_paused_by_the_share_and_is_started_anew_claims_nothing_first(
    desk, monkeypatch
):
    """It used to hear of requests at its first heartbeat or tidying, which a claim may be ahead of."""
    desk.live()
    ask_worker(desk.person, "attic", "pause")
    desk.drop("one")
    monkeypatch.setattr(agent_module.Pulse, "start", lambda _pulse: None)
    monkeypatch.setattr(agent_module.Pulse, "stop", lambda _pulse: None)
    desk.at["worker.rests", 1] = desk.end
    desk.at["claimed", 1] = desk.end

    desk.live()

    assert desk.count("claimed") == 0


def test_a_pause_without_now_lets_the_job_end(desk):
    desk.drop("one")
    desk.drop("two")
    desk.at["claimed", 1] = lambda: desk.pause.path.write_text("")
    desk.at["job.ended", 1] = desk.stopping.ask

    desk.live()

    assert desk.verdicts("one") == [("succeeded", None)]
    assert desk.verdicts("two") == []


def test_a_drain_now_hands_the_job_back_and_ends_the_worker(desk):
    desk.drop("one")
    desk.at["claimed", 1] = lambda: ask_worker(desk.person, "attic", "drain", now=True)

    desk.live(options=LONG)

    assert desk.verdicts("one") == [("returned", "the worker was told to stop")]


def test_while_its_machine_is_in_use_it_waits_and_then_works(desk, monkeypatch):
    seen = [InputSeen(5.0)]
    monkeypatch.setattr(agent_module, "read_input", lambda _now: seen[-1])
    desk.at["worker.rests", 1] = lambda: seen.append(InputSeen(math.inf))
    desk.drop("one")

    desk.live(
        availability={"while_in_use": "finish", "input_idle_s": 60, "resume_after_s": 0},
    )

    assert desk.verdicts("one") == [("succeeded", None)]
    told = [event for event, _ in desk.events]
    assert told.index("worker.rests") < told.index("worker.resumed") < told.index("claimed")


def test_a_worker_for_one_job_does_not_leave_before_it_knows_whether_its_machine_is_in_use(
    desk, monkeypatch
):
    monkeypatch.setattr(agent_module, "read_input", lambda _now: InputSeen(None, "no logind"))
    desk.drop("one")

    desk.live(
        once=True, drain=False, availability={"while_in_use": "stop", "input_idle_s": 60},
    )  # fmt: skip

    assert desk.verdicts("one") == [("succeeded", None)]
    assert [facts for event, facts in desk.events if event == "use.unknown"] == [
        {"setting": "input_idle_s", "problem": "no logind"}
    ]


def test_a_heartbeat_of_a_worker_without_hours_says_nothing_of_them(desk):
    desk.drop("one")

    desk.live()

    raw = (desk.root / "nodes" / "attic.heartbeat.json").read_bytes()
    assert b"closes_in_s" not in raw
    assert decode(Heartbeat, raw).rests is None
