"""Submitting and rejecting on a share that does not say what it did."""

import pytest

from spoolctl.spool import BadRecord, Claim, NameTaken, draft, layout, parse_job, submit
from spoolctl.spool.memory import Blind, Fault
from spoolctl.spool.reject import reject
from tests.spool.spool_world import JOB, World


class Desk:
    """A person about to submit ``job-1``, and a worker."""

    def __init__(self):
        self.world = World()
        self.person, self.worker = self.world.person(), self.world.worker("w1")

    def submit(self):
        submit(self.person, [drafted()], layout.queue("normal"))


def number_of_the_link():
    """The number of that operation when a person submits ``job-1``."""
    desk = Desk()
    desk.submit()
    return next(i for i, one in enumerate(desk.person.files.trace) if one[0] == "link")


def drafted():
    return draft("job-1", JOB, parse_job(JOB))


def at_operation(files, number, act):
    """Call *act* just before the operation of that number."""

    def look(*_):
        if files.operations == number + 1 and acts:  # it is counted already
            acts.pop()()

    acts = [act]
    files.on_operation = look


@pytest.mark.parametrize("fault", [Fault.LOST_REPLY, Fault.LOST_REPLY_EXISTS])
def test_a_record_whose_reply_was_lost_and_that_a_worker_claimed_at_once_is_not_submitted_again(
    fault,
):
    """It was linked once more, and lay in ``claimed/`` and in the queue."""
    link, desk = number_of_the_link(), Desk()
    desk.person.files.fail(link, fault)
    claimed = []
    at_operation(desk.person.files, link + 1, lambda: claimed.append(desk.worker.claim()))

    desk.submit()

    assert isinstance(claimed[0], Claim)
    assert [place.split("/")[0] for place in desk.world.places("job-1")] == ["claimed"]
    desk.world.check()


def test_a_link_that_was_not_made_is_made_again():
    link, desk = number_of_the_link(), Desk()
    desk.person.files.fail(link, Fault.BEFORE)

    desk.submit()

    assert len(desk.world.places("job-1")) == 1


@pytest.mark.parametrize("other", [JOB + b"# another\n", b"- 1\n", JOB[:-4] + b"#..\n"])
def test_another_file_that_appeared_meanwhile_is_left_and_told(other):
    """If it was larger, the answer was "file too large", without a hint."""
    link, desk = number_of_the_link(), Desk()
    at_operation(desk.person.files, link, lambda: desk.world.drop("job-1", other))

    with pytest.raises(NameTaken, match="appeared meanwhile"):
        desk.submit()


def test_anothers_job_that_took_the_name_and_was_claimed_is_not_taken_for_ours():
    """Told that his job was in, a person would have waited for it for ever."""
    link, desk = number_of_the_link(), Desk()
    desk.person.files.fail(link, Fault.BEFORE)

    def another():
        desk.world.drop("job-1", JOB.replace(b"seed", b"\n    # another\n    seed", 1))
        assert isinstance(desk.worker.claim(), Claim)

    at_operation(desk.person.files, link + 1, another)

    with pytest.raises(NameTaken):
        desk.submit()


@pytest.mark.parametrize("how", [Blind.EMPTY])
def test_a_sweeper_that_lists_rejected_as_empty_leaves_anothers_reason(how):
    """Two sweepers came to one bad file; the second, blind, took the first one's reason away."""
    world = World()
    world.drop("bad", b"- 1\n")
    location = world.location("bad")
    first, second = world.actor("w1"), world.actor("w2", machine="host-b")
    error = BadRecord("it is a list", hint="write a mapping")
    moved = []

    def win():
        moved.append(reject(first, location, error, data=b"- 1\n"))
        second.files.blind(layout.REJECTED, how)

    def look(name, *_):
        if name == "rename" and not moved:
            win()

    second.files.on_operation = look

    reject(second, location, error, data=b"- 1\n")

    kept = world.files("rejected")
    assert moved[0].rpartition("/")[2] in kept
    assert f"{moved[0].rpartition('/')[2]}{layout.REASON_SUFFIX}" in kept
