"""Who holds a worker's name, told from the heartbeat that lies there; and who may not work here at all."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from spoolctl.spool import (
    NODE_SCHEMA,
    FormatNotUnderstood,
    Heartbeat,
    Host,
    Life,
    NameWatch,
    Node,
    Vacancy,
    encode,
    introduce,
    refuse_holder,
    refuse_other_protocol,
)  # fmt: skip
from tests.spool.spool_world import START_UTC_S, World

HERE = ("host-a", "id-host-a", "boot-host-a")


@pytest.fixture
def world():
    return World()


def left(world, host, *, state="idle", pid=7):
    """The heartbeat of a former holder, as it lies on the share."""
    actor = world.actor("w1")
    life = Life(replace(actor, host=Host(*host, pid, float(pid))), "worker")
    life.tell(state=state)
    life.beat()
    return life


@pytest.mark.parametrize(
    ("host", "state", "dead", "expected"),
    [
        (HERE, "idle", False, "held"),
        (HERE, "running", False, "held"),
        (HERE, "idle", True, Vacancy.FREE),
        (HERE, "stopped", False, Vacancy.FREE),
        (("host-a", "id-host-a", "another-boot"), "idle", False, Vacancy.FREE),
        (("host-b", "id-host-b", "boot-host-b"), "idle", False, Vacancy.UNKNOWN),
        (("host-b", "id-host-b", "boot-host-b"), "idle", True, Vacancy.UNKNOWN),
        (("host-b", "id-host-b", "boot-host-b"), "stopped", False, Vacancy.FREE),
        (("host-a", "id-of-a-container", "boot-host-a"), "idle", True, Vacancy.UNKNOWN),
    ],
)
def test_who_holds_a_name(world, host, state, dead, expected):
    left(world, host, state=state)
    if dead:
        world.dead.add(7)

    found = NameWatch(world.actor("w1")).holder()

    if expected == "held":
        assert isinstance(found, Heartbeat)
        assert found.pid == 7
    else:
        assert found is expected


def test_a_name_that_was_never_used_is_free(world):
    assert NameWatch(world.actor("w1")).holder() is Vacancy.FREE


def test_ones_own_heartbeat_is_no_holder(world):
    actor = world.actor("w1")
    Life(actor, "worker").beat()

    assert NameWatch(actor).holder() is Vacancy.FREE


def test_a_heartbeat_that_cannot_be_read_holds_nothing_and_is_told(world):
    world.share.put("nodes/w1.heartbeat.json", b"{")

    assert NameWatch(world.actor("w1")).holder() is Vacancy.FREE
    assert world.events("identity.unreadable")


def test_a_foreign_name_is_free_after_some_heartbeats_without_change(world):
    left(world, ("host-b", "b", "b"))
    watch = NameWatch(world.actor("w1"))

    found = []
    for _ in range(5):
        found.append(watch.holder())
        world.turn(10)

    assert found == [Vacancy.UNKNOWN] * 4 + [Vacancy.FREE]


def test_a_foreign_name_whose_counter_grows_is_held(world):
    life = left(world, ("host-b", "b", "b"))
    watch = NameWatch(world.actor("w1"))
    assert watch.holder() is Vacancy.UNKNOWN
    life.beat()

    assert watch.holder().machine == "host-b"


def test_a_clock_that_is_wrong_decides_nothing(world):
    life = left(world, ("host-b", "b", "b"))
    slow = world.actor("w1")
    world.clock.offset_s = 10_000_000
    watch = NameWatch(slow)

    assert watch.holder() is Vacancy.UNKNOWN
    world.clock.offset_s = -10_000_000
    assert watch.holder() is Vacancy.UNKNOWN
    life.beat()
    assert isinstance(watch.holder(), Heartbeat)


def test_a_share_that_does_not_answer_is_no_vacancy(world):
    left(world, HERE)
    actor = world.actor("w1")

    def away(_path, *, bytes_max):
        raise OSError(5, "Input/output error")

    actor.files.read = away
    with pytest.raises(OSError, match="Input/output"):
        NameWatch(actor).holder()


def test_the_refusal_names_the_holder_and_what_to_do(world):
    life = left(world, ("attic-pc", "b", "b"))

    error = refuse_holder("w1", life.record())

    assert str(error) == (
        "the worker name 'w1' is held by process 7 on 'attic-pc' "
        f"(session {life.actor.session}, last seen 2026-03-27 12:00:00Z)"
    )
    assert error.exit_code == 24
    assert "--name" in error.hint


def card(worker, protocol):
    return Node(
        schema_=NODE_SCHEMA, worker=worker, session="s", machine="attic", protocol=protocol, version="9.1",
        backend="sketch", started_at=datetime.fromtimestamp(START_UTC_S, tz=UTC),
    )  # fmt: skip


@pytest.mark.parametrize(("protocol", "refused"), [(0, False), (1, False), (2, True)])
def test_a_worker_of_a_newer_protocol_is_not_worked_beside(world, protocol, refused):
    introduce(world.actor("w2"), card("w2", protocol))

    if not refused:
        refuse_other_protocol(world.actor("w1"))
        return
    with pytest.raises(
        FormatNotUnderstood, match="worker 'w2' on 'attic' speaks protocol 2"
    ) as caught:
        refuse_other_protocol(world.actor("w1"))
    assert "9.1" in caught.value.hint


def test_cards_that_cannot_be_read_refuse_nobody(world):
    world.share.put("nodes/w2.node.yaml", b"?")
    world.share.put("nodes/.w3.node.yaml", encode(card("w3", 2)))

    refuse_other_protocol(world.actor("w1"))

    assert [facts["file"] for facts in world.events("identity.unreadable")] == ["w2.node.yaml"]
