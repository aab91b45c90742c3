"""Stories of meetings so rare that only a patient reader thought of them; each was a fault once."""

import pytest

from spoolctl.spool import (
    Claim,
    Code,
    Ending,
    Life,
    NotClaimed,
    Verdict,
    adopt,
    cancel,
    end_former_sessions,
    layout,
    prune_job,
    retry,
)
from spoolctl.spool.cancel import Cancelled
from spoolctl.spool.identity import NameWatch, Vacancy
from spoolctl.spool.memory import Crashed, Fault
from tests.spool.spool_world import JOB, World


def needing(*needs):
    return JOB.replace(
        b"workload:",
        b"after:\n" + b"".join(b"- " + n.encode() + b"\n" for n in needs) + b"workload:",
    )


def test_two_hundred_dependents_hide_the_job_that_they_need():
    world = World()
    for i in range(200):
        world.drop(f"a-{i:04d}", needing("z-base"), folder="waiting")
    world.submit("z-base")
    w = world.worker("w1")
    w.run(
        w.claim(world.location("z-base")), fail=Code.BACKEND_UNREACHABLE
    )  # a deferral: goes to waiting/ with retry_at
    assert world.state("z-base") == "waiting"
    for _ in range(100):
        world.turn(3600)
        w.sweep()
        w.work()
    assert not world.state("z-base").startswith("waiting"), "never promoted in 100 h"


def test_retry_that_beat_retention_may_still_fail_and_go_on():
    world = World(retry={"attempts_max": 1})
    world.submit("job-1")
    world.worker("w1").work(fail=Code.BAD_JOB)
    world.worker("w2").sweep()
    location = world.location("job-1")
    pruner = world.actor("controller-c")
    w3 = world.worker("w3", machine="host-b")
    got = []

    def meanwhile(op, path):
        if (
            op == "link" and not got
        ):  # the tombstone is about to be published: a person drags, a worker claims
            world.share.rename(location.path, "queue/normal/job-1~2.yaml")
            got.append(w3.claim())

    pruner.files.on_operation = meanwhile
    assert prune_job(pruner, location) is False
    w3.run(got[0], fail=Code.BACKEND_UNREACHABLE)  # any end that is followed by another attempt
    assert world.verdicts("job-1") == ["failed", "failed"]
    world.recover()
    world.check_ended()  # I5


def test_a_tombstone_forbids_also_if_the_folder_cannot_be_removed():
    world = World()
    location = world.submit("job-1")
    frozen = world.worker("w1", machine="host-b")

    def meanwhile(op, path):
        if op == "mkdir" and path.endswith("/a1"):
            frozen.actor.files.on_operation = None
            world.recover()
            assert prune_job(world.actor("controller-c"), world.location("job-1"))
            world.removed.add("job-1")
            n = frozen.actor.files.operations
            frozen.actor.files.fail(n + 1, Fault.BEFORE)  # names() is n, rmdir n+1

    frozen.actor.files.on_operation = meanwhile
    got = frozen.claim(location)
    assert got is NotClaimed.TAKEN, got
    assert len(world.runs) == 1


@pytest.mark.parametrize("stalled_s", [280, 295])
def test_an_observer_that_hung_within_a_sweep_reaps_nobody(stalled_s):
    world = World()
    world.submit("job-1")
    w1 = world.worker("w1", machine="host-a")
    w1.claim()
    w1.life.beat_attempt("job-1", 1)
    w2 = world.worker("w2", machine="host-b")
    w2.sweep()
    world.turn(9)
    w1.life.beat_attempt("job-1", 1)  # w1 beats every 10 s
    world.turn(1)
    w2.sweep()  # seen at t=10
    world.turn(8)
    w1.life.beat_attempt("job-1", 1)
    world.turn(2)
    # now the share stalls for EVERYBODY; w2 hangs inside its sweep (listing claimed/), w1 inside its next beat
    w2.sweep()
    world.turn(9)
    hung = []

    def hang(op, path):
        if op == "names" and path == "claimed" and not hung:
            hung.append(1)
            world.turn(stalled_s)

    w2.actor.files.on_operation = hang
    w2.sweep()  # begins 9 s after the last one, hangs, goes on
    assert world.verdicts("job-1") == [None], "a live worker was reaped by an observer that hung"


def test_one_worker_alone_ends_an_attempt_that_it_took_and_failed_to_end():
    world = World()
    w = world.worker("w1")
    world.drop("job-1", folder="cancelled")
    # the share is full just when the verdict is published
    real = w.actor.files.link
    state = {"n": 0}

    def link(s, t):
        if t.endswith("manifest.yaml") and state["n"] < 1:
            state["n"] += 1
            raise OSError(28, "No space left on device", t)
        return real(s, t)

    w.actor.files.link = link
    w.sweep()
    assert state["n"] == 1
    for _ in range(100):
        world.turn(140)
        w.life.beat()
        w.sweep()
        w.work()
    assert world.verdicts("job-1")[-1] == "cancelled", world.verdicts("job-1")


def test_one_worker_alone_settles_what_it_ended_but_could_not_settle():
    world = World()
    world.submit("job-1")
    w = world.worker("w1")
    c = w.claim()
    real = w.actor.files.rename
    state = {"n": 0}

    def rename(s, t, **how):
        if s.startswith("claimed/") and state["n"] < 1:
            state["n"] += 1
            raise OSError(5, "EIO")
        return real(s, t, **how)

    w.actor.files.rename = rename
    w.run(c, fail=Code.BACKEND_UNREACHABLE)
    for _ in range(100):
        world.turn(140)
        w.life.beat()
        w.sweep()
        w.work()
    assert world.state("job-1") == "finished", (world.state("job-1"), world.verdicts("job-1"))


@pytest.mark.parametrize("days", [0, 5])
def test_adopt_that_dies_right_after_taking_the_attempt(days):
    world = World(retry={"attempts_max": 1})
    world.submit("job-1")
    w = world.worker("w1")
    c = w.claim()
    w.deliver(c)
    w.end(c, Ending(Verdict.FAILED, Code.BAD_JOB, "x"))
    w.sweep()
    before = world.state("job-1")
    assert before.startswith("failed/")
    for d in range(days):
        world.turn(86400)
        world.submit(f"other-{d}")
        w.work(fail=Code.BAD_JOB)
        w.sweep()
    person = world.person(machine="host-p")

    def die(op, path):
        if op == "mkdir" and path.endswith("/a2"):
            person.files.fail(person.files.operations - 1, Fault.CRASH_AFTER)

    person.files.on_operation = die
    with pytest.raises(Crashed):
        adopt(person, "job-1", from_attempt=1)
    len(world.runs)
    world.recover()
    assert len([r for r in world.runs if r.name == "job-1"]) == 0, "ran again, nobody asked"
    assert None not in world.manifests("job-1").values(), "open for ever"


def test_a_shelf_that_ends_like_a_temporary_file_is_compiled_too():
    world = World()
    world.drop("portraits.part.1")
    world.worker("w1").work()
    world.recover()
    assert world.state("portraits.part.1").startswith("done/")
    world.check_ended()


def test_workers_that_are_never_idle_reap_too():
    world = World()
    world.submit("job-1")
    w1 = world.worker("w1", machine="host-a")
    w1.claim()  # and its machine burns
    w2 = world.worker("w2", machine="host-b")
    w2.life.is_pulsing = True
    for _ in range(4):  # jobs of 200 s each, a sweep between two of them
        w2.sweep()
        for _ in range(20):
            world.turn(10)
            w2.life.beat()
    assert world.verdicts("job-1")[0] == "lost", "not reaped"


def test_nothing_is_pruned_that_is_not_in_the_corpus():
    world = World(retention={"records_days": 1.0})
    world.submit("job-1")
    w = world.worker("w1")
    w.work()
    [png] = [p for p in world.share.tree() if p.endswith(".png")]
    good = world.share.tree()[png]
    world.share.put(png, b"damaged")
    s = world.controller("controller-1")
    s.scan()
    assert world.state("job-1") == "finished"
    # a person drags it to done/ (or a late rename by handle does)
    [p] = world.places("job-1")
    world.share.put("done/2026-03-27", None)
    world.share.rename(p, f"done/2026-03-27/{p.rpartition('/')[2]}")
    s.scan()
    two = s.scan()
    assert two.problems or two.troubles, "nobody is told any more"
    world.share.put(png, good)  # mended
    for _ in range(30):
        world.turn(86400 / 4)
        s.scan()
    assert world.corpus("job-1"), "committed, pruned and never merged"


def test_cancel_that_was_said_to_be_asked_for_reaches_the_job():
    world = World()
    world.submit("job-1")
    w = world.worker("w1")
    c = w.claim()
    person = world.person()
    w2 = world.worker("w2")
    got = []

    def meanwhile(op, path):
        if op == "link" and not got:
            w.end(c, Ending(Verdict.RETURNED, Code.HANDED_BACK, "stop"))
            world.turn(1)
            w2.sweep()
            got.append(w2.claim())

    person.files.on_operation = meanwhile
    said = cancel(person, "job-1")
    assert isinstance(got[0], Claim)
    w2.run(got[0])
    assert world.verdicts("job-1")[-1] == "cancelled", (said, world.verdicts("job-1"))


def test_retry_the_need_then_this_one_as_the_message_says():
    world = World(retry={"attempts_max": 1})
    world.submit("base")
    w = world.worker("w1")
    w.work(fail=Code.BAD_JOB)
    w.sweep()
    world.drop("dep", needing("base"), folder="waiting")
    for _ in range(3):
        world.turn(40)
        w.sweep()
    assert world.state("dep").startswith("failed/")
    retry(world.person(), "base")
    retry(world.person(), "dep")
    world.turn(40)
    # another worker only gets to dep first (base needs another card)
    w2 = world.worker("w2")
    w2.claim(world.location("dep"))
    world.turn(40)
    w2.sweep()
    w.claim(world.location("base")) and None
    assert world.verdicts("dep") == ["failed"], world.verdicts("dep")


def test_a_persons_own_folders_do_not_hide_the_days():
    world = World()
    for folder in ("keep", "look at these"):
        world.share.put(f"cancelled/{folder}", None)
    world.share.put("cancelled/2026-03-27", None)
    world.drop("job-1", folder="cancelled/2026-03-27")  # dragged into today's folder
    w = world.worker("w1")
    for _ in range(20):
        world.turn(140)
        w.sweep()
    assert world.verdicts("job-1") == ["cancelled"]


def test_the_same_name_on_another_machine_waits_a_lease():
    world = World()
    world.submit("job-1")
    a = world.worker("w1", machine="host-a")
    a.claim()
    world.turn(36)  # host-a's link is cut: 3.5 beats
    b = world.actor("w1", machine="host-b")
    watch = NameWatch(b)
    watch.holder()
    world.turn(36)
    assert watch.holder() is Vacancy.FREE
    life = Life(b, "worker")
    life.beat()
    end_former_sessions(b, life)
    assert world.verdicts("job-1") == [None], "a lease is 300 s, this was 72"


def test_adopt_that_dies_after_a_cancel_that_was_asked():
    """final only by cancel.yaml: reap looks at verdict.final alone."""
    world = World()
    world.submit("job-1")
    w = world.worker("w1")
    c = w.claim()
    w.deliver(c)
    assert cancel(world.person(), "job-1") is Cancelled.ASKED
    w.end(c, Ending(Verdict.FAILED, Code.BACKEND_UNREACHABLE, "x"))  # as it was told to stop
    w.sweep()
    w.sweep()
    assert world.state("job-1").startswith("cancelled/")
    person = world.person(machine="host-p")

    def die(op, path):
        if op == "link" and path.startswith("results/") and "a2" in path:
            person.files.fail(person.files.operations - 1, Fault.CRASH)

    person.files.on_operation = die
    with pytest.raises(Crashed):
        adopt(person, "job-1", from_attempt=1)
    world.recover()
    assert not [r for r in world.runs if r.attempt > 1], "ran again, nobody asked"


def test_a_restart_leaves_anothers_attempt_alone():
    world = World()
    world.submit("job-1")
    w1 = world.worker("w1")
    w1.claim()
    world.dead.add(w1.actor.host.pid)
    w2 = world.worker("w2", machine="host-a")
    w2.sweep()
    w2.sweep()
    assert world.verdicts("job-1") == ["lost"]
    again = []

    def meanwhile(op, path):
        if op == "write_new" and path.startswith("results/") and "/a2/" in path and not again:
            [p] = world.places("job-1")
            world.share.rename(
                p, f"claimed/{w1.actor.session}/job-1~1.yaml"
            )  # the late handle rename of w1
            again.append(w1.restart())

    if not world.files(f"claimed/{w1.actor.session}"):
        world.share.put(f"claimed/{w1.actor.session}", None)
    w2.actor.files.on_operation = meanwhile
    w2.claim()
    assert world.verdicts("job-1") == ["lost", None]


def test_a_heartbeat_that_came_while_the_observer_proved_its_sight_counts():
    world = World()
    world.submit("job-1")
    w1 = world.worker("w1", machine="host-a")
    w1.claim()
    w2 = world.worker("w2", machine="host-b")
    for _ in range(6):
        w2.sweep()
        world.turn(51)

    def back(op, path):
        if op == "write_new" and path.startswith("nodes/"):
            w2.actor.files.on_operation = None
            w1.life.beat_attempt(
                "job-1", 1
            )  # the server came back for both; w2's proof waited for it

    w2.actor.files.on_operation = back
    w2.sweep()
    assert world.verdicts("job-1") == [None]


def test_newer_records_in_waiting_hide_nothing():
    world = World()
    for i in range(200):
        world.drop(f"a-{i:04d}", JOB.replace(b"spool.job/1", b"spool.job/2"), folder="waiting")
    world.drop("job-1", folder="waiting")
    w = world.worker("w1")
    for _ in range(50):
        world.turn(3600)
        w.sweep()
        w.work()
    assert world.verdicts("job-1") == ["succeeded"]


def test_a_newer_workers_heartbeat_keeps_its_attempt_alive_though_it_cannot_be_read():
    world = World()
    world.submit("job-1")
    newer = world.worker("w1", machine="host-a")
    newer.claim()
    observer = world.worker("w2", machine="host-b")
    for counter in range(12):
        beat = b'{"schema": "spool.heartbeat/2", "counter": %d}' % counter
        world.share.put(layout.attempt_heartbeat("job-1", 1), beat)
        observer.sweep()
        world.turn(60)
    assert world.verdicts("job-1") == [None]
    for _ in range(6):
        observer.sweep()
        world.turn(60)
    assert world.verdicts("job-1") == ["lost"]


def test_a_follower_is_promoted_by_the_first_sweep_after_its_need_was_committed():
    world = World()
    world.submit("base")
    world.drop("follower", needing("base"), folder="waiting")
    worker = world.worker("w1")
    worker.sweep()
    worker.work()
    world.turn(1)
    worker.sweep()
    assert world.state("follower") == "queue/normal"
