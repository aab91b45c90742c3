"""A rename by handle, as SMB does it, that was opened earlier takes the record away from wherever it is by now, at every operation."""

import pytest

from spoolctl.spool import (
    Claim,
    Code,
    Outcome,
    cancel,
    retry,
)
from spoolctl.spool.cancel import Cancelled
from spoolctl.spool.names import parse_file_name
from tests.spool.fault_loop import rests, speed_up
from tests.spool.interleaving import Meeting, meet_everywhere
from tests.spool.meetings import claim_and_run
from tests.spool.scenes import with_job


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    speed_up(monkeypatch)


COMMITTED = ["finished", "done/2026-03-27"]


def _thief_to(world, folder):
    """Take the record to *folder*; from which state it was taken."""
    if folder in COMMITTED and not world.manifests("job-1"):
        return None  # nobody but a person moves a job there that never ran, and then it stays
    for path in world.places("job-1"):
        file = parse_file_name(path.rpartition("/")[2])
        world.share.put(folder, None)
        world.share.rename(path, f"{folder}/{file}")
        return path.split("/")[0]
    return None


THIEVES = [
    "failed/2026-03-27",
    "waiting",
    "held",
    *COMMITTED,
    "queue/batch",
    "claimed/w7-20260327T120000-0a0a0a0a",
]


def _run_whole(world):
    worker = world.worker("w1")
    return worker.actor, lambda: claim_and_run(worker)


def _claim_and_die(world):
    worker = world.worker("w1")

    def act():
        worker.claim()
        world.dead.add(worker.actor.host.pid)

    return worker.actor, act


def _fail_whole(world):
    worker = world.worker("w1")

    def act():
        claimed = worker.claim()
        return worker.run(claimed, fail=Code.STALLED) if isinstance(claimed, Claim) else claimed

    return worker.actor, act


def _merge_whole(world):
    world.worker("w0").work()
    scanner = world.controller("controller-1")
    return scanner._actor, scanner.scan


def _cancel_whole(world):
    ann = world.person()
    return ann, lambda: cancel(ann, "job-1")


@pytest.mark.parametrize("folder", THIEVES)
@pytest.mark.parametrize(
    ("step", "states"),
    [
        (_run_whole, ["done"]),
        (_claim_and_die, ["done"]),
        (_fail_whole, ["done"]),
        (_merge_whole, ["done"]),
        (_cancel_whole, ["cancelled", "done"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_record_that_a_late_rename_takes_away_comes_to_its_proper_end(folder, step, states):
    def build():
        world = with_job()
        if folder.startswith("failed"):
            world.left_to_people.add("undecided")  # a job that never ran, as a person's drag
        actor, act = step(world)

        def ended(first, taken_from):
            if world.manifests("job-1") == {}:  # as a person's drag; the person takes it back
                rests(world, "job-1", "failed")
                retry(world.person(), "job-1")
                world.recover()
            if taken_from == "cancelled":  # and this one asks for it to run after all
                return
            rests(world, "job-1", *states)
            if first is Cancelled.DONE:
                rests(world, "job-1", "cancelled")
                assert not world.runs, "told cancelled, and it ran"
            if first is Outcome.WON and step is _run_whole:
                assert world.verdicts("job-1") == ["succeeded"]

        return Meeting(world, actor, act, lambda: _thief_to(world, folder), ended)

    assert meet_everywhere(build) > 0
