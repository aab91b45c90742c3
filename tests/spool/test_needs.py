"""What a job waits for: another's success, any end of it, a person's approval; and circles."""

import pytest

from spoolctl.spool import (
    APPROVAL_SCHEMA,
    Approval,
    Code,
    StateForbids,
    approval,
    approve,
    cancel,
    decisions,
    decode,
    encode,
    layout,
    parse_job,
    prune_job,
    retry,
)
from spoolctl.spool.memory import Blind
from spoolctl.spool.promote import Held, Needs
from tests.spool.spool_world import JOB, World

APPROVED = layout.approved("a")


def needing(*needs):
    return JOB.replace(b"...", f"after: [{', '.join(needs)}]\n...".encode())


def with_follower(when, **settings):
    """A world in which job b waits in waiting/ for job a."""
    world = World(**settings)
    world.submit("a")
    world.drop("b", needing(f"{{job: a, when: {when}}}"), folder="waiting")
    return world, world.worker("w1")


def is_ready(world, worker):
    worker.sweep()
    return world.state("b") == "queue/normal"


def test_a_plain_name_means_that_the_job_has_succeeded():
    job = parse_job(needing("A", "{job: b, when: any}", "{job: c, when: approved}"))
    assert job.waits_for == {"a": "succeeded", "b": "any", "c": "approved"}
    assert parse_job(encode(job)) == job
    assert b"- a\n" in encode(job)


def test_of_a_job_that_is_named_twice_the_most_is_wanted():
    data = needing("{job: a, when: any}", "a", "{job: b, when: approved}")
    data = data.replace(b"...", b"inputs: [{job: b}, {job: c}]\n...")
    assert parse_job(data).waits_for == {"a": "succeeded", "b": "approved", "c": "succeeded"}


@pytest.mark.parametrize("code", [None, Code.BAD_JOB])
def test_a_job_that_waits_for_any_end_goes_on_after_each(code):
    world, worker = with_follower("any")
    assert not is_ready(world, worker)
    worker.work(fail=code)
    assert is_ready(world, worker)
    worker.work()
    assert world.state("b") == "finished"


def test_a_job_that_waits_for_any_end_goes_on_after_a_cancel_too():
    world, worker = with_follower("any")
    cancel(world.person(), "a")
    assert is_ready(world, worker)


def test_any_end_is_none_while_another_attempt_follows_or_a_person_wants_one():
    world, worker = with_follower("any")
    worker.work(fail=Code.STALLED)
    assert not is_ready(world, worker)
    cancel(world.person(), "a")
    retry(world.person(), "a")
    assert not is_ready(world, worker)
    worker.work()
    assert is_ready(world, worker)


def test_a_job_that_waits_for_success_fails_when_its_need_does():
    world, worker = with_follower("succeeded")
    worker.work(fail=Code.BAD_JOB)
    worker.sweep()
    assert world.manifests("b")[1].code is Code.DEPENDENCY_FAILED


def test_a_job_that_waits_for_an_approval_waits_until_a_person_gives_it():
    world, worker = with_follower("approved")
    worker.work()
    assert not is_ready(world, worker)
    approve(world.person(), "a")
    assert is_ready(world, worker)


def test_a_job_that_waits_for_an_approval_fails_when_there_will_be_nothing_to_approve():
    world, worker = with_follower("approved")
    worker.work(fail=Code.BAD_JOB)
    worker.sweep()
    assert world.manifests("b")[1].code is Code.DEPENDENCY_FAILED


@pytest.mark.parametrize("approved", [True, False])
def test_after_retention_a_job_counts_as_approved_if_it_was(approved):
    world, worker = with_follower("approved")
    worker.work()
    scanner = world.controller()
    scanner.scan()
    if approved:
        approve(world.person(), "a")
    assert prune_job(scanner._actor, world.location("a"))
    assert decisions(worker.actor, "a").pruned.approved is approved
    assert is_ready(world, worker) is approved
    if not approved:
        assert world.manifests("b")[1].code is Code.DEPENDENCY_FAILED


# Approvals


def done_world():
    world = World(settle_s=2.0)
    world.submit("a")
    world.worker("w1").work()
    return world, world.person()


def given(world):
    person = world.person()
    return approval(person, decisions(person, "a"))


def test_an_approval_says_who_gave_it_and_which_images():
    world, ann = done_world()
    made = approve(ann, "a", images=(0, 0), note="good light")
    assert (made.images, made.by, made.note) == ((0,), "person-ann", "good light")
    assert decode(Approval, world.share.tree()[APPROVED]) == made == given(world)


def test_a_second_approval_is_refused_and_says_what_stands():
    world, ann = done_world()
    approve(ann, "a")
    with pytest.raises(StateForbids, match="approved before by person-ann, all images"):
        approve(world.person(), "a", images=(0,))


def test_of_two_who_approve_at_once_one_is_refused():
    world, ann = done_world()
    bob = world.person()

    def meanwhile(operation, _path):
        if operation == "link":
            bob.files.on_operation = None
            approve(ann, "a", note="first")

    bob.files.on_operation = meanwhile
    with pytest.raises(StateForbids, match="approved before"):
        approve(bob, "a", note="second")
    assert given(world).note == "first"


def test_only_a_committed_job_and_its_own_images_can_be_approved():
    world = World()
    world.submit("a")
    with pytest.raises(StateForbids, match="has not succeeded"):
        approve(world.person(), "a")
    world.worker("w1").work()
    with pytest.raises(StateForbids, match="image 1 of 'a': it has images 0 to 0"):
        approve(world.person(), "a", images=(1,))


@pytest.mark.parametrize(
    ("data", "images"),
    [(b"", ()), (b"images: [0]\n", (0,)), (b"note: fine\n", ()), (b"{}", ())],
)
def test_a_file_that_a_person_drops_counts_once_it_is_sure_to_be_whole(data, images):
    world, ann = done_world()
    world.share.put(APPROVED, data)
    early = approval(ann, decisions(ann, "a"))
    world.turn(2.5)
    assert approval(ann, decisions(ann, "a")).images == images
    assert (early is None) == (data != b"{}")


def test_a_copy_that_begins_as_an_empty_file_approves_no_more_than_it_says():
    world, ann = done_world()
    world.share.put(APPROVED, b"")
    for _ in range(3):
        assert approval(ann, decisions(ann, "a")) is None
        world.turn(1.0)
        world.share.put(APPROVED, b"images: [0]\n")
        assert approval(ann, decisions(ann, "a")) is None
        world.share.put(APPROVED, b"")
    world.share.put(APPROVED, b"images: [0]\n...\n")
    assert approval(ann, decisions(ann, "a")).images == (0,)


def test_a_dropped_file_that_is_no_approval_holds_nobody_up_but_those_who_wait_for_it():
    world, worker = with_follower("approved")
    worker.work()
    world.share.put(APPROVED, b"imgaes: [0]\n...\n")
    assert not is_ready(world, worker)
    assert world.events("approval.unreadable")
    with pytest.raises(StateForbids, match="unknown key 'imgaes'"):
        approve(world.person(), "a")
    world.share.put(APPROVED, b"images: [0]\n...\n")
    assert is_ready(world, worker)


def test_an_approval_of_a_job_that_has_not_succeeded_does_not_count_yet():
    world, worker = with_follower("approved")
    world.share.put(APPROVED, encode(Approval(schema_=APPROVAL_SCHEMA)))
    assert not is_ready(world, worker)
    worker.work()
    assert is_ready(world, worker)


# Circles


def with_circle(*names, folder="waiting", when="succeeded"):
    world = World()
    for name, need in zip(names, (*names[1:], names[0]), strict=True):
        world.drop(name, needing(f"{{job: {need}, when: {when}}}"), folder=folder)
    return world, world.worker("w1")


@pytest.mark.parametrize("names", ["ab", "cab", "edcba"])
def test_the_first_job_of_a_circle_fails_and_the_others_by_it(names):
    world, worker = with_circle(*names)
    for _ in range(len(names) + 1):
        world.turn(40)
        worker.sweep()
    codes = {name: world.manifests(name)[1].code for name in names}
    assert set(codes.values()) == {Code.DEPENDENCY_FAILED}
    told = world.manifests("a")[1].message
    assert told.startswith(f"{len(names)} jobs wait for each other, so none could ever run: a -> ")
    world.controller().scan()
    world.check_ended()


def test_of_a_circle_of_jobs_that_wait_for_any_end_one_fails_and_the_others_run():
    world, worker = with_circle("a", "b", "c", when="any")
    world.recover()
    verdicts = {name: world.verdicts(name) for name in "abc"}
    assert verdicts == {"a": ["failed"], "b": ["succeeded"], "c": ["succeeded"]}
    assert worker is not None


def test_two_sweepers_fail_a_circle_once():
    world, worker = with_circle("a", "b")
    other = world.worker("w2", machine="host-b")
    for _ in range(3):
        worker.sweep()
        other.sweep()
    assert {name: world.verdicts(name) for name in "ab"} == {"a": ["failed"], "b": ["failed"]}
    world.check()


def test_a_job_behind_a_circle_or_of_a_held_one_is_not_failed_for_it():
    world, worker = with_circle("b", "c")
    world.drop("a", needing("b"), folder="waiting")
    world.share.rename("waiting/c.yaml", "held/c.yaml")
    for _ in range(3):
        worker.sweep()
    assert not any(world.verdicts(name) for name in "abc")


def test_a_circle_that_a_person_broke_is_none():
    world, worker = with_circle("a", "b")
    worker.sweeper._circles.note(world.location("a"), _held("b"))
    worker.sweeper._circles.note(world.location("b"), _held("a"))
    world.share.put("waiting/b.yaml", JOB)
    for _ in range(4):
        worker.sweep()
        worker.work()
    assert world.verdicts("b") == world.verdicts("a") == ["succeeded"]


def test_a_circle_is_not_believed_of_a_record_that_is_not_seen():
    world, worker = with_circle("a", "b")
    worker.actor.files.blind("waiting", Blind.EMPTY)
    worker.sweep()
    assert not any(world.verdicts(name) for name in "ab")


def _held(need):
    return Held(needs=Needs.OPEN, need=need)
