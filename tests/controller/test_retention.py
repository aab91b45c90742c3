"""What may go, goes: by the share's days, after the verdict, and nothing else."""

from datetime import UTC, datetime

import pytest

from spoolctl.controller import retention as retaining
from spoolctl.controller.retention import Retention
from spoolctl.spool import Code, layout, records
from tests.spool.spool_world import World

HOUR, DAYS = 3_600.0, 86_400.0


def world_with(**days):
    return World(retention=records.Retention(**days))


def ended(world, *names, fail=None):
    """Jobs at rest, merged and closed."""
    for name in names:
        world.drop(name)
    world.worker().work(fail=fail)
    world.controller().scan()


def image(name):
    return f"{layout.attempt(name, 1)}/0000-1-txt2img.png"


def has(world, path):
    return path in world.share.tree()


def test_nothing_goes_by_default():
    world = World()
    ended(world, "a")
    world.turn(1_000 * DAYS)
    retention = Retention(world.actor("controller-c"))

    assert retention.apply() == {}
    assert has(world, image("a"))
    assert retention._actor.files.operations == 0


def test_outputs_go_after_their_days_and_everything_decided_stays():
    world = world_with(outputs_days=2)
    ended(world, "a")
    retention = Retention(world.actor("controller-c"))

    world.turn(2 * DAYS)
    retention.apply()
    assert has(world, image("a")), "its day is two days ago, not more"
    world.turn(1 * DAYS)
    retention.apply()

    assert not has(world, image("a"))
    assert world.verdicts("a") == ["succeeded"]
    assert world.state("a") == "done/2026-03-27"
    assert len(world.corpus("a")) == 1
    world.check()


def test_whole_jobs_go_after_theirs_but_for_a_tombstone_and_their_place_in_the_corpus():
    world = world_with(records_days=10)
    ended(world, "a")
    ended(world, "b", fail=Code.BAD_JOB)
    retention = Retention(world.actor("controller-c"))
    world.turn(11 * DAYS)

    assert retention.apply() == {}

    for name in ("a", "b"):
        assert world.places(name) == []
        left = [p for p in world.share.tree() if p.startswith(f"{layout.results(name)}/")]
        assert left == [f"{layout.results(name)}/pruned.yaml"]
    assert len(world.corpus("a")) == 1
    world.turn(HOUR + 1)
    retention.apply()
    assert not has(world, "done/2026-03-27"), "a day that is empty goes too"


def test_the_days_are_counted_by_the_shares_clock():
    world = world_with(outputs_days=2)
    ended(world, "a")
    wrong = world.actor("controller-c")
    world.clock.offset_s = 1_000 * DAYS
    Retention(wrong).apply()
    assert has(world, image("a"))

    world.clock.offset_s = -1_000 * DAYS
    world.turn(3 * DAYS)
    Retention(world.actor("controller-d")).apply()
    assert not has(world, image("a"))


def test_the_day_is_the_verdicts_and_not_that_of_the_move():
    world = world_with(outputs_days=2)
    world.drop("a")
    world.worker().work()
    world.turn(3 * DAYS)
    world.controller().scan()
    assert world.state("a") == "done/2026-03-27"

    Retention(world.actor("controller-c")).apply()
    assert not has(world, image("a"))


def test_what_is_not_at_rest_stays():
    world = world_with(outputs_days=0, records_days=0)
    world.drop("running")
    world.worker("w1").claim()
    world.drop("finished")
    world.worker("w2").work()
    world.turn(100 * DAYS)

    Retention(world.actor("controller-c")).apply()

    assert world.state("running").startswith("claimed/")
    assert world.state("finished") == "finished"
    assert has(world, image("finished"))


@pytest.mark.parametrize("folder", ["2025 best of", "0-keep", "2026-03-1", "keep"])
def test_a_persons_own_folder_is_no_day(folder):
    """'2025 best of' sorts before every day of 2026, so that what was put aside to be kept would have been removed first."""
    world = world_with(outputs_days=1, records_days=1)
    ended(world, "a")
    world.share.put(f"done/{folder}", None)
    (path,) = world.places("a")
    world.share.view().rename(path, f"done/{folder}/a~1.yaml")
    world.turn(100 * DAYS)

    Retention(world.actor("controller-c")).apply()

    assert has(world, f"done/{folder}/a~1.yaml")
    assert has(world, image("a"))


def test_it_looks_once_an_hour():
    world = world_with(outputs_days=1)
    retention = Retention(world.actor("controller-c"))
    retention.apply()
    ended(world, "a")
    world.turn(HOUR - 60)
    before = retention._actor.files.operations
    retention.apply()
    assert retention._actor.files.operations == before
    world.turn(61)
    retention.apply()
    assert retention._actor.files.operations > before


def test_a_bounded_number_goes_each_time_and_the_rest_the_next(monkeypatch):
    monkeypatch.setattr(retaining, "JOBS_MAX", 2)
    world = world_with(records_days=1)
    ended(world, *(f"j.{index}" for index in range(5)))
    retention = Retention(world.actor("controller-c"))
    world.turn(3 * DAYS)

    left = []
    for _ in range(3):
        retention.apply()
        left.append(sum(bool(world.places(f"j.{index}")) for index in range(5)))
        world.turn(HOUR + 1)
    assert left == [3, 1, 0]


def test_what_fails_is_told_and_tried_again(monkeypatch):
    world = world_with(outputs_days=1)
    ended(world, "a", "b")
    actor = world.actor("controller-c")
    retention = Retention(actor)
    unlink = actor.files.unlink

    def refuses(path):
        if path == image("a"):
            raise PermissionError(13, "Permission denied", path)
        unlink(path)

    actor.files.unlink = refuses
    world.turn(3 * DAYS)
    failed = retention.apply()

    assert list(failed) == ["done/2026-03-27/a~1.yaml"]
    assert not has(world, image("b"))
    actor.files.unlink = unlink
    world.turn(HOUR + 1)
    assert retention.apply() == {}
    assert not has(world, image("a"))


def test_a_share_that_does_not_answer_is_an_error_and_tried_again_in_an_hour():
    world = world_with(outputs_days=1)
    retention = Retention(world.actor("controller-c"))

    def away(_folder):
        raise OSError(5, "Input/output error")

    retention._actor.files.mkdir = away
    with pytest.raises(OSError, match="Input/output"):
        retention.apply()


def test_half_days_are_allowed():
    world = world_with(outputs_days=0.5)
    ended(world, "a")
    at = datetime(2026, 3, 28, 12, 1, tzinfo=UTC)
    world.turn(at.timestamp() - datetime(2026, 3, 27, 12, 0, tzinfo=UTC).timestamp())

    Retention(world.actor("controller-c")).apply()

    assert not has(world, image("a"))
