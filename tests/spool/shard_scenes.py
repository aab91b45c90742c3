"""Steps that fill a queue's shards or take out of them: scenes for ``fault_loop``, ``interleaving`` and the explorer."""

from spoolctl.spool import Admission, draft, layout, parse_job, submit
from spoolctl.spool.shards import Sizes
from spoolctl.spool.spilling import Spiller
from tests.explore.gathering import Gathering
from tests.spool.attempt_meetings import claim_and_run
from tests.spool.fault_loop import NO_ANSWER, Scene, rests
from tests.spool.interleaving import Meeting
from tests.spool.scenes import OTHER
from tests.spool.spool_world import JOB, World

NORMAL = layout.queue("normal")
ALL = Sizes(head_max=0, head_kept=0, shard=10, chunks_max=1)
"""Whatever lies in a head spills."""
TINY = Sizes(head_max=1, head_kept=1, shard=1, chunks_max=2)


def spills(actor, sizes=ALL):
    """One pass of spilling over the normal queue."""
    spiller = Spiller(actor, Admission(), sizes)
    return lambda: spiller.spill(NORMAL)


def with_jobs(*names):
    world = World()
    for name in names:
        world.submit(name)
    return world


def in_shards(*names):
    world = with_jobs(*names)
    spills(world.actor("w0"), Sizes(head_max=0, head_kept=0, shard=1, chunks_max=9))()
    return world


def _all_rest(world, *names):
    for name in names:
        rests(world, name, "done")


# Steps


def spill_a_head():
    world = with_jobs("job-1", "job-2", "job-3")
    actor = world.actor("w1")

    def told(moved):
        assert moved in (1, 2), "a reply that was lost is not counted"
        assert world.files("queue/normal") == ["job-1.yaml"]

    ended = lambda _answer: _all_rest(world, "job-1", "job-2", "job-3")  # noqa: E731
    return Scene(world, actor, spills(actor, TINY), told, ended)


def submit_into_shards():
    world = World()
    ann = world.person()
    names = ["b.0001", "b.0002", "b.0003"]
    drafts = [draft(name, JOB, parse_job(JOB)) for name in names]

    def told(answer):
        assert [one.name for one in answer] == names
        assert [bool(one.place.shard) for one in answer] == [False, True, True]
        assert all(one.path in world.share.tree() for one in answer)

    def ended(answer):
        _all_rest(world, *(names if answer is not NO_ANSWER else world.names()))
        assert sorted(world.names()) == names[: len(world.names())], "they went in in order"

    act = lambda: submit(ann, drafts, NORMAL, sizes=TINY)  # noqa: E731
    return Scene(world, ann, act, told, ended)


def claim_out_of_a_shard():
    world = in_shards("job-1", "job-2")
    worker = world.worker("w1")

    def told(claimed):
        # If the share does not say who made the first one's attempt, the next is tried.
        assert claimed is None or claimed.name in ("job-1", "job-2")
        assert claimed is None or claimed.job_class == "normal"

    def act():
        return worker.claim()

    ended = lambda _answer: _all_rest(world, "job-1", "job-2")  # noqa: E731
    return Scene(world, worker.actor, act, told, ended)


# Meetings


def spill_and_spill():
    world = with_jobs("job-1", "job-2")
    one, other = world.actor("w1"), world.actor("w2", machine="host-b")
    ended = lambda _one, _other: _all_rest(world, "job-1", "job-2")  # noqa: E731
    return Meeting(world, one, spills(one), spills(other), ended)


def spill_and_claim():
    world = with_jobs("job-1")
    one, worker = world.actor("w1"), world.worker("w2", machine="host-b")

    def ended(_moved, _claimed):
        rests(world, "job-1", "done")
        assert len(world.runs) == 1

    return Meeting(world, one, spills(one), lambda: claim_and_run(worker), ended)


def claim_and_spill():
    """The record moves into a shard while it is being claimed: its owner finds it there."""
    world = with_jobs("job-1")
    worker, other = world.worker("w1"), world.actor("w2", machine="host-b")

    def ended(_claimed, _moved):
        rests(world, "job-1", "done")
        assert len(world.runs) == 1

    return Meeting(world, worker.actor, lambda: claim_and_run(worker), spills(other), ended)


def claims_out_of_one_shard():
    """Who finds the shard empty removes it while the other still claims."""
    world = in_shards("job-1")
    one, other = world.worker("w1"), world.worker("w2", machine="host-b")

    def ended(_one, _other):
        rests(world, "job-1", "done")
        assert len(world.runs) == 1

    return Meeting(
        world, one.actor, lambda: claim_and_run(one), lambda: claim_and_run(other), ended
    )


# Three


def claim_spill_drop():
    """A hand puts another job's file under a name that is just being spilled and claimed."""
    world = with_jobs("job-1")
    gui, dropped = _drops(world)
    worker, sweeper = world.worker("w1"), world.actor("w2", machine="host-b")
    acts = [
        ("claim", lambda: claim_and_run(worker)),
        ("spill", spills(sweeper)),
        ("drop", gui),
    ]
    return Gathering(world, acts, holds=lambda: _keeps(world, dropped))


def spill_spill_drop():
    """Two spill one record, and a hand puts another job's file where it lay: a rename onto it would lose a record without a word."""
    world = with_jobs("job-1")
    gui, dropped = _drops(world)
    one, other = world.actor("w1"), world.actor("w2", machine="host-b")
    acts = [("spill 1", spills(one)), ("spill 2", spills(other)), ("drop", gui)]
    return Gathering(world, acts, holds=lambda: _keeps(world, dropped))


def _drops(world):
    world.copied.add("job-1")
    ann, dropped = world.person(), []

    def act():
        ann.files.write_new("queue/normal/job-1.yaml", OTHER)
        dropped.append(OTHER)

    return act, dropped


def _keeps(world, dropped):
    for data in (JOB, *dropped):
        assert data in world.share.tree().values(), "I5: a record was replaced by another"
    # Failed, if the other file came between a worker's reading of the first and its rename: as if somebody had edited that.
    rests(world, "job-1", "done", "failed")
