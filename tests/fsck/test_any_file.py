"""Whatever happens to one file of a spool, fsck says something sensible, and repair destroys nothing."""

import pytest

from spoolctl.fsck import check, repair
from spoolctl.spool import Code, layout
from tests.fsck.damages import remove
from tests.fsck.fsck_world import JOB, Checked
from tests.spool.spool_world import World

HARMLESS = ("README.txt", "log.txt", ".session", "closed", "index-")
"""What nothing is lost with, or what is made anew."""


def busy_world():
    """One job of each fate."""
    checked = Checked(World())
    world = checked.world
    worker = world.worker("w0")
    world.submit("failed", JOB)
    worker.work(fail=Code.BAD_JOB)
    world.submit("done", JOB)
    worker.work()
    world.controller().scan()
    world.submit("finished", JOB)
    worker.work()
    world.drop("bad", b"schema: nonsense\n...\n")
    worker.claim()
    world.submit("again", JOB)
    worker.work(fail=Code.INTERNAL)
    world.submit("running", JOB)
    worker.claim()
    world.submit("queued", JOB)
    checked.controller_lives()
    return checked


def paths(checked):
    return [path for path, data in checked.world.share.tree().items() if data is not None]


def cut(checked, path):
    data = checked.world.share.tree()[path]
    checked.world.share.put(path, data[: len(data) // 2])


def empty(checked, path):
    checked.world.share.put(path, b"")


def rubbish(checked, path):
    checked.world.share.put(path, b"\x00\xff{[: \n" * 7)


def folder(checked, path):
    checked.world.share.unlink(path)
    checked.world.share.put(f"{path}/inner", b"x")


@pytest.mark.parametrize("how", [remove, cut, empty, rubbish, folder])
def test_any_one_file_damaged_is_told_and_repair_keeps_every_bit_of_evidence(how):
    silent = []
    sound = busy_world()
    assert check(sound.looker, pause_s=0, deep=True).is_sound
    for path in paths(sound):
        checked = Checked(sound.world.copy())
        how(checked, path)
        before = {p: d for p, d in checked.world.share.tree().items() if d is not None}
        report = check(checked.looker, pause_s=0, deep=True)
        if not report.findings and not path.rpartition("/")[2].startswith(HARMLESS):
            silent.append(path)
        repair(checked.looker, [*report.findings, *report.pending])
        check(checked.looker, pause_s=0)
        after = {p: d for p, d in checked.world.share.tree().items() if d is not None}
        kept = set(after.values())
        assert not [one for one in before.values() if one not in kept and one.startswith(b"schema")]
        for one, data in before.items():
            if one.startswith(("results/", "inputs/", "rejected/", "corpus/parts/")):
                assert after.get(one) == data, f"repair of '{path}' changed '{one}'"
    assert [one for one in silent if not _goes_on_by_itself(one, how)] == []


def _goes_on_by_itself(path, how):
    """What a healthy spool makes good, or cannot know to have been there."""
    queued = path.startswith("queue/") and "queued" in path
    waiting = path.startswith("waiting/") and how is not remove
    half_settings = (
        path == layout.SETTINGS and how is cut
    )  # people edit it, and leave out the end mark
    # Without its verdict an attempt looks like one that runs, while the worker of its heartbeat lives.
    runs_again = how is remove and path.endswith(
        (f"again/a1/{layout.MANIFEST}", f"finished/a1/{layout.MANIFEST}")
    )
    gone = how is remove and path.startswith(
        (f"{layout.NODES}/", f"{layout.CONTROL}/", f"{layout.CORPUS}/learn", f"{layout.HISTORY}/")
    )
    attempts_heartbeat = how is remove and path.endswith(layout.HEARTBEAT)
    rejected = path.startswith("rejected/") and not path.endswith(layout.REASON_SUFFIX)
    compiled = path in (layout.LEARNING_RECORDS, layout.ENDED_JOBS)
    open_claim = path.startswith("claimed/")
    return (
        queued
        or half_settings
        or runs_again
        or waiting
        or gone
        or attempts_heartbeat
        or (rejected and how is not remove)
        or compiled
        or open_claim
    )
