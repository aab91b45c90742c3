"""Which job a worker takes next, which it leaves to whom, and what bounds both."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spoolctl.scheduling.choose import choose
from spoolctl.scheduling.closing import too_long
from spoolctl.scheduling.need import Need
from spoolctl.scheduling.taking import serves
from spoolctl.scheduling.turns import Account, line_of
from tests.scheduling.rig import Times, appraiser, job, worker

PASSES = {"interactive": 3, "normal": 3, "batch": 3}


def chosen(me, jobs, others=(), *, account=None, behind=0, rules=None, times=None):
    scales = appraiser(times, **(rules or {}))
    return choose(me, others, jobs, account or Account(), scales, behind=behind)


def name(choice):
    return choice.job and choice.job.name


def test_a_worker_without_a_model_takes_the_oldest_job():
    assert name(chosen(worker(), [job("1", "a"), job("2", "b")])) == "1"


def test_what_needs_no_loading_goes_before_older_jobs():
    choice = chosen(worker(model="b"), [job("1", "a"), job("2", "b"), job("3", "b")])
    assert (name(choice), [one.name for one in choice.passed]) == ("2", ["1"])


def test_a_job_is_taken_before_so_many_older_ones_and_no_more():
    jobs = [job(str(number), "a") for number in range(4)] + [job("4", "b")]
    assert name(chosen(worker(model="b"), jobs[1:], rules={"passes_max": PASSES})) == "4"
    assert name(chosen(worker(model="b"), jobs, rules={"passes_max": PASSES})) == "0"


def test_what_was_passed_over_too_often_goes_next():
    jobs = [job("1", "a"), job("2", "c", passed=3), job("3", "b")]
    assert name(chosen(worker(model="b"), jobs, rules={"passes_max": PASSES})) == "2"


def test_what_has_waited_too_long_goes_next():
    jobs = [job("1", "a", waited_s=7_300), job("2", "b")]
    assert name(chosen(worker(model="b"), jobs)) == "1"


def test_of_what_has_waited_too_long_the_loaded_model_goes_first_while_passes_are_left():
    """Once all of a mixed set had waited its time, every job of it loaded its model again."""
    jobs = [job("1", "a", waited_s=7_300), job("2", "b"), job("3", "b", waited_s=7_300)]
    choice = chosen(worker(model="b"), jobs)
    assert (name(choice), [one.name for one in choice.passed]) == ("3", ["1", "2"])
    jobs[0] = replace(jobs[0], passed=23)
    assert name(chosen(worker(model="b"), jobs)) == "1"


def test_nobody_elses_loaded_model_goes_before_what_has_waited_too_long():
    jobs = [job("1", "a", by="ann", waited_s=7_300), job("2", "b", by="ben", waited_s=7_300)]
    assert name(chosen(worker(model="b"), jobs)) == "1"


def test_with_no_passes_allowed_the_order_of_names_is_kept():
    rules = {"passes_max": dict.fromkeys(PASSES, 0)}
    assert name(chosen(worker(model="b"), [job("1", "a"), job("2", "b")], rules=rules)) == "1"


def test_a_job_is_left_to_an_idle_worker_that_has_its_model():
    choice = chosen(worker("w1"), [job("1", "a")], [worker("w2", model="a")])
    assert (choice.job, choice.left) == (None, {"1": "w2"})


def test_a_job_is_left_to_a_busy_worker_that_would_end_it_sooner_all_the_same():
    quick = worker("w2", model="a", free_in_s=5)
    assert chosen(worker("w1"), [job("1", "a")], [quick]).left == {"1": "w2"}
    assert name(chosen(worker("w1"), [job("1", "a")], [worker("w2", free_in_s=60)])) == "1"


def test_a_job_is_never_left_for_longer_than_it_would_take_here():
    left = job("1", "a", left_s=31)
    assert name(chosen(worker("w1"), [left], [worker("w2", model="a")])) == "1"


def test_a_job_is_not_left_to_a_worker_that_takes_none():
    paused = worker("w2", model="a", takes_jobs=False)
    assert name(chosen(worker("w1"), [job("1", "a")], [paused])) == "1"


POOLS = {
    "pools": {"fast": {"tags": ("fast",), "to_s": 5}, "heavy": {"tags": ("heavy",), "from_s": 5}}
}


@pytest.mark.parametrize(
    ("why", "other"),
    [
        ("reserved for another class", {"reserved_for": ("interactive",)}),
        ("closes before the job would end", {"closes_in_s": 5.0}),
        ("closes before it is free", {"closes_in_s": 60.0, "free_in_s": 55.0}),
        ("of another pool", {"tags": ("fast",)}),
    ],
)
def test_a_job_is_not_left_to_a_worker_that_would_never_take_it(why, other):
    """It used to wait for as long as it would have taken here, and all less urgent classes with it."""
    here, there = worker("w1", tags=("heavy",)), worker("w2", model="a", **other)
    times = Times({"w1": 9.0})
    choice = chosen(here, [job("1", "a", job_class="batch")], [there], rules=POOLS, times=times)
    assert (name(choice), choice.left) == ("1", {}), why


def test_a_slow_worker_helps_while_the_others_have_enough_to_do_and_not_at_the_end():
    slow, quick = worker("slow"), worker("quick", free_in_s=10, model="a")
    times = Times({"slow": 10.0})
    assert name(chosen(slow, [job("1", "a"), job("2", "a")], [quick], times=times)) is None
    assert (
        name(chosen(slow, [job("1", "a"), job("2", "a")], [quick], times=times, behind=50)) == "1"
    )


def test_a_small_job_is_kept_off_the_one_card_that_a_large_one_waits_for():
    small = worker("small", vram_gb=8.0, free_in_s=9)
    jobs = [job("1", "a"), job("2", "a", needs_gb=20)]
    big = worker("big", model="a")
    rules = {"scarce_weight": 2.0, "passes_max": PASSES}
    times = Times(load_s=0.1)
    assert (
        name(chosen(big, jobs, [small], rules=rules | {"scarce_weight": 0.0}, times=times)) == "1"
    )
    choice = chosen(worker("big"), jobs, [small], rules=rules, times=times)
    assert (name(choice), choice.left) == ("2", {"1": "small"})


def test_a_worker_on_which_such_jobs_fail_is_the_last_choice():
    jobs, other = [job("1", "a")], worker("w2", model="a")
    times = Times(failing=["w2"], load_s=1)
    assert name(chosen(worker("w1"), jobs, [other], times=times)) == "1"


FLUX = Need(13.0, "predicted")


def test_what_may_need_more_memory_than_a_fast_card_has_goes_to_a_slow_one_that_has_it():
    """It ran out of memory on the fast one, which the slow one had left it to, and that cost one of its three attempts."""
    fast, slow = worker("fast", vram_gb=8.0), worker("slow", vram_gb=24.0)
    times = Times({"slow": 9.0}, need=FLUX)
    assert chosen(fast, [job("1")], [slow], times=times).left == {"1": "slow"}
    assert name(chosen(slow, [job("1")], [fast], times=times)) == "1"
    assert chosen(slow, [job("1")], [fast], times=Times({"slow": 9.0})).left == {"1": "fast"}


def test_what_is_merely_predicted_forbids_nothing():
    fast, slow = worker("fast", vram_gb=8.0), worker("slow", vram_gb=24.0)
    times = Times({"slow": 9.0}, need=FLUX)
    assert name(chosen(fast, [job("1")], times=times)) == "1", "nobody has more"
    left = job("1", left_s=31)
    assert name(chosen(fast, [left], [slow], times=times)) == "1", "it was left for long enough"


def test_memory_that_other_programs_hold_is_none_for_a_job():
    played_on, slow = worker("w1", others_gb=13.0), worker("w2", vram_gb=16.0)
    times = Times({"w2": 5.0}, need=FLUX)
    assert chosen(played_on, [job("1")], [slow], times=times).left == {"1": "w2"}


def test_a_job_that_says_what_it_needs_waits_while_other_programs_hold_that_but_not_for_ever():
    jobs = [job("1", needs_gb=16)]
    assert chosen(worker(others_gb=9.5), jobs).job is None
    assert name(chosen(worker(others_gb=9.0), jobs)) == "1", "a desktop holds some"
    assert name(chosen(worker(others_gb=9.5), [job("1", needs_gb=16, waited_s=7_200)])) == "1"


def test_a_job_that_would_not_end_before_the_worker_closes_is_not_taken():
    closing = worker(closes_in_s=25, model="a")
    assert name(chosen(closing, [job("1", "a", count=3), job("2", "a", count=2)])) == "2"
    assert too_long(job("3", "b"), closing, appraiser()) is not None


def test_a_reserved_worker_takes_other_classes_only_after_its_time():
    reserved = {"reserved_for": ("interactive",), "reserved_until_idle_s": 60.0}
    assert serves(worker(**reserved), "interactive")
    assert not serves(worker(**reserved, without_s=59), "batch")
    assert serves(worker(**reserved, without_s=60), "batch")
    assert not serves(worker(reserved_for=("interactive",), without_s=9e9), "batch")


def test_nothing_to_take_and_nothing_left_means_that_the_next_class_may_be_asked():
    choice = chosen(worker(vram_gb=8.0), [job("1", needs_gb=20)])
    assert (choice.job, choice.left) == (None, {})


def test_submitters_take_turns_whoever_came_first_with_how_many():
    account, taken = Account(), []
    jobs = [job(f"1{n}", by="ann") for n in range(6)] + [job(f"2{n}", by="ben") for n in range(3)]
    rules = {"turn_s": 0}
    for _ in range(6):
        choice = chosen(worker(model="a"), jobs, account=account, rules=rules)
        jobs.remove(choice.job)
        account.serve(line_of(choice.job, appraiser(**rules).rules), 10.0)
        taken.append(choice.job.name)
    assert taken == ["10", "20", "11", "21", "12", "22"]


def test_a_look_at_another_class_forgets_no_turns():
    """With an interactive job between any two normal ones, whoever came second never had a turn."""
    account, rules, taken = Account(), appraiser(turn_s=0).rules, []
    jobs = [job(f"1{n}", by="ann") for n in range(4)] + [job(f"2{n}", by="ben") for n in range(2)]
    for _ in range(4):
        for waiting in (jobs, [job("i", by="ann", job_class="interactive")]):
            choice = chosen(worker(model="a"), waiting, account=account, rules={"turn_s": 0})
            account.serve(line_of(choice.job, rules), 10.0)
            taken.append(choice.job.name)
        jobs = [one for one in jobs if one.name not in taken]
    assert taken == ["10", "i", "20", "i", "11", "i", "21", "i"]


def test_an_account_forgets_lines_that_are_gone_when_it_looks_at_their_class():
    account, rules = Account(), appraiser().rules
    gone, here = (line_of(job("1", by=who), rules) for who in ("ann", "ben"))
    account.serve(gone, 10.0)
    account.order([here])
    assert account == Account({("normal",): 10.0, here[:2]: 0.0, here: 0.0})


def test_groups_of_one_submitter_take_turns_and_do_not_make_up_for_other_submitters():
    account, rules = Account(), appraiser().rules
    lines = [line_of(job(n, by=who, group=g), rules)
             for n, who, g in (("1", "ann", "x"), ("2", "ann", "y"), ("3", "ben", "z"))]  # fmt: skip
    account.order(lines)
    account.serve(lines[0], 10.0)
    assert account.order(lines) == [lines[2], lines[1], lines[0]]


def test_a_line_that_comes_late_begins_level():
    account, rules = Account(), appraiser().rules
    ann, ben = (line_of(job("1", by=who), rules) for who in ("ann", "ben"))
    account.order([ann])
    account.serve(ann, 1_000.0)
    account.order([ann, ben])
    assert account.ahead_s(ann, ben) == 0.0


LENGTHS = {
    "pools": {"fast": {"tags": ("fast",), "to_s": 15}, "heavy": {"tags": ("big",), "from_s": 15}}
}


def test_pools_keep_to_their_lengths_and_help_when_they_are_out_of_work():
    fast, big = worker("w1", tags=("fast",)), worker("w2", tags=("big",))
    jobs = [job("1", count=9), job("2", count=1)]
    assert name(chosen(fast, jobs, [big], rules=LENGTHS)) == "2"
    assert name(chosen(big, jobs, [fast], rules=LENGTHS)) == "1"
    assert name(chosen(worker(), jobs, rules=LENGTHS)) == "1"
    assert chosen(fast, jobs[:1], [big], rules=LENGTHS).job is None
    idle = replace(fast, idle_s=30)
    assert name(chosen(idle, jobs[:1], [replace(big, free_in_s=300)], rules=LENGTHS)) == "1"
    assert name(chosen(idle, jobs, [replace(big, free_in_s=300)], rules=LENGTHS)) == "2"


def test_what_has_waited_its_time_goes_next_whichever_pool_it_is_meant_for():
    """With enough jobs of its own a pool's worker never took another's, however long that had waited."""
    fast, big = worker("w1", tags=("fast",)), worker("w2", tags=("big",), free_in_s=9e9)
    jobs = [job("1", count=1), job("2", count=9, waited_s=7_200.0)]
    assert name(chosen(fast, jobs, [big], rules=LENGTHS)) == "2"
    passed = [jobs[0], job("2", count=9, passed=24)]
    assert name(chosen(fast, passed, [big], rules=LENGTHS)) == "1", (
        "passed over by those for whom it is not meant"
    )


def test_what_is_meant_for_a_pool_of_which_nobody_takes_jobs_is_taken_by_whoever_can_run_it():
    fast, jobs = worker("w1", tags=("fast",)), [job("1", count=9)]
    paused, small = worker("w2", tags=("big",), takes_jobs=False), worker("w3", tags=("big",))
    assert name(chosen(fast, jobs, rules=LENGTHS)) == "1"
    assert name(chosen(fast, jobs, [paused], rules=LENGTHS)) == "1"
    assert chosen(fast, jobs, [small], rules=LENGTHS).job is None


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.builds(
            dict,
            model=st.sampled_from("abc"),
            by=st.sampled_from(["ann", "ben"]),
            passed=st.integers(0, 4),
            needs_gb=st.sampled_from([0, 10, 30]),
        ),
        max_size=12,
    ),
    st.sampled_from([None, "a", "b"]),
    st.lists(st.floats(0, 100), max_size=3),
)
def test_whatever_waits_the_bounds_hold(drawn, model, others):
    jobs = [job(f"{number:02d}", **says) for number, says in enumerate(drawn)]
    peers = [worker(f"p{n}", free_in_s=s, vram_gb=12.0, model="c") for n, s in enumerate(others)]
    choice = chosen(worker("me", model=model), jobs, peers, rules={"passes_max": PASSES})
    fitting = [one for one in jobs if one.job.requires.vram_gb <= 24]
    assert (choice.job is None) <= (not fitting or bool(choice.left))
    if choice.job is not None:
        assert choice.job in fitting
        older = [one for one in fitting if one.name < choice.job.name]
        assert [
            one for one in older if one.job.submitted_by == choice.job.job.submitted_by
        ] == list(choice.passed)
        pressed = [one for one in fitting if one.passed >= 3]
        assert choice.job is pressed[0] if pressed else len(choice.passed) <= 3


@pytest.mark.parametrize("turns", ["off", "submitters", "groups"])
def test_lines_are_told_apart_as_the_rules_say(turns):
    rules = appraiser(turns=turns).rules
    lines = {
        line_of(job("1", by=who, group=g), rules) for who, g in (("a", "x"), ("a", "y"), ("b", "z"))
    }
    assert len(lines) == {"off": 1, "submitters": 2, "groups": 3}[turns]
