"""What is news: each thing once, at intervals that double; nothing lost to quiet hours; never one message for each job. By virtual time."""

from dataclasses import replace

import pytest

from spoolctl.notify.news import (
    AGAIN_S,
    FAILING_S,
    FULL_S,
    OLD_S,
    Rules,
    beginning,
    look,
    may_matter,
)
from spoolctl.notify.seeing import GroupSeen, Room, Seen, WorkerSeen
from spoolctl.spool import Notified, decode, encode_json

BEGAN = 1_000_000.0
RULES = Rules(free_bytes=20e9)
GROUP = GroupSeen(
    "night", ended=4, succeeded=4, failed=0, cancelled=0, seconds=90.0, wall_s=60.0,
    last_end_s=BEGAN + 5, last_failed_s=None, said=None, is_settled=False,
)  # fmt: skip
DAY = 86_400.0


def over(group="night", *, failed=0, ended=4, said=None, **changes):
    """A group that has ended."""
    facts = {"failed": failed, "succeeded": ended - failed, "ended": ended, "is_settled": True, "images": ended,
             "said": said or f"{ended}/{failed}", "last_failed_s": BEGAN + 5 if failed else None, **changes}  # fmt: skip
    return replace(GROUP, group=group, **facts)


def under_way(failed, group="night", **changes):
    """A group that goes on."""
    return replace(GROUP, group=group, failed=failed, last_failed_s=BEGAN + 5, **changes)


class Farm:
    """Looks one after the other, each a restart of the controller: what was told goes through its file."""

    def __init__(self, rules=RULES):
        self.rules, self.state, self.now_s = rules, beginning(BEGAN), BEGAN
        self.told = []

    def look(self, *groups, after_s=15.0, quiet=False, **seen):
        self.now_s += after_s
        one = Seen(now_s=self.now_s, is_quiet=quiet, groups=tuple(groups), **seen)
        self.state, message = look(self.state, one, self.rules)
        self.state = decode(Notified, encode_json(self.state))
        if message is not None:
            self.told.append(message)
        return message


@pytest.fixture
def farm():
    return Farm()


# Groups that have ended


def test_a_group_that_has_ended_is_told_once_with_counts_times_and_its_sheet(farm):
    sheet = "groups/night/contact.png"
    group = over(ended=200, failed=3, cancelled=0, images=788, seconds=50_000.0, wall_s=7_300.0,
                 codes={"out_of_memory": 2, "timeout": 1}, picture=sheet)  # fmt: skip

    message = farm.look(group)

    assert message.title == "night: ended, 197 of 200 succeeded"
    assert message.lines == (
        "788 images, 3 failed (2 out_of_memory, 1 timeout), 2 h 02 min from first start to last end, 13 h 53 min of cards' time",
    )
    assert (message.tone, message.pictures) == ("warning", (sheet,))
    assert farm.look(group) is None
    assert farm.look(group, after_s=90 * DAY) is None


def test_a_group_without_failures_is_done_and_one_of_only_failures_is_a_failure(farm):
    assert farm.look(over("a")).tone == "success"
    assert "done" in farm.told[-1].title
    assert farm.look(over("b", failed=4)).tone == "failure"


def test_a_group_that_was_cancelled_is_no_success(farm):
    message = farm.look(replace(over(), succeeded=0, cancelled=4))
    assert (message.title, message.tone) == ("night: cancelled, 0 of 4 succeeded", "info")
    message = farm.look(replace(over("b"), succeeded=3, cancelled=1))
    assert (message.title, message.tone) == ("b: ended, 3 of 4 succeeded", "info")


def test_a_group_that_has_not_settled_is_not_told_yet(farm):
    assert farm.look(over(is_settled=False)) is None
    assert farm.look(over()) is not None


def test_several_news_of_one_look_are_one_message(farm):
    message = farm.look(over("a"), over("b", failed=1), over("c"))

    assert message.title == "a: done, 4 of 4 succeeded, and 2 more"
    assert [line.split(":")[0] for line in message.lines] == ["a", "b", "c"]
    assert message.tone == "warning"


def test_a_hundred_news_are_one_message_of_bounded_length(farm):
    pictures = [over(f"g{n:03}", picture=f"{n}.png") for n in range(100)]
    message = farm.look(*pictures)

    assert len(message.lines) == 13
    assert message.lines[-1] == "and 88 more (88 success)"
    assert len(message.pictures) == 4


def test_a_message_is_short_enough_for_those_who_take_little(farm):
    groups = [over(f"{n:03}" + "g" * 190, failed=4, codes={"c" * 60: 1}) for n in range(100)]
    message = farm.look(*groups, workers={"w": WorkerSeen("sick", "x" * 5_000)})

    assert len(message.title) <= 160
    assert sum(len(line) + 1 for line in message.lines) < 2_000


def test_a_share_whose_clock_was_set_back_silences_nobody(farm):
    """It said 2030 when telling began, and when something was told."""
    farm.now_s = BEGAN + 3 * 365 * DAY
    farm.state = beginning(farm.now_s)
    assert farm.look(over("early", last_end_s=farm.now_s), room=Room(1, 10**12)) is not None
    farm.now_s = BEGAN

    assert farm.look(over(), room=Room(1, 10**12)) is not None
    assert farm.look(over("early", said="again")) is not None
    assert farm.state.began_s < BEGAN + 60


def test_a_group_that_is_retried_and_ends_again_is_told_again(farm):
    farm.look(over(failed=2))

    again = farm.look(over(failed=0, said="other"), after_s=3_600)

    assert again.title == "night: ended again, 4 of 4 succeeded"
    assert farm.look(over(failed=0, said="other")) is None


def test_jobs_that_come_late_one_by_one_are_told_at_intervals_that_double(farm):
    """A job each minute for a day in a group that is never the same: not 1 440 messages."""
    for minute in range(1_440):
        farm.look(over(ended=4 + minute), after_s=60)

    assert 5 <= len(farm.told) <= 9
    assert (
        farm.look(over(ended=1_444), after_s=2 * DAY) is not None
    )  # nothing is left out in the end


def test_what_ended_before_anybody_was_told_anything_is_old(farm):
    assert farm.look(over(last_end_s=BEGAN - 3_600)) is None
    assert farm.look(over(last_end_s=None)) is None
    assert farm.look(replace(under_way(5), last_failed_s=BEGAN - 3_600)) is None


def test_an_old_group_of_which_a_job_ends_anew_is_news(farm):
    assert not may_matter(farm.state, over(last_end_s=BEGAN - DAY))
    assert may_matter(farm.state, over(last_end_s=BEGAN + 60))
    assert farm.look(over(last_end_s=BEGAN + 60)) is not None


def test_a_worker_whose_clock_runs_a_little_behind_hides_no_group(farm):
    assert farm.look(over(last_end_s=BEGAN - 30)) is not None


def test_what_was_told_long_ago_is_dropped_and_not_told_again(farm):
    farm.look(over("first"))
    farm.look(over("second"), after_s=OLD_S + 200)

    assert list(farm.state.groups) == ["second"]
    assert farm.look(over("first")) is None


def test_what_is_dropped_is_old_also_by_a_clock_that_runs_a_little_behind(farm):
    farm.look(over("first"))
    farm.look(over("second"), after_s=OLD_S + 1)
    assert farm.look(over("first")) is None


# Groups that fail


def test_failures_are_told_at_the_first_and_then_only_when_they_have_doubled_and_time_has_passed(
    farm,
):
    assert farm.look(under_way(1)).title == "night: 1 failed"
    assert farm.look(under_way(50)) is None  # at once
    assert farm.look(under_way(1), after_s=FAILING_S) is None  # not doubled
    assert farm.look(under_way(50)).title == "night: 49 more failed, 50 now"
    assert farm.look(under_way(99), after_s=10 * FAILING_S) is None
    assert farm.look(under_way(100)) is not None


def test_a_night_in_which_everything_fails_is_a_handful_of_messages():
    farm = Farm()
    for failed in range(1, 3_001):  # ten seconds a job
        farm.look(under_way(failed), after_s=10)

    assert 4 <= len(farm.told) <= 8


def test_the_first_failures_may_be_left_out():
    farm = Farm(replace(RULES, failing_from=10))
    assert farm.look(under_way(9)) is None
    assert farm.look(under_way(10)) is not None


def test_a_group_that_has_ended_is_not_told_to_be_failing(farm):
    farm.look(over(failed=4))
    assert [one.title for one in farm.told] == ["night: ended, 0 of 4 succeeded"]


def test_failures_that_the_end_told_are_not_told_again_but_new_ones_are(farm):
    farm.look(over(failed=3, ended=10))
    assert farm.look(under_way(3)) is None
    assert farm.look(under_way(4), after_s=3_600).title == "night: 1 more failed, 4 now"


def test_single_jobs_that_fail_are_told_together_and_never_done(farm):
    first = under_way(1, "singles", is_singles=True)
    assert farm.look(first).title == "single jobs: 1 failed"
    for failed in range(2, 100):
        farm.look(replace(first, failed=failed), after_s=60)
    assert len(farm.told) < 7


def test_a_single_job_that_fails_on_the_next_day_need_not_double_anything(farm):
    farm.look(under_way(40, "singles"))
    assert farm.look(under_way(41, "singles"), after_s=DAY + 1) is not None


# The farm


def test_the_farm_is_told_to_be_idle_once_after_there_was_work(farm):
    assert farm.look(idle_s=10_000.0) is None  # no work yet
    farm.look(is_busy=True)
    assert farm.look(idle_s=899.0) is None
    message = farm.look(idle_s=900.0, waiting=3)
    assert message.lines == (
        "nothing queued and nobody at work for 15 min; 3 wait for something else",
    )
    assert farm.look(idle_s=9_000.0) is None
    farm.look(is_busy=True)
    assert farm.look(idle_s=900.0) is not None


# Workers


def sick(why="three jobs failed"):
    return {"attic": WorkerSeen("sick", why)}


WELL = {"attic": WorkerSeen(None)}
SILENT = {"attic": WorkerSeen("silent", "no heartbeat for 300 s")}


def test_a_sick_worker_is_told_once_and_again_when_it_is_well(farm):
    assert farm.look(workers=sick()).title == "worker attic is sick"
    assert farm.look(workers=sick("four")) is None
    assert farm.look(workers={}) is None  # unsure
    assert farm.look(workers=WELL).lines == ("it was sick",)
    assert farm.look(workers=WELL) is None
    assert farm.look(workers=sick()) is not None


def test_a_worker_that_falls_silent_is_told_if_it_was_ever_seen_alive(farm):
    assert farm.look(workers=SILENT) is None
    farm.look(workers=WELL)
    assert farm.look(workers=SILENT).title == "worker attic is silent"
    assert farm.look(workers=SILENT) is None


def test_a_worker_that_was_told_to_be_sick_and_is_switched_off_is_not_told_again(farm):
    farm.look(workers=sick())
    assert farm.look(workers=SILENT) is None
    assert farm.look(gone={"attic"}) is None
    assert farm.state.workers == {}


# The share


def test_a_full_share_is_told_at_once_then_at_intervals_that_double_and_when_it_has_room_again(
    farm,
):
    assert farm.look(room=Room(21 * 10**9, 10**12)) is None
    message = farm.look(room=Room(19 * 10**9, 10**12))
    assert message.lines == ("19.0 GB of 1000 GB (1.9 %) free",)
    for _ in range(int(DAY // 60)):
        farm.look(room=Room(18 * 10**9, 10**12), after_s=60)
    assert len(farm.told) == 5  # after 1, 2, 4 and 8 hours
    assert farm.look(room=Room(21 * 10**9, 10**12)) is None  # hardly more
    assert farm.look(room=Room(23 * 10**9, 10**12)).title == "the share has room again"
    assert farm.look(room=Room(19 * 10**9, 10**12)).title == "the share is nearly full"


def test_a_share_may_be_nearly_full_by_a_part_of_its_size():
    farm = Farm(replace(RULES, free_fraction=0.05))
    assert farm.look(room=Room(49 * 10**9, 10**12)) is not None


def test_a_share_that_does_not_tell_what_room_it_has_is_not_full(farm):
    assert farm.look(room=None) is None


# Quiet hours and what nobody wants to know


def test_what_happens_in_quiet_hours_is_one_message_at_their_end(farm):
    farm.look(is_busy=True, workers=WELL, quiet=True)
    assert (
        farm.look(over("a"), over("b", failed=4), quiet=True, workers=SILENT, room=Room(1, 10**12))
        is None
    )
    assert farm.told == []

    message = farm.look(
        over("a"), over("b", failed=4), workers=SILENT, room=Room(1, 10**12), idle_s=900.0
    )

    heads = [line.split(":")[0] for line in message.lines]
    assert heads == [
        "the share is nearly full",
        "worker attic is silent",
        "a",
        "b",
        "the farm is idle",
    ]


def test_what_is_no_longer_true_when_quiet_hours_end_is_left_out(farm):
    farm.look(is_busy=True, quiet=True, workers=WELL)
    farm.look(quiet=True, workers=sick(), room=Room(1, 10**12), idle_s=5_000.0)
    farm.look(under_way(3), quiet=True, workers=sick())

    message = farm.look(over(failed=3), is_busy=True, workers=WELL, room=Room(10**11, 10**12))

    assert message.title == "night: ended, 1 of 4 succeeded"


def test_what_nobody_wants_to_know_is_not_told_later_either():
    farm = Farm(replace(RULES, events=frozenset({"sick"})))
    farm.look(over(), is_busy=True, room=Room(1, 10**12))
    assert farm.told == []
    farm.rules = RULES
    assert farm.look(over(), is_busy=True, room=Room(1, 10**12)) is None


def test_a_look_that_brings_nothing_leaves_what_was_told_as_it_is(farm):
    """So that nothing is written to the share every few seconds."""
    farm.look(over(), workers=WELL, is_busy=True)
    before = farm.state
    after, _ = look(
        before,
        Seen(farm.now_s + 900, is_quiet=False, groups=(over(),), workers=WELL, is_busy=True),
        RULES,
    )
    assert after is before


@pytest.mark.parametrize("interval", [AGAIN_S, FAILING_S, FULL_S])
def test_no_interval_is_longer_than_a_week(interval):
    from spoolctl.notify.news import INTERVAL_MAX_S, _doubled

    assert _doubled(interval, 1) == interval
    assert _doubled(interval, 2) == 2 * interval
    assert _doubled(interval, 10_000) == INTERVAL_MAX_S
