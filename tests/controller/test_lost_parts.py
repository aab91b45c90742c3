"""A part of a ledger that is gone is noticed by the controller's own full look, told, and written anew."""

import pytest

from spoolctl.controller import scanner as scanning
from spoolctl.spool import Code, layout
from tests.spool.spool_world import World

DAY = "2026-03-27"


@pytest.fixture
def world():
    return World()


def rested(world, *names, fail=None):
    """A controller that has merged and audited these jobs, and compiled."""
    for name in names:
        world.drop(name)
    assert world.worker().work(fail=fail) == len(names)
    scanner = world.controller()
    for _ in range(3):
        world.turn(60)
        scanner.scan()
    return scanner


def an_hour(world, scanner):
    world.turn(scanning.FULL_COMPILE_S + 1)
    for _ in range(3):
        scanner.scan()
        world.turn(60)


@pytest.mark.parametrize("ledger", [layout.CORPUS, layout.HISTORY])
def test_a_part_that_is_gone_after_its_audit_is_written_anew_within_the_hour(world, ledger):
    """It was missed only by a controller that was started again; one of the history by none."""
    scanner = rested(world, "a", "b")
    path = layout.part(ledger, "a", "" if ledger == layout.CORPUS else "~1")
    before = world.share.tree()[path]
    world.share.unlink(path)

    an_hour(world, scanner)

    assert world.share.tree()[path] == before
    (told,) = world.events("ledger.parts_lost")
    assert (told["ledger"], told["count"]) == (ledger, 1)
    assert path.rpartition("/parts/")[2] in told["parts"]
    assert "fsck --repair" in told["hint"]
    world.check_ended("a", "b")


def test_a_failed_jobs_part_of_the_history_that_is_gone_is_written_anew(world):
    scanner = rested(world, "a", fail=Code.BAD_JOB)
    path = layout.part(layout.HISTORY, "a", "~1")
    before = world.share.tree()[path]
    world.share.unlink(path)

    an_hour(world, scanner)

    assert world.share.tree()[path] == before


def test_a_controller_that_starts_finds_a_merged_jobs_history_missing(world):
    rested(world, "a")
    path = layout.part(layout.HISTORY, "a", "~1")
    world.share.unlink(path)

    world.controller("controller-2").scan()

    assert path in world.share.tree()


def test_a_part_that_is_lost_twice_is_told_and_written_twice(world):
    scanner = rested(world, "a")
    path = layout.part(layout.CORPUS, "a")
    for _ in range(2):
        world.share.unlink(path)
        an_hour(world, scanner)
        an_hour(world, scanner)
        assert path in world.share.tree()
    assert len(world.events("ledger.parts_lost")) == 2


def test_a_part_of_an_old_day_is_told_once_and_left_to_fsck(world):
    """The audit looks at the last days only; what was compiled stays in the corpus all the same."""
    scanner = rested(world, "a")
    (path,) = world.places("a")
    world.share.put("done/2026-01-01", None)
    world.share.rename(path, "done/2026-01-01/a~1.yaml")
    for day in ("2026-03-24", "2026-03-25", "2026-03-26"):
        world.share.put(f"done/{day}", None)
    world.share.unlink(layout.part(layout.CORPUS, "a"))

    an_hour(world, scanner)
    an_hour(world, scanner)

    assert len(world.events("ledger.parts_lost")) == 1
    assert world.share.tree()[layout.LEARNING_RECORDS].count(b"\n") == 1


def test_between_two_full_looks_no_shelf_is_listed_for_it(world):
    scanner = rested(world, "s.1", "s.2")
    begin = scanner._actor.files.operations
    scanner.scan()
    assert ("names", "corpus/parts/s") not in scanner._actor.files.trace[begin:]
