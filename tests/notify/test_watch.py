"""A controller's watch on a spool in memory: what it tells, once, whatever becomes of it, of the share and of the services."""

import json
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from spoolctl.controller.groups import GroupsKeeper
from spoolctl.controller.scanner import Scanner
from spoolctl.notify import watch
from spoolctl.notify.config import Config
from spoolctl.notify.letters import AGAIN_S, GIVEN_UP_S
from spoolctl.notify.seeing import Room
from spoolctl.notify.sending import Delivered
from spoolctl.notify.watch import LOOK_MAX_S, Senses, Watch
from spoolctl.spool import Code, Facts, Life, define_group, layout, retry
from spoolctl.spool.memory import Crashed, Fault
from tests.index.ledgers import damage
from tests.spool.spool_world import World

NAMES = ["night.0001", "night.0002", "night.0003"]
PLENTY = Room(10**12, 10**13)


def config(*names, **changes):
    told = [{"name": one, "url": f"ntfy://{one}"} for one in names or ("phone",)]
    facts = {"schema": "spool.notify/1", "title": "", "addresses": told, **changes}
    return Config.model_validate_json(json.dumps(facts))


@dataclass
class FakePost:
    """Brings letters nowhere, but keeps them; *fails* says at which addresses."""

    names: tuple = ("phone",)
    fails: frozenset = frozenset()
    is_slow: bool = False
    handed: list = field(default_factory=list)
    answers: list = field(default_factory=list)

    def hand(self, letter, address, pictures):
        self.handed.append((letter.title, address, pictures))
        if not self.is_slow:
            self.answers.append(
                Delivered(letter.id, address, "no network" if address in self.fails else None)
            )

    def delivered(self, wait_s=0.0):
        del wait_s
        found, self.answers = self.answers, []
        return found

    def titles(self):
        return [title for title, _, _ in self.handed]


class Farm:
    """A spool, controllers one after the other, and who is told."""

    def __init__(self, tmp_path, monkeypatch):
        self.world, self.path = World(), tmp_path / "index.sqlite"
        self.room, self.now = PLENTY, datetime(2026, 3, 27, 12, tzinfo=UTC)
        self.begun = []
        self.begin()

    def begin(self, post=None, said=None, files=None, **kwargs):
        """A controller's life; the one before is dead."""
        self.close()
        self.actor = self.world.actor("controller-c", files=files)
        self.keeper = GroupsKeeper(self.actor, self.path)
        self.scanner = Scanner(
            self.actor, Life(self.actor, "controller", Facts(state="running")), self.keeper
        )
        self.post = post or FakePost()
        senses = Senses(self.keeper.lent, lambda _mono: self.room, lambda: self.now)
        self.watch = Watch(
            self.actor, said or config(*self.post.names), self.post, senses, **kwargs
        )
        return self.post

    def close(self):
        if hasattr(self, "keeper"):
            self.keeper.close()

    def looks(self, count=8, *, step_s=LOOK_MAX_S):
        for _ in range(count):
            self.world.turn(step_s)
            self.scanner.scan()
            self.watch.look()

    def submitted(self, *names, group="night"):
        for name in names:
            self.world.drop(name)
        define_group(self.world.person(), group, list(names))

    def state(self):
        return json.loads(self.world.share.tree()[layout.NOTIFIED])


@pytest.fixture
def farm(tmp_path, monkeypatch):
    one = Farm(tmp_path, monkeypatch)
    yield one
    one.close()


def test_a_group_that_ends_is_told_once_with_its_contact_sheet(farm):
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.looks()

    ((title, address, pictures),) = farm.post.handed
    assert (title, address) == ("night: done, 3 of 3 succeeded", "phone")
    assert pictures == (farm.world.share.tree()["groups/night/contact.png"],)
    assert farm.state()["letters"] == []


def test_the_next_controller_repeats_nothing(farm):
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.looks()

    second = farm.begin()
    farm.looks()

    assert second.handed == []


def test_a_new_index_on_another_machine_repeats_nothing(farm, tmp_path):
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.looks()

    farm.path = tmp_path / "other.sqlite"
    second = farm.begin()
    farm.looks()

    assert second.handed == []


@pytest.mark.parametrize("table", ["jobs", "jobs_by_group", "jobs_summed", "told", "ledgers"])
def test_an_index_that_is_damaged_while_the_controller_runs_is_made_anew_and_nothing_is_repeated(
    farm, table
):
    farm.begin(said=config(idle_after_min=1))
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.looks(20)
    before = farm.post.titles()
    assert before == ["night: done, 3 of 3 succeeded", "the farm is idle"]

    farm.keeper.close()
    damage(farm.path, table)
    farm.world.turn(3_600)  # a full compile, which is to hand everything over once more
    farm.looks(20)
    assert farm.post.titles() == before

    farm.submitted("late.0001", group="late")
    farm.world.worker("w2").work()
    farm.looks(20)
    assert sorted(farm.post.titles()[2:]) == ["late: done, 1 of 1 succeeded", "the farm is idle"]


def test_an_index_of_which_only_the_watch_sees_that_it_is_damaged_is_made_anew(farm, monkeypatch):
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    with monkeypatch.context() as patch:
        patch.setattr(watch, "group_ends", malformed)
        farm.looks(1)
        assert not farm.path.exists()
    farm.looks()
    assert farm.post.titles() == ["night: done, 3 of 3 succeeded"]
    (one,) = farm.world.events("notify.trouble")
    assert "malformed" in one["error"]


def malformed(_connection):
    raise sqlite3.DatabaseError("database disk image is malformed")


def test_what_ended_while_no_controller_lived_is_told_by_the_next(farm):
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()

    second = farm.begin()
    farm.looks()

    assert len(second.titles()) == 1


def test_what_ended_before_anybody_was_told_anything_is_never_told(farm):
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.world.turn(3_600)
    farm.looks(20)
    assert farm.post.handed == []


def test_a_message_that_was_not_sent_when_the_controller_died_is_sent_by_the_next(farm):
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.post.is_slow = True
    farm.looks()
    assert len(farm.post.handed) == 1

    second = farm.begin()
    farm.looks()

    assert second.titles() == ["night: done, 3 of 3 succeeded"]
    assert len(second.handed[0][2]) == 1
    third = farm.begin()
    farm.looks()
    assert third.handed == []


def test_whom_it_reached_is_not_told_again_when_another_address_fails(farm):
    post = farm.begin(FakePost(("phone", "mail"), fails=frozenset({"mail"})))
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.looks(12)

    by_address = [address for _, address, _ in post.handed]
    assert by_address.count("phone") == 1
    assert by_address.count("mail") > 1
    assert farm.state()["letters"][0]["addresses"] == ["mail"]


def test_a_delivery_that_fails_is_tried_again_at_intervals_that_double_and_given_up_after_a_day(
    farm,
):
    post = farm.begin(FakePost(fails=frozenset({"phone"})), config(events=["done"]))
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.looks(int((GIVEN_UP_S + 600) / 120), step_s=120)

    assert 10 <= len(post.handed) <= 34  # 30 s, 1, 2, ... 32 min, then hourly
    assert farm.state()["letters"] == []
    assert farm.world.events("notify.given_up")
    assert farm.world.events("notify.failed")
    post.fails = frozenset()
    farm.looks()
    assert len(post.handed) <= 34


def test_a_service_that_is_back_gets_what_was_kept(farm):
    post = farm.begin(FakePost(fails=frozenset({"phone"})))
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.looks()
    post.fails = frozenset()
    farm.looks(20, step_s=AGAIN_S)
    assert len(set(post.titles())) == 1
    assert farm.state()["letters"] == []


def test_an_address_that_is_in_the_file_no_more_is_forgotten(farm):
    farm.begin(FakePost(fails=frozenset({"phone"})))
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.looks()
    second = farm.begin(FakePost(("mail",)))
    farm.looks()
    assert second.handed == []
    assert farm.state()["letters"] == []


class Refusing:
    """A view of the share that refuses to take what was told, while it is asked to."""

    def __init__(self, files):
        self._files, self.refuses = files, False

    def __getattr__(self, name):
        return getattr(self._files, name)

    def rename(self, source, target, **kwargs):
        if self.refuses and target == layout.NOTIFIED:
            raise OSError(5, "input/output error")
        return self._files.rename(source, target, **kwargs)


def test_nothing_is_sent_before_it_is_noted(farm):
    files = Refusing(farm.world.client())
    farm.begin(files=files)
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    files.refuses = True
    farm.looks()
    assert farm.post.handed == []
    assert farm.world.events("notify.trouble")

    files.refuses = False
    farm.looks()
    assert len(farm.post.handed) == 1


def test_what_went_and_could_not_be_noted_is_not_sent_again(farm):
    files = Refusing(farm.world.client())
    post = farm.begin(files=files)
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    while not post.handed:
        farm.looks(1)
    files.refuses = True
    farm.looks()
    files.refuses = False
    farm.looks()
    assert len(post.handed) == 1
    assert farm.state()["letters"] == []


@pytest.mark.parametrize("data", [b"", b"{", b"\x00\xff", b'{"schema": "spool.job/1"}', b"[]"])
def test_a_file_that_cannot_be_read_is_begun_anew_and_repeats_nothing(farm, data):
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.looks()
    farm.world.turn(3_600)
    farm.world.share.put(layout.NOTIFIED, data)

    second = farm.begin()
    farm.looks()

    assert second.handed == []
    assert farm.world.events("notify.unreadable")
    assert farm.state()["began_s"]


@pytest.mark.parametrize(
    "picture", ["../x.png", "/etc/x.png", "groups/../../x.png", "groups/a\\..\\x.png", "a\0b", "spool.yaml"]
)  # fmt: skip
def test_a_letter_with_a_picture_that_is_no_groups_is_refused_and_the_controller_lives(
    farm, picture
):
    """Whoever may write to the share may write it, and it would be there at each start."""
    farm.looks(1)
    state = farm.state()
    state["letters"] = [{
        "id": "x", "tone": "failure", "title": "t", "lines": ["l"], "pictures": [picture],
        "since_s": farm.actor.share_now_s(), "addresses": ["phone"],
    }]  # fmt: skip
    farm.world.share.put(layout.NOTIFIED, json.dumps(state).encode())

    second = farm.begin()
    farm.looks()

    assert second.handed == []
    assert farm.world.events("notify.unreadable")
    assert farm.state()["letters"] == []


def test_whatever_goes_wrong_with_telling_is_logged_and_ends_no_controller(farm):
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.post.hand = farm.post.delivered = lambda *_: 1 / 0
    farm.looks()
    farm.watch.finish(5.0)
    told = farm.world.events("notify.trouble")
    assert {one["kind"] for one in told} == {"ZeroDivisionError"}


def test_a_group_that_is_retried_is_told_again_once_all_of_it_has_ended(farm):
    farm.looks(1)
    farm.submitted(*NAMES)
    worker = farm.world.worker()
    worker.work(fail=Code.BAD_JOB)
    farm.looks()
    assert farm.post.titles()[-1].startswith("night: ended")

    retry(farm.world.person(), NAMES[1])
    farm.looks(60)
    before = len(farm.post.handed)
    farm.world.worker("w2").work()
    farm.looks(60)

    assert [one for one in farm.post.titles()[before:] if "ended again" in one] == [
        "night: ended again, 1 of 3 succeeded"
    ]


def test_a_controller_that_had_stood_by_reads_what_another_told(farm):
    farm.looks(1)
    first, post = farm.watch, farm.post
    first.rest()
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.begin()
    farm.looks()
    assert len(farm.post.handed) == 1

    farm.world.turn(60)
    senses = Senses(farm.keeper.lent, lambda _mono: PLENTY, lambda: farm.now)
    back = Watch(farm.actor, config(), post, senses)
    for _ in range(8):
        farm.world.turn(LOOK_MAX_S)
        back.look()
    assert post.handed == []


def test_quiet_hours_keep_what_is_told_until_they_end(farm):
    farm.begin(said=config(quiet=("22:30-7:30",)))
    farm.now = datetime(2026, 3, 27, 23, tzinfo=UTC)
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.looks(100)
    assert farm.post.handed == []

    farm.now = datetime(2026, 3, 28, 7, 30, tzinfo=UTC)
    farm.looks(2)

    ((title, _, _),) = farm.post.handed
    assert title == "night: done, 3 of 3 succeeded, and 1 more"  # and idle


def test_what_could_not_be_sent_before_quiet_hours_is_sent_behind_them_and_not_in_them(farm):
    post = farm.begin(
        FakePost(fails=frozenset({"phone"})), config(quiet=["22:30-7:30"], events=["done"])
    )
    farm.now = datetime(2026, 3, 27, 22, 28, tzinfo=UTC)
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.looks()
    before = len(post.handed)
    assert before

    farm.now = datetime(2026, 3, 28, 2, tzinfo=UTC)
    post.fails = frozenset()
    farm.looks(100)
    assert len(post.handed) == before

    farm.now = datetime(2026, 3, 28, 7, 30, tzinfo=UTC)
    farm.looks(1)
    assert len(post.handed) == before + 1


@pytest.mark.parametrize(
    ("quiet", "looks", "is_kept"),
    [
        ("sat,sun all day", 60, True),
        ("sat,sun all day", 80, False),
        ("mon all day", 30, False),
        ("daily all day", 7 * 24 - 2, True),
        ("daily all day", 7 * 24 + 1, False),
    ],
)
def test_a_letter_is_given_up_after_a_day_that_was_not_quiet_or_a_week(farm, quiet, looks, is_kept):
    """From Friday noon on, an hour a look; whichever controller looks then."""
    farm.begin(FakePost(fails=frozenset({"phone"})), config(events=["done"]))
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    farm.looks()
    farm.begin(FakePost(fails=frozenset({"phone"})), config(quiet=[quiet], events=["done"]))
    for _ in range(looks):
        farm.now += timedelta(hours=1)
        farm.looks(1, step_s=3_600)
    assert bool(farm.state()["letters"]) is is_kept


def test_an_idle_farm_is_told_with_what_waits(farm):
    farm.looks(1)
    farm.world.drop("alone-1")
    farm.looks(2)
    farm.world.drop("held-1", folder="held")
    farm.world.worker().work()
    farm.looks(70)
    ((title, _, _),) = farm.post.handed
    assert title == "the farm is idle"
    farm.looks(70)
    assert len(farm.post.handed) == 1


def test_a_full_share_is_told(farm):
    farm.room = Room(10**9, 10**13)
    farm.looks(2)
    assert farm.post.titles() == ["the share is nearly full"]


def test_a_worker_that_falls_silent_is_told(farm):
    worker = farm.world.actor("attic", machine="host-b")
    life = Life(worker, "worker", Facts(state="idle"))
    for _ in range(4):
        life.beat()
        farm.looks(1)
    farm.looks(30)
    assert farm.post.titles() == ["worker attic is silent"]
    life.beat()
    farm.looks(1)
    for _ in range(4):
        life.beat()
        farm.looks(1)
    assert farm.post.titles()[1:] == ["worker attic is well again"]


def test_a_single_look_of_a_scheduler_tells_without_waiting(farm):
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    post = farm.begin(once=True)
    farm.scanner.scan()
    farm.watch.look()
    farm.watch.finish(5.0)
    assert len(post.handed) == 1
    assert farm.state()["letters"] == []


def test_a_look_at_a_spool_where_nothing_happens_writes_nothing(farm):
    farm.looks(3)
    view = farm.world.client()
    farm.begin(files=view)
    farm.looks(1)
    begin = len(view.trace)
    for _ in range(20):
        farm.world.turn(LOOK_MAX_S)
        farm.watch.look()
    assert [
        one for one in view.trace[begin:] if layout.NOTIFIED in str(one) and "read" not in str(one)
    ] == []


@pytest.mark.parametrize(
    "fault", [Fault.CRASH, Fault.CRASH_AFTER, Fault.TORN, Fault.BEFORE, Fault.LOST_REPLY]
)
def test_whatever_fails_or_dies_at_any_operation_the_group_is_told_and_hardly_ever_twice(
    farm, fault
):
    """Twice only by a controller that died with the message on its way: its note that it went is what was cut off."""
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    state = farm.world.share.tree()[layout.NOTIFIED]
    farm.looks()  # merged, shown, told; then what was told is taken back
    farm.world.share.put(layout.NOTIFIED, state)
    before, twice, number, fired = farm.world, 0, 0, True
    while fired:
        world = before.copy()
        view = world.client()
        view.fail(number, fault)
        first, second = FakePost(), FakePost()
        told = 0
        for post, files in ((first, view), (second, None)):
            actor = world.actor("controller-c", files=files)
            senses = Senses(farm.keeper.lent, lambda _mono: PLENTY, lambda: farm.now)
            watch = Watch(actor, config(), post, senses)
            try:
                for _ in range(8):
                    world.turn(LOOK_MAX_S)
                    watch.look()
            except Crashed:
                pass
            told += len(post.handed)
        fired = len(view.trace) > number
        assert 1 <= told <= (2 if fault in (Fault.CRASH, Fault.CRASH_AFTER, Fault.TORN) else 1), (
            number,
            view.trace[-3:],
        )
        assert json.loads(world.share.tree()[layout.NOTIFIED])["letters"] == []
        twice += told > 1
        number += 1
    assert number > 20
    assert twice < number / 4


def test_names_that_no_program_of_ours_gave_are_passed_over(farm):
    farm.looks(1)
    farm.submitted(*NAMES)
    farm.world.worker().work()
    life = Life(farm.world.actor("attic", machine="host-b"), "worker", Facts(state="sick"))
    for _ in range(6):
        life.beat()
        beat = farm.world.share.tree()["nodes/attic.heartbeat.json"]
        farm.world.share.put(f"nodes/{'x' * 230}.heartbeat.json", beat)
        farm.world.share.unlink("nodes/attic.heartbeat.json")
        farm.looks(1)
    farm.looks()
    assert farm.post.titles() == ["night: done, 3 of 3 succeeded"]
    second = farm.begin()
    farm.looks()
    assert second.handed == []
    assert not farm.world.events("notify.unreadable")
