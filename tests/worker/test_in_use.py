"""Is somebody using this machine? What is told of its card and its input, and when it is believed."""

import math

import pytest

from spoolworker.availability import AvailabilityConfig, InputSeen, InUse


class Desk:
    def __init__(self, **configured):
        self.now_s, self.problems = 1000.0, []
        config = AvailabilityConfig(while_in_use="stop", **configured)
        self.use = InUse(
            config, lambda: self.now_s, lambda what, problem: self.problems.append((what, problem))
        )

    def others(self, *gbs, every_s=10.0):
        for gb in gbs:
            self.use.tell_vram(gb)
            self.now_s += every_s

    def input_ago(self, seconds):
        self.use.tell_input(InputSeen(seconds))


def test_memory_that_others_hold_counts_when_two_answers_in_a_row_say_so():
    desk = Desk(others_vram_gb=2.0)

    desk.others(6.2)
    assert desk.use.why is None
    desk.others(6.2)
    assert desk.use.why == "6.2 GB of the card held by other programs"


def test_a_program_that_holds_memory_for_a_moment_is_no_use():
    desk = Desk(others_vram_gb=2.0)

    desk.others(6.2, 0.4, 6.2, 0.4)

    assert desk.use.why is None


def test_less_than_the_threshold_is_no_use():
    desk = Desk(others_vram_gb=2.0)

    desk.others(1.9, 1.9, 1.9)

    assert desk.use.why is None


def test_it_is_free_again_only_after_a_while_without_use():
    desk = Desk(others_vram_gb=2.0, resume_after_s=300)
    desk.others(6.2, 6.2)

    desk.others(0.4)
    assert desk.use.why == "was used 20 s ago, free after 300 s"
    desk.now_s += 279
    assert desk.use.why is not None
    desk.now_s += 1
    assert desk.use.why is None


def test_use_that_comes_back_before_it_was_free_counts_at_once():
    """A game between two levels."""
    desk = Desk(others_vram_gb=2.0, resume_after_s=300)
    desk.others(6.2, 6.2, 0.4)

    desk.others(6.2)
    assert "held by other programs" in desk.use.why
    desk.others(0.4)
    desk.now_s += 279
    assert desk.use.why is not None, "the while begins anew"


def test_input_counts_at_once_and_until_it_is_long_enough_ago():
    desk = Desk(input_idle_s=120, resume_after_s=0)
    desk.input_ago(500.0)
    assert desk.use.why is None

    desk.input_ago(20.0)
    assert desk.use.why == "input 20 s ago"
    desk.now_s += 100
    desk.input_ago(120.0)
    assert desk.use.why is None


def test_the_time_without_input_is_not_waited_for_twice():
    desk = Desk(input_idle_s=120, resume_after_s=300)
    desk.input_ago(0.0)

    desk.now_s += 299
    desk.input_ago(299.0)
    assert desk.use.why == "was used 299 s ago, free after 300 s"
    desk.now_s += 1
    desk.input_ago(300.0)
    assert desk.use.why is None


def test_either_counts():
    desk = Desk(others_vram_gb=2.0, input_idle_s=120, resume_after_s=60)
    desk.others(6.2, 6.2)
    desk.input_ago(math.inf)
    assert desk.use.why is not None

    desk.others(0.0)
    desk.now_s += 100
    desk.input_ago(5.0)
    assert desk.use.why == "input 5 s ago"


def test_what_is_not_known_is_no_use_and_is_told_once():
    desk = Desk(others_vram_gb=2.0, input_idle_s=120)

    for _ in range(3):
        desk.use.tell_vram(None, "no driver")
        desk.use.tell_input(InputSeen(None, "no logind"))

    assert desk.use.why is None
    assert desk.problems == [("others_vram_gb", "no driver"), ("input_idle_s", "no logind")]


def test_an_answer_that_fails_after_use_ends_it_in_time_and_not_for_ever():
    desk = Desk(others_vram_gb=2.0, resume_after_s=300)
    desk.others(6.2, 6.2)

    desk.others(None)
    assert desk.use.why is not None
    desk.now_s += 300
    assert desk.use.why is None


@pytest.mark.parametrize(
    ("configured", "answers"),
    [
        ({"others_vram_gb": 2.0}, [lambda use: use.tell_vram(0.0)]),
        ({"input_idle_s": 60}, [lambda use: use.tell_input(InputSeen(None, "?"))]),
        (
            {"others_vram_gb": 2.0, "input_idle_s": 60},
            [lambda use: use.tell_vram(None), lambda use: use.tell_input(InputSeen(math.inf))],
        ),
    ],
)
def test_it_is_unsure_until_everything_that_counts_was_answered_once(configured, answers):
    """A worker that starts while somebody plays must not claim before it knows."""
    use = Desk(**configured).use

    for answer in answers:
        use.tell_input(None)  # the system has not answered yet
        assert use.is_unsure
        answer(use)
    assert not use.is_unsure


def test_what_is_not_asked_about_does_not_count():
    desk = Desk(input_idle_s=120)

    desk.others(20.0, 20.0)
    desk.input_ago(500.0)

    assert desk.use.why is None
