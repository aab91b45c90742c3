"""A card that never waits: what comes next is chosen while a job is in work, and what was made goes to the share behind the next one."""

import errno
import threading
from datetime import UTC, datetime

import pytest
from execution_rig import BY_HAND, JOB, Played, product, until_interrupted

from spoolctl.spool import (
    SETTINGS_SCHEMA,
    Code,
    Settings,
    attempt,
    attempt_numbers,
    cancel,
    create_spool,
    hold,
    open_spool,
)
from spoolworker import agent as agent_module
from spoolworker.agent import Agent
from spoolworker.backends.base import Abilities, BackendError
from spoolworker.choosing import Chooser
from spoolworker.config import Config
from spoolworker.stopping import Stopping

QUICK = {"heartbeat_s": 0.2, "sweep_s": 0.1, "poll_s": 0.05, "settle_s": 0.1}


class Backend(Played):
    """Does with each job what a test says, by the job's name; the rest succeeds at once."""

    def __init__(self, acts):
        super().__init__(lambda order, watch: acts.get(order.title, product)(order, watch))

    def probe(self):
        return Abilities(self.name, "1", ("txt2img",), None)

    def misfits(self, _stages):
        return ()


class Desk:
    """A spool and worker ``attic``. ``events`` tells what was claimed and what ended, in this order."""

    def __init__(self, folder, monkeypatch, *, sick_after=3):
        self.root = folder / "spool"
        moment = datetime(2026, 11, 20, tzinfo=UTC)
        create_spool(
            self.root,
            Settings(
                schema_=SETTINGS_SCHEMA,
                spool_id="spool-test",
                created_at=moment,
                tokens={"nas": 1},
                **QUICK,
            ),
        )
        self.person = open_spool(self.root, name="person-ann")
        self.acts, self.events, self.stopping = {}, [], Stopping()
        monkeypatch.setattr(agent_module, "open_backend", lambda *_, **__: Backend(self.acts))
        config = Config(
            spool=self.root, name="attic", scratch=folder / "s", log_folder=folder, drain=True, sick_after=sick_after
        )  # fmt: skip
        self.worker = Agent(config, self.stopping, self._log)
        self.actor = self.worker._actor
        self.ahead = self.worker._succession._ahead
        self._tidied, tidy = threading.Condition(), self.ahead._tidy

        def tidied():
            with self._tidied:
                self._tidied.notify_all()
            return tidy()

        self.ahead._tidy = tidied

    def _log(self, event, **facts):
        if event in {"claimed", "job.ended"}:
            self.events.append((event, facts["job"]))

    def drop(self, name, keys="", queue="normal"):
        data = JOB.decode().replace("workload:", f"{keys}workload:", 1)
        (self.root / "queue" / queue / f"{name}.yaml").write_text(data)

    def until_chosen(self, name):
        """For the thread of the backend: go on once the worker has chosen its next job."""

        def is_chosen():
            looking = self.ahead._looking
            chosen = looking.chosen if looking else None
            return chosen is not None and chosen.ready.location.name == name

        with self._tidied:
            assert self._tidied.wait_for(is_chosen, BY_HAND), "it chose nothing"

    def until_looked_again(self):
        """Go on once a look that began after this call is over."""
        with self._tidied:
            for _ in range(3):
                assert self._tidied.wait(BY_HAND)

    def live(self):
        assert self.worker.run() == 0

    def verdicts(self, name):
        numbers = sorted(attempt_numbers(self.person, name))
        found = [attempt(self.person, name, number).verdict for number in numbers]
        return [one.verdict.value if one else None for one in found]

    def gate_deliveries(self, name):
        """No output of that job reaches the share until the returned event is set."""
        gate, store = threading.Event(), self.actor.files.store

        def gated(local, path):
            if f"/{name}/" in path:
                assert gate.wait(BY_HAND)
            store(local, path)

        self.actor.files.store = gated
        return gate


@pytest.fixture
def desk(tmp_path, monkeypatch):
    return Desk(tmp_path, monkeypatch)


def then_chosen(desk, name):
    """An act: leave a product once the worker has chosen *name* to come next."""

    def act(order, watch):
        desk.until_chosen(name)
        return product(order)

    return act


def test_the_next_job_is_in_work_while_the_last_ones_images_go_to_the_share(desk):
    for name in ("a", "b"):
        desk.drop(name)
    gate = desk.gate_deliveries("a")

    def second(order, _watch):
        assert desk.verdicts("a") == [None]
        gate.set()
        return product(order)

    desk.acts["a"], desk.acts["b"] = then_chosen(desk, "b"), second

    desk.live()

    assert (desk.verdicts("a"), desk.verdicts("b")) == (["succeeded"], ["succeeded"])
    assert desk.events == [("claimed", "a"), ("claimed", "b"), ("job.ended", "a"), ("job.ended", "b")]  # fmt: skip
    assert not list((desk.root / "claimed").glob("*/*.yaml"))


def test_at_most_one_job_is_on_its_way_to_the_share(desk):
    for name in ("a", "b", "c"):
        desk.drop(name)
    gate = desk.gate_deliveries("a")
    wait = desk.worker._succession._wait_for_behind
    open_then = []

    def waited():
        open_then.append([name for name in "abc" if None in desk.verdicts(name)])
        if open_then[-1] == ["a", "b"]:
            gate.set()
        wait()

    desk.worker._succession._wait_for_behind = waited
    desk.acts["a"], desk.acts["b"] = then_chosen(desk, "b"), then_chosen(desk, "c")

    desk.live()

    assert ["a", "b"] in open_then
    assert max(map(len, open_then)) == 2
    assert [name for event, name in desk.events if event == "job.ended"] == ["a", "b", "c"]


def test_what_was_chosen_is_not_claimed_if_somebody_held_it_meanwhile(desk):
    desk.drop("a")
    desk.drop("b")

    def act(order, _watch):
        desk.until_chosen("b")
        hold(desk.person, "b")
        return product(order)

    desk.acts["a"] = act

    desk.live()

    assert desk.verdicts("b") == []
    assert [path.name for path in (desk.root / "held").glob("*.yaml")] == ["b.yaml"]


def test_what_was_chosen_and_cancelled_meanwhile_does_not_run(desk):
    desk.drop("a")
    desk.drop("b")

    def act(order, _watch):
        desk.until_chosen("b")
        cancel(desk.person, "b")
        return product(order)

    desk.acts["a"] = act

    desk.live()

    assert desk.verdicts("b") == ["cancelled"]
    assert ("claimed", "b") not in desk.events


def test_what_is_more_urgent_takes_the_place_of_what_was_chosen(desk):
    desk.drop("a")
    desk.drop("b")

    def act(order, _watch):
        desk.until_chosen("b")
        desk.drop("urgent", queue="interactive")
        desk.until_chosen("urgent")
        return product(order)

    desk.acts["a"] = act

    desk.live()

    assert [name for event, name in desk.events if event == "claimed"] == ["a", "urgent", "b"]


def test_a_verdict_on_what_failed_is_published_before_anything_else_is_claimed(desk):
    desk.drop("a")
    desk.drop("b")

    def act(order, _watch):
        desk.until_chosen("b")
        raise BackendError(Code.BACKEND_REJECTED, "no")

    desk.acts["a"] = act

    desk.live()

    assert desk.events[:3] == [("claimed", "a"), ("job.ended", "a"), ("claimed", "b")]


def test_a_worker_that_may_be_sick_waits_for_each_verdict(tmp_path, monkeypatch):
    """What is found only by the check of its images would come too late to keep it from the next job."""
    desk = Desk(tmp_path, monkeypatch, sick_after=1)
    desk.drop("a")
    desk.drop("b")

    def act(order, _watch):
        desk.until_chosen("b")
        return product(order, images=1)

    desk.acts["a"] = act

    desk.live()

    assert desk.verdicts("a") == ["failed"]
    assert desk.events == [("claimed", "a"), ("job.ended", "a")]


def test_a_worker_that_was_told_to_finish_claims_nothing_of_what_it_chose(desk):
    desk.drop("a")
    desk.drop("b")

    def act(order, _watch):
        desk.until_chosen("b")
        desk.stopping.ask()
        return product(order)

    desk.acts["a"] = act

    desk.live()

    assert (desk.verdicts("a"), desk.verdicts("b")) == (["succeeded"], [])


def test_told_to_go_now_it_hands_back_what_is_in_work_and_delivers_what_is_complete(desk):
    desk.drop("a")
    desk.drop("b")
    gate = desk.gate_deliveries("a")

    def second(_order, watch):
        desk.stopping.ask()
        desk.stopping.ask()
        assert watch.interrupted.wait(BY_HAND)
        gate.set()
        return until_interrupted(watch)

    desk.acts["a"], desk.acts["b"] = then_chosen(desk, "b"), second

    desk.live()

    assert (desk.verdicts("a"), desk.verdicts("b")) == (["succeeded"], ["returned"])


def test_while_the_share_is_full_it_ends_what_is_in_work_and_claims_no_more(desk):
    for name in ("a", "b", "c"):
        desk.drop(name)
    store, full = desk.actor.files.store, threading.Event()
    hand_back, claimed_then = desk.stopping.hand_back, []

    def refused(local, path):
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        store(local, path)

    def waited(_timeout=None):
        if ended.is_set():
            claimed_then.append([name for event, name in desk.events if event == "claimed"])
            full.clear()
        return False

    ended = threading.Event()
    desk.actor.files.store, hand_back.wait = refused, waited
    wait = desk.worker._succession._wait_for_behind

    def wait_for_behind():
        if desk.worker._succession._behind is not None:
            ended.set()
        wait()

    def first(order, _watch):
        desk.until_chosen("b")
        full.set()
        return product(order)

    desk.worker._succession._wait_for_behind = wait_for_behind
    desk.acts["a"], desk.acts["b"] = first, then_chosen(desk, "c")

    desk.live()

    assert claimed_then[0] == ["a", "b"]
    assert [desk.verdicts(name) for name in "abc"] == [["succeeded"]] * 3


def test_a_cancel_stops_what_is_in_work_and_not_what_is_being_delivered(desk):
    desk.drop("a")
    desk.drop("b")
    gate = desk.gate_deliveries("a")

    def second(_order, watch):
        cancel(desk.person, "b")
        assert watch.interrupted.wait(BY_HAND)
        gate.set()
        return until_interrupted(watch)

    desk.acts["a"], desk.acts["b"] = then_chosen(desk, "b"), second

    desk.live()

    assert (desk.verdicts("a"), desk.verdicts("b")) == (["succeeded"], ["cancelled"])


def test_a_job_whose_token_the_one_in_work_holds_is_next_as_soon_as_that_has_its_verdict(
    desk, monkeypatch
):
    """Passed over for seconds, as for a token of others, the card had nothing to do."""
    for name in ("a", "b"):
        desk.drop(name, "requires: {tokens: [nas]}\n")
    look, claimed = Chooser.look, []

    def looked(chooser, **how):
        found = look(chooser, **how)
        if not how.get("ahead"):
            claimed.append(found.claimed.name if found.claimed else None)
        return found

    def act(order, _watch):
        desk.until_looked_again()
        return product(order)

    monkeypatch.setattr(Chooser, "look", looked)
    desk.acts["a"] = act

    desk.live()

    assert claimed[:2] == ["a", "b"]


def test_a_look_that_goes_wrong_is_told_and_the_next_one_is_made(desk):
    desk.drop("a")
    desk.drop("b")
    look, told = desk.ahead._look, []

    def fails_once():
        if not told:
            told.append(1)
            raise ZeroDivisionError
        return look()

    desk.ahead._look = fails_once
    desk.acts["a"] = then_chosen(desk, "b")

    desk.live()

    assert desk.verdicts("b") == ["succeeded"]


def test_what_the_next_job_needs_is_fetched_while_the_one_before_is_in_work(desk):
    desk.drop("a")
    (desk.root / "inputs" / "sketch.png").write_bytes(b"a picture")
    desk.drop("b", "inputs: [{path: inputs/sketch.png}]\n")
    fetch, fetched_by = desk.actor.files.fetch, []

    def fetched(path, target):
        fetched_by.append(threading.current_thread().name)
        return fetch(path, target)

    def first(order, _watch):
        desk.until_chosen("b")
        desk.until_looked_again()
        return product(order)

    def second(order, _watch):
        assert [path.read_bytes() for path in order.inputs] == [b"a picture"]
        return product(order)

    desk.actor.files.fetch = fetched
    desk.acts["a"], desk.acts["b"] = first, second

    desk.live()

    assert desk.verdicts("b") == ["succeeded"]
    assert fetched_by == ["ahead"]
    assert not list((desk.root.parent / "s").glob("attempts-*/*"))


def test_inputs_that_are_not_there_are_the_jobs_own_failure_and_nobody_elses(desk):
    desk.drop("a")
    desk.drop("b", "inputs: [{path: inputs/nothing.png}]\n")

    def first(order, _watch):
        desk.until_chosen("b")
        desk.until_looked_again()
        return product(order)

    desk.acts["a"] = first

    desk.live()

    assert (desk.verdicts("a"), desk.verdicts("b")) == (["succeeded"], ["failed"])


def test_what_was_fetched_for_a_job_that_another_took_is_removed(desk):
    desk.drop("a")
    (desk.root / "inputs" / "sketch.png").write_bytes(b"a picture")
    desk.drop("b", "inputs: [{path: inputs/sketch.png}]\n")
    here = []

    def first(order, _watch):
        desk.until_chosen("b")
        desk.until_looked_again()
        here.extend((desk.root.parent / "s").glob("attempts-*/next-*/*"))
        cancel(desk.person, "b")
        return product(order)

    desk.acts["a"] = first

    desk.live()

    assert len(here) == 1
    assert not list((desk.root.parent / "s").glob("attempts-*/*"))
