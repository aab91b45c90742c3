"""The loops are worth something: a step that is broken on purpose makes them fail, by the invariant that it breaks."""

import itertools
from importlib import import_module

import pytest

from spoolctl.spool import Outcome, Sweeper, layout
from spoolctl.spool.looking import Decisions
from spoolctl.spool.settle import move
from tests.spool import fault_steps, meetings, worker_steps
from tests.spool.fault_loop import Scene, fail_everywhere, speed_up
from tests.spool.interleaving import meet_everywhere
from tests.spool.scenes import with_job


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    speed_up(monkeypatch)


@pytest.fixture
def break_step(monkeypatch):
    """``break_step("claim", "make_once", broken)``: put *broken* in that module's place of the name."""
    return lambda module, name, broken: monkeypatch.setattr(
        import_module(f"spoolctl.spool.{module}"), name, broken
    )


def _make_never_losing(actor, folder):
    try:
        actor.files.mkdir(folder)
    except FileExistsError:
        pass
    return Outcome.WON


def test_taking_an_attempt_that_exists_for_won_runs_it_twice(break_step):
    break_step("attempts", "make_once", _make_never_losing)
    with pytest.raises(AssertionError, match="I3: job-1 ran attempts"):
        meet_everywhere(meetings.claim_and_claim_and_both_run)


def test_publishing_by_a_rename_that_replaces_changes_a_verdict(break_step):
    def publish_by_rename(actor, path, data):
        temporary = f"{layout.parent(path)}/.{actor.entropy.token()}.tmp"
        actor.files.write_new(temporary, data)
        actor.files.rename(temporary, path)
        return Outcome.WON

    break_step("verdicts", "publish_once", publish_by_rename)
    with pytest.raises(AssertionError, match=r"I3: .*manifest.yaml was changed"):
        meet_everywhere(meetings.end_and_reap)


def test_concluding_from_eexist_without_a_look_tells_an_owner_that_it_lost(break_step):
    break_step("publish", "_look", lambda *_: Outcome.LOST)
    with pytest.raises(AssertionError, match="was told LOST"):
        fail_everywhere(fault_steps.end_succeeded)


def test_a_chain_rule_that_ignores_an_open_attempt_opens_two(monkeypatch):
    def no_commit(self):
        return self.highest is None or not self.highest.is_commit

    monkeypatch.setattr(Decisions, "may_run", property(no_commit))
    with pytest.raises(AssertionError, match="I3: job-1 has open attempts"):
        meet_everywhere(meetings.claim_and_claim)


def test_a_chain_rule_that_believes_closed_alone_runs_a_failed_job_unasked(break_step):
    believing = lambda _actor, decided, location: location if decided.may_run else None  # noqa: E731
    break_step("claim", "may_begin", believing)
    with pytest.raises(AssertionError, match="it ran again, and nobody asked"):
        meet_everywhere(meetings.claim_and_run_to_a_failure_for_good)


def test_settling_by_what_one_believes_leaves_a_committed_job_waiting(break_step):
    def to_waiting(actor, location):
        return move(actor, location, layout.WAITING, label=2)

    break_step("sweep", "settle", to_waiting)
    with pytest.raises(AssertionError, match="I5: job-1 rests in waiting"):
        fail_everywhere(fault_steps.end_succeeded)


def test_settling_without_comparing_bytes_loses_a_new_job_of_an_old_name(break_step):
    """A new file of a known name in a queue was taken for the old job's record and moved over it, into ``done/``.

    Three guards stand before that: the bytes are compared when it is settled, when it is merged, and with what lies in their place.
    """
    break_step("settle", "_set_aside_if_foreign", lambda *_: False)
    break_step("merge", "set_aside_unless", lambda *_, **__: False)
    break_step("settle", "_blocked", lambda *_: False)
    with pytest.raises(AssertionError, match=r"I8|I9 other-bytes"):
        fail_everywhere(fault_steps.reject_a_name_seen_before)


def test_merging_before_the_outputs_are_verified_brings_a_damaged_image_into_the_corpus(break_step):
    def damaged():
        world = with_job(work=True)
        world.share.put("results/singles/job-1/a1/0000-1-txt2img.png", b"torn")
        scanner = world.controller("controller-1")
        return Scene(world, scanner._actor, scanner.scan)

    break_step("merge", "verify_outputs", lambda *_: None)
    with pytest.raises(AssertionError, match="I10: job-1 is in the corpus with a damaged image"):
        fail_everywhere(damaged)


def test_appending_to_a_part_brings_an_image_into_the_corpus_twice(break_step):
    def append(actor, ledger, name, suffix, lines):
        path = layout.part(ledger, name, suffix)
        folder, _, entry = path.rpartition("/")
        try:
            there = entry in actor.files.names(folder)
        except FileNotFoundError:
            actor.files.mkdir(folder)
            there = False
        before = actor.files.read(path, bytes_max=1 << 20) if there else b""
        temporary = f"{folder}/.{actor.entropy.token()}.tmp"
        actor.files.write_new(temporary, before + lines)
        actor.files.rename(temporary, path)

    break_step("merge", "publish_part", append)
    with pytest.raises(AssertionError, match="I10: job-1 twice in the corpus"):
        meet_everywhere(meetings.merge_and_merge)


def test_an_end_that_publishes_other_bytes_after_unknown_loses_against_itself(monkeypatch):
    tokens = itertools.count()
    end = worker_steps.end

    def end_anew(actor, claimed, manifest):
        changed = manifest.model_copy(update={"message": f"try {next(tokens)}"})
        return end(actor, claimed, changed)

    monkeypatch.setattr(worker_steps, "end", end_anew)
    with pytest.raises(AssertionError, match=r"was told LOST|another verdict stands"):
        fail_everywhere(fault_steps.end_succeeded)


def test_a_retry_that_looks_once_denies_a_job_that_moves(break_step):
    """The record moved from ``failed/`` to a queue between the two listings, and was told to lie nowhere."""
    looking = import_module("spoolctl.spool.looking")
    break_step("retry", "find_twice", looking.find)
    with pytest.raises(AssertionError):
        meet_everywhere(meetings.retry_and_retry)


def test_a_sweep_that_passes_over_failed_leaves_an_adopt_that_died_open(monkeypatch, break_step):
    """An adopt that died after taking its attempt left a job in ``failed/`` that neither ran, nor could be retried, ever."""
    break_step("adopt", "move", lambda *_args, **_kwargs: None)
    monkeypatch.setattr(Sweeper, "_resting", lambda _self, _swept: None)
    with pytest.raises(AssertionError, match=r"I5: job-1 rests in failed.* with an open attempt"):
        fail_everywhere(fault_steps.adopt_what_a_failed_job_left)
