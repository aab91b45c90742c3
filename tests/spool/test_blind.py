"""Observers that do not see, hang, or have another clock: they harm nobody, and nobody is harmed by what they miss."""

from dataclasses import dataclass

import pytest

from spoolctl.controller.ledger import compile_ledger
from spoolctl.spool import (
    Claim,
    Code,
    Outcome,
    Ownership,
    Standing,
    layout,
    prune_job,
    prune_outputs,
    records_in,
    retry,
)
from spoolctl.spool.errors import SpoolError
from spoolctl.spool.memory import Blind, Fault
from tests.spool.fault_loop import rests
from tests.spool.scenes import LATER, with_job
from tests.spool.spool_world import JOB, START_UTC_S, TestClock, World

HOW = pytest.mark.parametrize("how", list(Blind))
ANYWHERE = [
    "", "nodes", "claimed", "queue", "queue/normal", "waiting", "held", "finished", "done", "failed", "cancelled",
    "results", "results/singles/job-1", "results/singles/job-1/a1", "corpus", "rejected", "locks",
]  # fmt: skip


def _owned(**kwargs):
    world = with_job()
    worker = world.worker("w1", **kwargs)
    claimed = worker.claim()
    assert isinstance(claimed, Claim)
    return world, worker, claimed


def _watch_for_two_leases(world, observer, worker, claimed, *, beats):
    for _ in range(6):
        world.turn(120)
        if beats:
            worker.life.beat_attempt(claimed.name, claimed.number)
        observer.sweep()


# A sweeper


@HOW
@pytest.mark.parametrize("folder", ANYWHERE)
def test_a_blind_sweeper_reaps_nobody_who_lives(folder, how):
    """One that never saw a heartbeat, because an attempt's folder came back empty, once reaped a worker that beat all the time."""
    world, worker, claimed = _owned()
    observer = world.worker("w2", machine="host-b")
    observer.actor.files.blind(folder, how)
    _watch_for_two_leases(world, observer, worker, claimed, beats=True)
    world.check()
    assert world.verdicts("job-1") == [None]
    assert worker.run(claimed) is Outcome.WON
    world.recover()
    world.check_ended()
    assert world.verdicts("job-1") == ["succeeded"]


@HOW
def test_a_sweeper_that_does_not_see_its_own_heartbeat_reaps_not_even_the_dead(how):
    world, worker, claimed = _owned()
    observer = world.worker("w2", machine="host-b")
    observer.actor.files.blind("nodes", how)
    _watch_for_two_leases(world, observer, worker, claimed, beats=False)
    assert world.verdicts("job-1") == [None]
    assert world.events("reap.blind")
    observer.actor.files.sees()
    _watch_for_two_leases(world, observer, worker, claimed, beats=False)
    assert world.verdicts("job-1") == ["lost"]


def test_a_sweeper_that_cannot_write_reaps_nobody():
    world, worker, claimed = _owned()
    observer = world.worker("w2", machine="host-b")
    observer.actor.files.fail(observer.actor.files.operations, Fault.FULL, onward=True)
    _watch_for_two_leases(world, observer, worker, claimed, beats=False)
    assert world.verdicts("job-1") == [None]


def test_a_sweeper_whose_view_of_a_heartbeat_fails_now_and_then_starts_its_watch_anew():
    world, _worker, _claimed = _owned()
    observer = world.worker("w2", machine="host-b")
    files = observer.actor.files
    for _ in range(4):
        for blind in (False, False, True):
            world.turn(120)
            if blind:
                files.blind("results/singles/job-1/a1", Blind.FAILS)
            observer.sweep()
            files.sees()
    assert world.verdicts("job-1") == [None], "it never saw it unchanged for a lease"


@HOW
@pytest.mark.parametrize("folder", ANYWHERE)
def test_a_blind_sweeper_harms_no_job_at_rest_or_on_its_way(folder, how):
    for prepared in (
        with_job(),
        with_job(fail=[Code.STALLED]),
        with_job(fail=[Code.BAD_JOB]),
        with_job(work=True),
        with_job(work=True, scan=True),
    ):
        runs = len(prepared.runs)
        ended = prepared.state("job-1").split("/")[0] in ("done", "failed", "finished")
        observer = prepared.worker("w2", machine="host-b")
        observer.actor.files.blind(folder, how)
        for _ in range(5):
            prepared.turn(120)
            observer.sweep()
            prepared.check()
        prepared.recover()
        prepared.check_ended()
        rests(prepared, "job-1", "done", "failed")
        assert not ended or len(prepared.runs) == runs, "I3: it ran again, and nobody asked"


# An owner


@HOW
@pytest.mark.parametrize("folder", ANYWHERE)
def test_a_blind_owner_does_not_give_up_its_own_job(folder, how):
    world, worker, claimed = _owned()
    worker.actor.files.blind(folder, how)
    ownership = Ownership(worker.actor, claimed, worker.life)
    for _ in range(5):
        try:
            assert ownership.look() is Standing.MINE
        except OSError:
            assert how is Blind.FAILS, "an empty listing is an answer"
    worker.actor.files.sees()
    assert worker.run(claimed) is Outcome.WON
    world.recover()
    world.check_ended()


@HOW
@pytest.mark.parametrize("folder", ["", "nodes", "claimed", "queue"])
def test_a_blind_owner_whose_record_was_dragged_does_not_give_it_up_either(folder, how):
    """With its own folder seen and ``queue/`` come back empty, the record that lay in a queue was taken for deleted."""
    world, worker, claimed = _owned()
    world.share.rename(claimed.place(worker.actor).path, "queue/interactive/job-1~1.yaml")
    worker.actor.files.blind(folder, how)
    ownership = Ownership(worker.actor, claimed, worker.life)
    for _ in range(5):
        try:
            assert ownership.look() is Standing.MINE
        except OSError:
            assert how is Blind.FAILS
    worker.actor.files.sees()
    assert worker.run(claimed) is Outcome.WON


def test_an_owner_whose_sight_comes_and_goes_needs_two_good_looks_in_a_row():
    world, worker, claimed = _owned()
    world.removed.add("job-1")
    world.share.unlink(claimed.place(worker.actor).path)
    ownership = Ownership(worker.actor, claimed, worker.life)
    worker.actor.files.blind("claimed", Blind.EMPTY)
    assert [ownership.look() for _ in range(3)] == [Standing.MINE] * 3
    worker.actor.files.sees()
    assert ownership.look() is Standing.MINE
    world.turn(10)
    assert ownership.look() is Standing.RECORD_REMOVED


# The controller


@HOW
@pytest.mark.parametrize("folder", ANYWHERE)
@pytest.mark.parametrize("state", ["finished", "done", "failed"])
def test_a_blind_controller_merges_nothing_twice_and_loses_nothing(folder, how, state):
    prepared = {
        "finished": lambda: with_job(work=True),
        "done": lambda: with_job(work=True, scan=True),
        "failed": lambda: with_job(fail=[Code.BAD_JOB]),
    }
    world = prepared[state]()
    scanner = world.controller("controller-1")
    scanner._actor.files.blind(folder, how)
    for _ in range(4):
        world.turn(1800)
        scanner.scan()
        world.check()
    if state == "done":
        compiled = world.share.tree()["corpus/learning_records.jsonl"]
        assert len(compiled.splitlines()) == 1, "what is in the corpus stays in it"
    scanner._actor.files.sees()
    world.recover()
    world.check_ended()
    rests(world, "job-1", "failed" if state == "failed" else "done")
    assert len(world.runs) == 1


@HOW
@pytest.mark.parametrize("folder", ["corpus", "corpus/parts", "corpus/parts/singles"])
def test_a_blind_compile_takes_nothing_out_of_the_corpus(folder, how):
    world = with_job(work=True, scan=True)
    blind = world.actor("controller-1")
    blind.files.blind(folder, how)
    try:
        compile_ledger(blind, layout.CORPUS, touched=None)
    except OSError:
        assert how is Blind.FAILS
    assert len(world.share.tree()["corpus/learning_records.jsonl"].splitlines()) == 1


@HOW
@pytest.mark.parametrize("folder", ["results", "results/singles/job-1", "results/singles/job-1/a1"])
def test_blind_retention_opens_no_way_to_a_second_run(folder, how):
    for prune in (prune_outputs, prune_job):
        world = with_job(work=True, scan=True)
        blind = world.actor("controller-1")
        (place,) = records_in(blind, layout.Place(layout.State.DONE, "2026-03-27"))
        blind.files.blind(folder, how)
        try:
            prune(blind, place)
        except (OSError, SpoolError):
            assert how is Blind.FAILS
        world.drop("job-1")
        world.copied.add("job-1")
        world.recover()
        assert len(world.runs) == 1
        rests(world, "job-1", "done")


@HOW
def test_a_blind_person_cannot_retry_what_is_committed(how):
    world = with_job(work=True, scan=True)
    ann = world.person()
    ann.files.blind("results", how)
    with pytest.raises((SpoolError, OSError)):
        retry(ann, "job-1")
    world.recover()
    rests(world, "job-1", "done")


# Clocks and hangs


@dataclass
class Skewed(TestClock):
    """Another machine's clock: set wrongly, but running as fast as the world's."""

    __test__ = False
    world_clock: TestClock = None

    def mono(self):
        return self.world_clock.mono() + 5_000.0

    def utc_s(self):
        return START_UTC_S + self.offset_s + self.world_clock.elapsed_s


@pytest.mark.parametrize("offset_s", [-3600.0, 3600.0, 86_400.0 * 400])
def test_clocks_an_hour_or_a_year_apart_change_no_decision(offset_s):
    world = World()
    world.submit("job-1")
    world.submit("later", LATER, layout.WAITING)
    skewed = Skewed(offset_s=offset_s, world_clock=world.clock)
    worker = world.worker("w1", machine="host-s", clock=skewed)
    observer = world.worker("w2", machine="host-b")
    claimed = worker.claim()
    for _ in range(6):
        world.turn(120)
        worker.life.beat_attempt("job-1", 1)
        observer.sweep()
        world.check()
    assert world.verdicts("job-1") == [None], "a wrong clock is no sign of death"
    worker.end(claimed, worker.deliver(claimed))
    assert world.manifests("job-1")[1].day == "2026-03-27", "the share's day"
    assert world.state("later") == "queue/normal", "the share's clock says that it is due"
    world.recover()
    world.check_ended()


@pytest.mark.parametrize("offset_s", [-3600.0, 3600.0])
def test_a_date_is_judged_by_the_shares_clock_alone(offset_s):
    world = World()
    world.submit("later", LATER, layout.WAITING)
    skewed = Skewed(offset_s=offset_s, world_clock=world.clock)
    observer = world.worker("w1", clock=skewed)
    observer.sweep()
    assert world.state("later") == "waiting"
    world.turn(61)
    observer.sweep()
    assert world.state("later") == "queue/normal"


def test_an_observer_that_hung_begins_its_watches_anew():
    world, worker, claimed = _owned()
    observer = world.worker("w2", machine="host-b")
    observer.sweep()
    world.turn(3600)  # everybody hung: the share's server was restarted
    observer.sweep()
    assert world.verdicts("job-1") == [None]
    assert worker.run(claimed) is Outcome.WON
    world.recover()
    world.check_ended()


def test_a_worker_that_hung_for_longer_than_its_lease_finds_itself_superseded():
    world, worker, claimed = _owned()
    observer = world.worker("w2", machine="host-b")
    _watch_for_two_leases(world, observer, worker, claimed, beats=False)
    assert world.verdicts("job-1") == ["lost"]
    assert Ownership(worker.actor, claimed, worker.life).look() is Standing.SUPERSEDED
    assert worker.end(claimed, worker.deliver(claimed)) is Outcome.LOST
    world.recover()
    world.check_ended()
    assert world.verdicts("job-1") == ["lost", "succeeded"]
    assert f"{layout.attempt('job-1', 1)}/superseded.yaml" in world.share.tree()


@HOW
def test_a_blind_worker_claims_nothing_that_is_committed_or_runs(how):
    world = with_job(work=True, scan=True)
    world.copied.add("job-1")
    world.drop("job-1", JOB)
    worker = world.worker("w1")
    worker.actor.files.blind("results", how)
    try:
        assert not isinstance(worker.claim(), Claim)
    except OSError:
        pass  # the share does not tell whether the record was pinned
    world.recover()
    rests(world, "job-1", "done")
    assert len(world.runs) == 1


def test_a_heartbeat_that_a_server_crash_left_empty_counts_as_none():
    world, _worker, claimed = _owned()
    world.share.put(f"{layout.attempt(claimed.name, 1)}/{layout.HEARTBEAT}", b"")
    world.left_to_people.add("unreadable")
    world.recover()
    world.check_ended()
    assert world.verdicts("job-1") == ["lost", "succeeded"]


def test_a_sweeper_that_cannot_see_the_verdict_before_gives_no_budget_back():
    """It listed the attempt before as empty, took it for one without a verdict, and the job's failures counted from nothing."""
    world = with_job(fail=[Code.STALLED])
    world.turn(600)
    world.worker("w0").sweep()
    assert isinstance(world.worker("w1").claim(), Claim)
    observer = world.worker("w2", machine="host-b")
    observer.actor.files.blind(layout.attempt("job-1", 1), Blind.EMPTY)
    for _ in range(4):
        world.turn(140)
        observer.sweep()
    assert world.verdicts("job-1") == ["failed", None], "it does not end what it cannot judge"
    observer.actor.files.sees()
    observer.sweep()

    assert world.verdicts("job-1") == ["failed", "lost"]
    counts = world.manifests("job-1")[2].counts
    assert (counts.failures, counts.crashes) == (1, 1)
