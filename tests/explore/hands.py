"""Scenes of a person or a GUI that writes where workers work: drops, edits, renames, drags and deletions, against each step.

Hands act on the share by themselves: they know no protocol, look at nothing again and answer to nobody. What must be true whatever they
do: nothing runs twice unasked, nothing is committed twice, and no bytes that a person wrote are lost (they ran, or lie in ``rejected/``).
"""

from collections.abc import Callable
from typing import Any

from spoolctl.spool import Code, State, cancel, find, records_in, retry
from spoolctl.spool.actor import Actor
from spoolctl.spool.layout import WAITING, Location
from tests.explore.gathering import Gathering
from tests.spool.attempt_meetings import claim_and_run, reaper
from tests.spool.fault_loop import rests
from tests.spool.scenes import OTHER, owned, with_job
from tests.spool.spool_world import World

Hand = Callable[[World, Actor, Location], Callable[[], Any]]


def drops_another(world: World, gui: Actor, _record: Location) -> Callable[[], Any]:
    """Another job's file comes under the same name."""
    world.copied.add("job-1")
    return lambda: gui.files.write_new("queue/interactive/job-1.yaml", OTHER)


def edits(world: World, gui: Actor, record: Location) -> Callable[[], Any]:
    """An editor saves: a file of its own, renamed onto the record, whether that is there or not. So the record of a pinned job goes."""
    world.copied.add("job-1")
    world.removed.add("job-1")
    world.left_to_people.add("other-bytes")  # of what was edited at rest; a retry would reject it
    draft = f"{record.place.folder}/.edited.tmp"

    def act() -> None:
        gui.files.write_new(draft, OTHER)
        gui.files.rename(draft, record.path)

    return act


def deletes(world: World, gui: Actor, record: Location) -> Callable[[], Any]:
    """The record is deleted: wherever its job is, that is a wish to end it."""
    world.removed.add("job-1")
    return lambda: gui.files.unlink(record.path)


def renames(world: World, gui: Actor, record: Location) -> Callable[[], Any]:
    """Another name is another job; which of the two it is now, a rename by handle under way decides."""
    world.removed |= {"job-1", "job-2"}
    return lambda: gui.files.rename(record.path, f"{record.place.folder}/job-2.yaml")


def drags(folder: str) -> Hand:
    """The record is moved to another folder, to the front."""

    def hand(_world: World, gui: Actor, record: Location) -> Callable[[], Any]:
        return lambda: gui.files.rename(record.path, f"{folder}/0+{record.file}")

    return hand


def _gathering(
    world: World, hand: Hand, record: Location, *others: tuple[str, Callable[[], Any]]
) -> Gathering:
    """A hand at that record, and who else is there."""
    act = hand(world, world.person(), record)
    runs = len(world.runs)

    def holds() -> None:
        tree = world.share.tree()
        if hand in (drops_another, edits):
            assert OTHER in tree.values(), "I8: what a person wrote is gone"
        if hand is renames:
            assert world.places("job-1") or world.places("job-2"), "I5: a renamed file is gone"
        elif hand not in (drops_another, edits, deletes):
            rests(world, "job-1", "done", "cancelled")
        assert len(world.runs) <= runs + 1 + (hand is renames), "I3: it ran twice"

    return Gathering(world, [("gui", act), *others], holds=holds)


def _claim_and_sweep(hand: Hand) -> Gathering:
    world = with_job()
    worker, sweeper = world.worker("w1"), world.worker("w2", machine="host-b")
    (record,) = find(worker.actor, "job-1")
    claim = ("claim", lambda: claim_and_run(worker))
    return _gathering(world, hand, record, claim, ("sweep", sweeper.sweep))


def _reap_and_claim(hand: Hand) -> Gathering:
    """A record in the folder of a worker that is dead."""
    world, dead, claimed = owned()
    observer, other = reaper(world), world.worker("w3", machine="host-c")
    record = claimed.place(dead.actor)
    claim = ("claim", lambda: claim_and_run(other))
    return _gathering(world, hand, record, ("reap", observer.sweep), claim)


def _promote_and_claim(hand: Hand) -> Gathering:
    world = with_job(fail=[Code.STALLED])
    world.turn(3600)
    sweeper, worker = world.worker("w1"), world.worker("w2", machine="host-b")
    (record,) = records_in(sweeper.actor, WAITING)
    claim = ("claim", lambda: claim_and_run(worker))
    return _gathering(world, hand, record, ("promote", sweeper.sweep), claim)


def _cancel_and_claim(hand: Hand) -> Gathering:
    world = with_job()
    ann, worker = world.person(), world.worker("w1")
    (record,) = find(worker.actor, "job-1")
    claim = ("claim", lambda: claim_and_run(worker))
    return _gathering(world, hand, record, ("cancel", lambda: cancel(ann, "job-1")), claim)


def _retry_and_claim(hand: Hand) -> Gathering:
    world = with_job(fail=[Code.BAD_JOB])
    ann, worker = world.person(), world.worker("w1")
    (record,) = find(ann, "job-1", (State.FAILED,))
    claim = ("claim", lambda: claim_and_run(worker))
    return _gathering(world, hand, record, ("retry", lambda: retry(ann, "job-1")), claim)


def _merge_and_sweep(hand: Hand) -> Gathering:
    world = with_job(work=True)
    controller, sweeper = world.controller("controller-1"), world.worker("w2", machine="host-b")
    (record,) = find(sweeper.actor, "job-1", (State.FINISHED,))
    return _gathering(world, hand, record, ("merge", controller.scan), ("sweep", sweeper.sweep))


_AGAINST: dict[str, tuple[Callable[[Hand], Gathering], dict[str, Hand]]] = {
    "claim_sweep": (
        _claim_and_sweep, {"edits": edits, "deletes": deletes, "renames": renames, "holds": drags("held")},
    ),
    "reap_claim": (
        _reap_and_claim,
        {"drops_another": drops_another, "edits": edits, "deletes": deletes, "drags": drags("queue/interactive")},
    ),
    "promote_claim": (
        _promote_and_claim, {"drops_another": drops_another, "edits": edits, "deletes": deletes, "holds": drags("held")},
    ),
    "cancel_claim": (
        _cancel_and_claim,
        {"drops_another": drops_another, "edits": edits, "deletes": deletes, "drags": drags("queue/interactive")},
    ),
    "retry_claim": (
        _retry_and_claim,
        {"drops_another": drops_another, "edits": edits, "deletes": deletes, "drags": drags("queue/interactive")},
    ),
    "merge_sweep": (
        _merge_and_sweep,
        {"drops_another": drops_another, "edits": edits, "deletes": deletes, "drags": drags("queue/interactive")},
    ),
}  # fmt: skip
"""Whom hands meet, and which hands. Drops and drags against a claim, and drags against promote, are told one by one in ``scenes``."""
HANDS: dict[str, Callable[[], Gathering]] = {
    f"hand_{name}_{step}": (lambda make=make, hand=hand: make(hand))
    for step, (make, hands) in _AGAINST.items()
    for name, hand in hands.items()
}
