"""A file where a folder of the ledgers must be is told with its path and a remedy; everything else goes on."""

import pytest

from spoolctl.controller import scanner as scanning
from spoolctl.spool import Code, layout
from tests.spool.spool_world import World

DAY = "2026-03-27"
THEIRS = b"a person's"


@pytest.fixture
def world():
    return World()


def committed(world, *names):
    for name in names:
        world.drop(name)
    assert world.worker().work() == len(names)


def replace_by_a_file(world, folder):
    for path in sorted(world.share.tree(), reverse=True):
        if path == folder or path.startswith(f"{folder}/"):
            world.share.rmdir(path)
    world.share.put(folder, THEIRS)


@pytest.mark.parametrize("ledger", [layout.CORPUS, layout.HISTORY])
def test_a_file_named_as_a_shelf_holds_up_the_jobs_of_that_shelf_only(world, ledger):
    """The merge said ``Not a directory`` of a temporary file, at every pass, and read all outputs of the job again each time."""
    path = f"{ledger}/parts/s"
    world.share.put(path, THEIRS)
    committed(world, "a", "s.1", "t.1")
    scanner = world.controller()

    scanned = scanner.scan()

    assert (scanned.merged, list(scanned.problems)) == (2, ["s.1"])
    told = scanned.problems["s.1"]
    assert f"'{path}' is a file, where a folder must be" in told
    assert "move it away" in told
    assert told in [facts["problem"] for facts in world.events("merge.problem")]
    begin = scanner._actor.files.operations
    scanner.scan()
    assert not [x for x in scanner._actor.files.trace[begin:] if x[0] == "digest"]

    world.share.rename(path, "held/theirs.txt")
    world.turn(scanning.PROBLEM_AGAIN_S + 1)
    scanner.scan()
    world.turn(60)
    scanner.scan()
    world.check_ended("a", "s.1", "t.1")
    assert THEIRS in world.share.tree().values()


@pytest.mark.parametrize(
    "folder", ["history", "history/parts", "corpus/parts"], ids=lambda folder: folder
)
def test_a_file_in_place_of_a_ledgers_folder_is_told_and_failed_jobs_and_the_sweep_go_on(
    world, folder
):
    replace_by_a_file(world, folder)
    committed(world, "a")
    world.drop("b")
    world.worker().work(fail=Code.STALLED)
    world.turn(600)
    scanner = world.controller()

    scanned = scanner.scan()

    assert f"'{folder}' is a file, where a folder must be" in scanned.problems["a"]
    assert any(
        trouble.startswith("compile") and f"'{folder}'" in trouble for trouble in scanned.troubles
    )
    assert [facts["hint"] for facts in world.events("scan.trouble") if "compile" in facts["what"]]
    assert world.state("b") == "queue/normal", "its retry is due, and was promoted"
    world.check()


def test_the_corpus_is_compiled_although_the_history_cannot_be(world):
    """They were compiled in one step, so that the trouble of the first was the second's."""
    committed(world, "a")
    scanner = world.controller()
    scanner._compile = lambda _scanned: None
    scanner.scan()
    del scanner._compile
    world.share.rename("history/parts", "held/parts")
    world.share.put("history/parts", THEIRS)

    scanned = scanner.scan()

    assert scanned.compiled == 1
    assert world.share.tree()[layout.LEARNING_RECORDS]
    assert [t for t in scanned.troubles if t.startswith("compile history")]


def test_more_jobs_in_trouble_than_a_pass_looks_at_do_not_hide_the_others(world, monkeypatch):
    """Two hundred jobs whose verdict cannot be read, first by name, were tried again and again, and no other was ever merged."""
    monkeypatch.setattr(scanning, "MERGES_MAX", 3)
    monkeypatch.setattr(scanning, "AUDITS_MAX", 3)
    committed(world, *"abcdef", "z")
    for name in "abcdef":
        world.share.put(layout.manifest(name, 1), b"what is this")
    world._manifests.clear()
    scanner = world.controller()
    for _ in range(4):
        world.turn(60)
        scanner.scan()

    assert world.state("z") == f"done/{DAY}"


def test_more_failed_jobs_in_trouble_than_an_audit_looks_at_do_not_hide_the_others(
    world, monkeypatch
):
    monkeypatch.setattr(scanning, "AUDITS_MAX", 3)
    names = [*(f"s.{number}" for number in range(6)), "z"]
    for name in names:
        world.drop(name)
    assert world.worker().work(fail=Code.BAD_JOB) == len(names)
    world.share.put("history/parts/s", THEIRS)
    scanner = world.controller()
    for _ in range(4):
        world.turn(60)
        scanner.scan()

    assert layout.part(layout.HISTORY, "z", "~1") in world.share.tree()
