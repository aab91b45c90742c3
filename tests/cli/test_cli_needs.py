"""What jobs wait for: how it is asked for, refused, shown and given."""

import pytest
from cli_bench import JOB_YAML, Bench

from spoolctl.spool import Approval, Job, State, decode

NAS_YAML = JOB_YAML + "requires: {tokens: [nas]}\n"


def with_tokens(bench: Bench, text: str) -> None:
    path = bench.root / "spool.yaml"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"tokens: {text}\n")


# after


@pytest.mark.parametrize(
    ("option", "wanted"), [("fir", "succeeded"), ("fir:any", "any"), ("fir:approved", "approved")]
)
def test_after_says_what_has_to_become_of_the_other_job(
    bench: Bench, option: str, wanted: str
) -> None:
    bench.submit("first-job")

    name = bench.submit("second", JOB_YAML, "--after", option)

    assert decode(Job, bench.bytes_of(name)).waits_for == {"first-job": wanted}


def test_a_need_that_no_job_answers_to_is_refused_unless_it_comes_later(bench: Bench) -> None:
    file = bench.file("a.yaml", JOB_YAML + "after: [{job: Later, when: any}]\n")

    ran = bench("submit", file)

    assert ran.code == 20
    assert "no job 'later' in this spool, so this one would wait for ever" in ran.err
    assert "--anyway" in ran.err
    assert not list((bench.root / "waiting").iterdir())
    assert bench("submit", file, "--name", "a", "--anyway").code == 0
    assert decode(Job, bench.bytes_of("a")).waits_for == {"later": "any"}
    assert "waits     for 'later', which is not there" in bench("show", "a").out
    assert "needs later, which is not there" in bench("status").out


def test_after_on_the_command_line_takes_a_name_that_comes_later_only_if_told(bench: Bench) -> None:
    file = bench.file("a.yaml")

    assert bench("submit", file, "--after", "later").code == 20
    assert bench("submit", file, "--name", "a", "--after", "later:approved", "--anyway").code == 0
    assert decode(Job, bench.bytes_of("a")).waits_for == {"later": "approved"}


def test_several_jobs_that_a_need_may_mean_are_refused_even_so(bench: Bench) -> None:
    bench.submit("night-1")
    bench.submit("night-2")
    ran = bench("submit", bench.file("a.yaml"), "--after", "night", "--anyway")
    assert (ran.code, "could be any of 2 jobs" in ran.err) == (20, True)


def test_a_circle_through_a_job_that_is_there_already_is_refused(bench: Bench) -> None:
    bench.submit("b", JOB_YAML + "after: [a]\n", "--anyway")
    bench.submit("c", JOB_YAML + "after: [b]\n")

    ran = bench("submit", bench.file("a.yaml", JOB_YAML + "after: [c]\n"), "--name", "a")

    assert ran.code == 23
    assert "wait for each other, so none could ever run" in ran.err
    assert "'b'" in ran.err


# approve


def test_an_approval_is_told_and_lets_the_others_go_on(bench: Bench) -> None:
    bench.submit("one")
    bench.submit("two", JOB_YAML, "--after", "one:approved")
    bench.succeed("one")
    assert "waits     for 'one' to be approved" in bench("show", "two").out
    assert "needs one to be approved" in bench("status").out

    ran = bench("approve", "one", "--images", "0", "--note", "good light")

    assert (ran.code, ran.out) == (0, "one: approved images 0\n")
    found = decode(Approval, (bench.root / "results/singles/one/approved.yaml").read_bytes())
    assert (found.images, found.by, found.note) == ((0,), "person-ada-l", "good light")
    assert "images 0 by person-ada-l: good light" in bench("show", "one").out
    assert "for the next sweep" in bench("show", "two").out
    assert bench("show", "one", "--json").document["approval"]["images"] == [0]


def test_what_cannot_be_approved_is_refused_in_one_line(bench: Bench) -> None:
    bench.submit("one")
    assert bench("approve", "one").code == 22
    bench.succeed("one")
    assert bench("approve", "one", "--images", "0,first").code == 2
    assert "it has images 0 to 0" in bench("approve", "one", "--images", "3").err
    assert bench("approve", "one", "--json").document["approval"]["images"] == []
    again = bench("approve", "one")
    assert (again.code, "was approved before by person-ada-l" in again.err) == (22, True)


# tokens


def test_an_unknown_token_is_refused_with_those_that_are_known(bench: Bench) -> None:
    file = bench.file("a.yaml", NAS_YAML)
    assert "this spool has no token 'nas'; it has none" in bench("submit", file).err
    with_tokens(bench, "{disk: 1, video: 2}")
    ran = bench("submit", file)
    assert ran.code == 23
    assert "this spool has no token 'nas'; it knows 'disk', 'video'" in ran.err


def test_who_holds_a_token_is_told_and_who_waits_for_it(bench: Bench) -> None:
    assert bench("tokens").out.startswith("no tokens; spool.yaml may name some")
    with_tokens(bench, "{nas: 1}")
    bench.submit("one", NAS_YAML)
    bench.submit("two", NAS_YAML)
    [slot] = bench("tokens", "--json").document["slots"]
    assert (slot["token"], slot["slot"], slot["free"], slot["job"]) == ("nas", 1, True, None)

    bench.claim("one")

    [slot] = bench("tokens", "--json").document["slots"]
    assert (slot["job"], slot["attempt"], slot["worker"]) == ("one", 1, "tower-0")
    assert bench("tokens").out.split()[-4:] == ["1", "one", "1", "tower-0"]
    assert "waits     for token 'nas', held by 'one'" in bench("show", "two").out
    assert "waits" not in bench("show", "one").out
    assert bench.place("two").state is State.QUEUE
