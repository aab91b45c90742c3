"""What only the controller does: merge, audit, compile; twice if there are two, and with the same result."""

import json

import pytest

from spoolctl.controller import scanner as scanning
from spoolctl.spool import Code, layout
from spoolctl.spool.memory import Blind, Crashed, Fault
from tests.spool.spool_world import JOB, World

DAY = "2026-03-27"


@pytest.fixture
def world():
    return World()


def committed(world, *names):
    for name in names:
        world.drop(name)
    assert world.worker().work() == len(names)
    for name in names:
        assert world.state(name) == "finished"


def image(name):
    return f"{layout.attempt(name, 1)}/0000-1-txt2img.png"


def move(world, name, folder):
    """A late rename, or a person's hand, takes the record elsewhere."""
    (path,) = world.places(name)
    world.share.put(folder, None)
    world.share.view().rename(path, f"{folder}/{path.rpartition('/')[2]}")


# Merging


def test_what_is_finished_is_merged_compiled_and_done(world):
    committed(world, "a", "b")

    scanned = world.controller().scan()

    assert (scanned.merged, scanned.compiled, scanned.problems, scanned.troubles) == (2, 2, {}, [])
    assert world.state("a") == f"done/{DAY}"
    world.check_ended("a", "b")


def test_a_second_pass_finds_nothing_to_do(world):
    committed(world, "a")
    scanner = world.controller()
    scanner.scan()

    scanned = scanner.scan()

    assert (scanned.merged, scanned.compiled, scanned.troubles) == (0, 0, [])


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (b"\x89PNG other", "bytes, its manifest says"),
        (None, "is not there"),
    ],
)
def test_a_result_that_is_not_as_its_manifest_says_stays_finished_until_it_is_mended(
    world, harm, reason
):
    committed(world, "a", "b")
    whole = world.share.tree()[image("a")]
    if harm is None:
        world.share.view().unlink(image("a"))
    else:
        world.share.put(image("a"), harm)
    scanner = world.controller()

    scanned = scanner.scan()
    assert scanned.merged == 1, "the other one is merged all the same"
    assert image("a") in scanned.problems["a"]
    assert reason in scanned.problems["a"]
    assert world.state("a") == "finished"
    assert world.corpus("a") == []

    world.share.put(image("a"), whole)
    assert "a" in scanner.scan().problems, "told until it is over, and not read again each time"
    world.turn(scanning.PROBLEM_AGAIN_S + 1)
    scanned = scanner.scan()
    assert (scanned.merged, scanned.problems) == (1, {})
    world.turn(600)
    scanner.scan()
    world.check_ended("a", "b")


def test_a_changed_image_of_the_same_length_is_a_problem_too(world):
    committed(world, "a")
    whole = world.share.tree()[image("a")]
    world.share.put(image("a"), whole[:-1] + b"?")

    assert "was changed" in world.controller().scan().problems["a"]


def test_a_problem_is_forgotten_once_its_record_is_gone(world):
    committed(world, "a")
    world.share.view().unlink(image("a"))
    scanner = world.controller()
    scanner.scan()
    world.removed.add("a")
    world.share.view().unlink(world.places("a")[0])

    assert scanner.scan().problems == {}


def test_a_problem_is_not_read_again_at_each_pass(world):
    committed(world, "a")
    world.share.view().unlink(image("a"))
    scanner = world.controller()
    files = scanner._actor.files
    scanner.scan()
    begin = files.operations
    scanner.scan()

    assert ("digest", image("a")) not in files.trace[begin:]


def test_one_jobs_trouble_stops_neither_the_others_nor_the_pass(world):
    committed(world, "a", "b")
    world.share.put(f"{layout.attempt('a', 1)}/manifest.yaml", b"what is this")
    world._manifests.clear()

    scanned = world.controller().scan()

    assert scanned.merged == 1
    assert any("finished/a~1.yaml" in trouble for trouble in scanned.troubles)
    assert world.state("a") == "finished"


def test_a_folder_that_cannot_be_listed_is_a_trouble_and_the_other_steps_go_on(world):
    committed(world, "a")
    scanner = world.controller()
    scanner._actor.files.blind("finished", Blind.FAILS)

    scanned = scanner.scan()
    assert any(trouble.startswith("merge_finished: ") for trouble in scanned.troubles)

    scanner._actor.files.sees()
    assert scanner.scan().merged == 1


def test_a_controller_whose_lives_end_in_the_sweep_still_merges(world, monkeypatch):
    """Killed every two seconds, four controllers of five came to no merge: each began with a sweep of all that rests."""

    def dies(_sweeper):
        raise Crashed

    committed(world, "a")
    scanner = world.controller()
    monkeypatch.setattr(scanner._sweeper, "sweep", dies.__get__(scanner._sweeper))

    with pytest.raises(Crashed):
        scanner.scan()

    assert world.state("a") == f"done/{DAY}"


def test_what_the_sweep_of_a_pass_brings_to_finished_is_merged_by_the_same_pass(world):
    """``controller run --once`` may be the only pass of the night."""
    committed(world, "a")
    move(world, "a", "waiting")

    scanned = world.controller().scan()

    assert (scanned.swept.settled, scanned.merged) == (1, 1)
    assert world.state("a") == f"done/{DAY}"


# The audit


@pytest.mark.parametrize(
    "thief", ["queue/batch", "waiting", "held", f"failed/{DAY}", f"cancelled/{DAY}", "finished"]
)
def test_a_committed_record_that_a_late_rename_took_away_is_brought_back(world, thief):
    committed(world, "a")
    scanner = world.controller()
    scanner.scan()
    move(world, "a", thief)

    for _ in range(4):
        world.turn(60)
        world.worker().work()
        scanner.scan()

    world.check_ended("a")
    assert world.state("a") == f"done/{DAY}"
    assert world.verdicts("a") == ["succeeded"]
    assert len(world.runs) == 1


def test_a_commit_that_was_carried_to_done_past_the_merge_is_merged_by_the_audit(world):
    committed(world, "a")
    move(world, "a", f"done/{DAY}")
    scanner = world.controller()

    scanner.scan()

    assert len(world.corpus("a")) == 1
    world.turn(60)
    scanner.scan()
    world.check_ended("a")


def test_a_failed_record_in_done_goes_to_failed(world):
    world.drop("a")
    world.worker().work(fail=Code.BAD_JOB)
    move(world, "a", f"done/{DAY}")
    scanner = world.controller()

    scanner.scan()

    assert world.state("a") == f"failed/{DAY}"


def test_a_failed_job_has_its_line_in_the_history_too(world):
    world.drop("a")
    world.worker().work(fail=Code.BAD_JOB)

    world.controller().scan()

    assert layout.part(layout.HISTORY, "a", "~1") in world.share.tree()
    assert world.corpus("a") == []


def test_a_failed_job_whose_record_cannot_be_read_any_more_has_its_line_all_the_same(world):
    world.drop("a")
    world.worker().work(fail=Code.BAD_JOB)
    files = world.share.view()
    files.unlink(layout.pinned_record("a"))
    files.write_new(layout.pinned_record("a"), b"?")

    world.controller().scan()

    line = json.loads(world.share.tree()[layout.part(layout.HISTORY, "a", "~1")])
    assert (line["verdict"], line["code"], line["kind"]) == ("failed", "bad_job", None)
    assert world.events("audit.no_record")


def test_a_job_that_the_controller_ends_is_ended_in_the_controllers_name(world):
    world.drop("b")
    world.worker().work(fail=Code.BAD_JOB)
    world.drop("a", JOB.replace(b"...", b"after: [b]\n..."), "waiting")
    world.drop("c", folder="cancelled")

    world.controller().scan()

    assert (world.verdicts("a"), world.verdicts("c")) == (["failed"], ["cancelled"])
    beats = [world.share.tree()[layout.attempt_heartbeat(name, 1)] for name in "ac"]
    assert [json.loads(beat)["role"] for beat in beats] == ["controller"] * 2


def test_a_record_at_rest_is_audited_once(world):
    committed(world, "a")
    scanner = world.controller()
    scanner.scan()
    scanner.scan()
    begin = scanner._actor.files.operations
    scanner.scan()

    looked = scanner._actor.files.trace[begin:]
    assert not [paths for _, *paths in looked if any(layout.results("a") in path for path in paths)]


def test_what_a_scanner_merged_itself_it_does_not_audit_and_another_does(world, monkeypatch):
    """The audit of ten thousand jobs just merged took a controller as long as merging them."""
    audited = []
    audit_one = scanning.Scanner._audit_one

    def noted(self, scanned, location):
        audited.append((self._actor.name, location.name))
        audit_one(self, scanned, location)

    monkeypatch.setattr(scanning.Scanner, "_audit_one", noted)
    committed(world, "a")
    one = world.controller("controller-1")
    one.scan()
    one.scan()
    assert audited == []

    world.controller("controller-2").scan()
    assert audited == [("controller-2", "a")]


def test_a_record_that_comes_back_to_done_elsewhere_is_audited_though_merged_here(world):
    committed(world, "a")
    scanner = world.controller()
    scanner.scan()
    move(world, "a", "done/2026-03-26")
    files = scanner._actor.files
    files.unlink(layout.part(layout.CORPUS, "a"))

    scanner.scan()

    assert len(world.corpus("a")) == 1, "the audit found its part missing"


def test_a_merged_record_whose_part_is_gone_by_the_next_look_is_audited_like_any_other(world):
    committed(world, "a")
    scanner = world.controller()
    scanner._audit = lambda _scanned: None  # the pass that merged it died before its audit
    scanner.scan()
    del scanner._audit
    scanner._actor.files.unlink(layout.part(layout.CORPUS, "a"))

    scanner.scan()

    assert len(world.corpus("a")) == 1


def test_an_audit_lists_a_shelf_of_parts_once_for_all_its_jobs():
    """It listed ten thousand names for each of ten thousand jobs; over SMB a listing is a request for each hundred names."""

    def listings(count):
        world = World()
        committed(world, *(f"s.{number}" for number in range(count)))
        world.controller("controller-1").scan()
        scanner = world.controller("controller-2")
        begin = scanner._actor.files.operations
        scanner.scan()
        return scanner._actor.files.trace[begin:].count(("names", "corpus/parts/s"))

    assert listings(8) == listings(2)


# Two at once, and one that dies


def test_two_scanners_side_by_side_merge_each_job_once(world):
    committed(world, "a", "b", "c")
    one, two = world.controller("controller-1"), world.controller("controller-2")
    act = iter(range(10_000))
    one._actor.files.on_operation = lambda *_: two.scan() if next(act) % 7 == 3 else None

    for _ in range(3):
        one.scan()
        world.check()
        world.turn(60)
    two.scan()

    world.check_ended("a", "b", "c")


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.CRASH_AFTER, Fault.TORN])
def test_a_scanner_that_dies_anywhere_is_followed_by_one_that_ends_its_work(fault):
    at = 0
    while True:
        world = World()
        committed(world, "a")
        scanner = world.controller("controller-1")
        scanner._actor.files.fail(at, fault)
        try:
            scanner.scan()
        except Crashed:
            ended = False
        else:
            ended = True
        world.check()
        after = world.controller("controller-2")
        for _ in range(2):
            world.turn(60)
            after.scan()
        world.check_ended("a")
        if ended:
            return
        at += 1
