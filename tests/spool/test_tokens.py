"""Tokens: how many jobs of a kind run at once, whoever dies, and whatever a listing says."""

import pytest

from spoolctl.spool import (
    Claim,
    Code,
    Holder,
    NotClaimed,
    Verdict,
    decode,
    find,
    layout,
    prune_job,
    tokens,
)
from spoolctl.spool.memory import Blind
from tests.spool.scenes import NAS, with_tokens
from tests.spool.spool_world import JOB, World

H1 = layout.holder("nas", 1, 1)


def holder(world, path=H1):
    return decode(Holder, world.share.tree()[path])


def place_of(worker, name):
    (location,) = find(worker.actor, name)
    return location


def delete(world, name):
    """A person deletes its record with a file manager."""
    [path] = world.places(name)
    world.share.unlink(path)
    world.removed.add(name)


def test_a_second_job_waits_in_its_queue_until_the_first_has_its_verdict():
    world = with_tokens()
    one, other = world.worker("w1"), world.worker("w2")
    claimed = one.claim()
    assert (holder(world).name, holder(world).attempt, holder(world).worker) == ("job-1", 1, "w1")
    assert other.claim(place_of(other, "job-2")) is NotClaimed.NO_TOKEN
    assert world.state("job-2") == "queue/normal"
    assert not world.verdicts("job-2")
    one.run(claimed)
    assert isinstance(other.claim(place_of(other, "job-2")), Claim)
    world.check()


def test_as_many_run_at_once_as_there_are_slots():
    world = with_tokens(count=3, slots=2)
    claims = [world.worker(f"w{n}").claim() for n in range(3)]
    assert [isinstance(one, Claim) for one in claims] == [True, True, False]
    assert sorted(p for p in world.share.tree() if p.endswith("h1.yaml")) == [
        H1,
        layout.holder("nas", 2, 1),
    ]


def test_jobs_that_require_none_pass_those_that_wait():
    world = with_tokens()
    world.submit("other")
    world.worker("w1").claim()
    assert world.worker("w2").claim().name == "other"


def test_a_dead_worker_s_token_is_free_when_its_attempt_is_reaped():
    world = with_tokens()
    world.worker("w1").claim()
    other = world.worker("w2", machine="host-b")
    for _ in range(4):
        world.turn(120)
        other.sweep()
    assert world.verdicts("job-1") == ["lost"]
    assert other.work() == 2
    world.check()


@pytest.mark.parametrize("machine", ["host-a", "host-b"])
def test_the_token_of_a_job_whose_record_was_deleted_while_it_ran_is_free_though_its_worker_died(
    machine,
):
    """No look at records found that attempt: the token was held for ever."""
    world = with_tokens()
    one = world.worker("w1")
    one.claim()
    delete(world, "job-1")
    world.dead.add(one.actor.host.pid)
    other = world.worker("w2", machine=machine)
    for _ in range(4):
        world.turn(120)
        other.sweep()
    assert world.verdicts("job-1") == ["lost"]
    assert other.work() == 1
    assert world.state("job-2") == "finished"
    world.check()


def test_the_token_of_a_job_whose_record_was_deleted_stays_held_while_its_worker_lives():
    world = with_tokens()
    one, other = world.worker("w1"), world.worker("w2", machine="host-b")
    one.claim()
    delete(world, "job-1")
    for _ in range(8):
        world.turn(120)
        one.life.beat_attempt("job-1", 1)
        other.sweep()
    assert world.verdicts("job-1") == [None]
    assert other.claim() is None


def test_a_job_that_requires_two_tokens_runs_with_both_or_not_at_all():
    world = World(tokens={"nas": 1, "video": 1})
    world.submit("a", NAS.replace(b"[nas]", b"[video]"))
    world.submit("b", NAS.replace(b"[nas]", b"[video, nas]"))
    one, other = world.worker("w1"), world.worker("w2")
    claimed = one.claim(place_of(one, "a"))
    assert other.claim(place_of(other, "b")) is NotClaimed.NO_TOKEN
    one.run(claimed)
    assert other.work() == 1
    assert world.state("b") == "finished"


def test_who_finds_the_last_slot_taken_after_its_attempt_was_made_gives_the_attempt_back():
    """The look before the attempt saw a free slot; another was quicker."""
    world = with_tokens()
    one, other = world.worker("w1"), world.worker("w2")
    first, second = (place_of(one, name) for name in ("job-1", "job-2"))

    def meanwhile(operation, path):
        if (operation, path) == ("mkdir", layout.attempt("job-2", 1)):
            other.actor.files.on_operation = None
            one.claim(first)

    other.actor.files.on_operation = meanwhile
    assert other.claim(second) is NotClaimed.NO_TOKEN
    assert world.verdicts("job-2") == ["returned"]
    assert world.state("job-2") == "queue/normal"
    [manifest] = world.manifests("job-2").values()
    assert (manifest.verdict, manifest.final, manifest.counts.failures) == (
        Verdict.RETURNED, False, 0,
    )  # fmt: skip
    world.recover()
    world.check_ended()


def test_a_token_that_the_settings_do_not_know_is_waited_for_and_told():
    world = World()
    world.submit("job-1", NAS)
    worker = world.worker("w1")
    location = place_of(worker, "job-1")
    assert worker.claim(location) is NotClaimed.NO_TOKEN
    assert world.state("job-1") == "queue/normal"
    job = worker.admission.admit(worker.actor, location).job
    said = "token 'nas', which spool.yaml does not know (it has none)"
    assert tokens.waits_for(worker.actor, job) == said


def test_a_holder_that_cannot_be_read_keeps_its_slot():
    world = with_tokens()
    world.share.put(H1, b"nonsense")
    assert world.worker("w1").claim() is None


def test_an_attempt_that_is_not_seen_keeps_its_slot():
    """A listing proves no absence: the holder's job is there, and its attempt open."""
    world = with_tokens()
    world.worker("w1").claim()
    other = world.worker("w2")
    other.actor.files.blind(layout.results("job-1"), Blind.EMPTY)
    assert other.claim(place_of(other, "job-2")) is NotClaimed.NO_TOKEN


def test_a_slot_whose_listing_is_blind_is_not_taken():
    world = with_tokens()
    world.worker("w1").claim()
    other = world.worker("w2")
    other.actor.files.blind(layout.token_slot("nas", 1), Blind.EMPTY)
    assert other.claim(place_of(other, "job-2")) is NotClaimed.NO_TOKEN
    assert world.verdicts("job-2") == ["returned"]
    world.check()


def test_of_a_job_that_retention_removed_the_token_is_free():
    world = with_tokens()
    world.worker("w1").work(fail=Code.BAD_JOB)
    ended = place_of(world.worker("w2"), "job-2")
    last = holder(world, layout.holder("nas", 1, 2))
    assert last.name == "job-2"
    assert prune_job(world.controller()._actor, ended)
    world.submit("job-3", NAS)
    assert isinstance(world.worker("w3").claim(), Claim)


def test_old_holders_are_removed_and_one_that_is_published_anew_holds_nothing(monkeypatch):
    """Who looked before many others came might publish a number again that was removed as old."""
    monkeypatch.setattr(tokens, "HOLDERS_KEPT", 2)
    world = with_tokens(count=6)
    late = world.worker("w9")
    stale = list(tokens.slots(late.actor, "nas"))
    world.worker("w1").work()
    assert world.files(layout.token_slot("nas", 1)) == ["h5.yaml", "h6.yaml"]
    [slot] = stale
    assert not tokens._publish(late.actor, slot, "job-1", 1)


@pytest.mark.parametrize("name", ["NAS", "-nas", "con", "a/b", ""])
def test_a_token_s_name_is_fit_for_a_folder(name):
    with pytest.raises(ValueError, match="tokens"):
        World(tokens={name: 1})


def test_a_plain_job_makes_no_folder_of_tokens():
    world = with_tokens()
    world.submit("plain", JOB)
    worker = world.worker("w1")
    worker.claim(place_of(worker, "plain"))
    assert layout.TOKENS not in world.share.tree()
