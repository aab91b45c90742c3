"""Groups and results on the command line: what is listed, shown, waited for, cancelled, retried and found."""

import json
import re
from collections.abc import Callable

import pytest
from cli_bench import JOB_YAML, Bench

from spoolctl.cli import group as command
from spoolctl.controller.scanner import Scanner
from spoolctl.spool import Facts, Life, layout


def scan(bench: Bench) -> None:
    actor = bench.actor("controller-c")
    Scanner(actor, Life(actor, "controller", Facts())).scan()


def submit_three(bench: Bench, *options: str) -> list[str]:
    files = [bench.file(f"{name}.yaml") for name in ("x", "y", "z")]
    return bench("submit", *files, "--quiet", *options).out.split()


@pytest.fixture
def night(bench: Bench) -> Callable[[], list[str]]:
    """Three jobs of one group: the first succeeds, the second fails for good, the third waits."""

    def make() -> list[str]:
        names = submit_three(bench, "--group", "night", "--name", "night")
        bench.succeed(names[0])
        bench.fail(names[1])
        scan(bench)
        return names

    return make


def test_a_submission_leaves_a_definition_of_its_group(bench: Bench) -> None:
    names = submit_three(bench, "--group", "night")
    (path,) = [path for path in bench.tree() if re.match(r"groups/night/plan-.*\.yaml\Z", path)]
    told = json.loads((bench.root / path).read_text())
    assert (told["group"], told["by"]) == ("night", "person-ada-l")
    assert told["jobs"] == [
        {"shelf": names[0].rpartition(".")[0], "first": 1, "count": 3, "digits": 4}
    ]


def test_jobs_that_name_no_group_are_one_by_their_submission(bench: Bench) -> None:
    names = submit_three(bench)
    assert bench("group", "list").out.splitlines()[1].startswith(names[0].rpartition(".")[0])


def test_one_job_alone_leaves_no_definition(bench: Bench) -> None:
    bench.submit("alone", JOB_YAML)
    assert not [path for path in bench.tree() if path.startswith("groups/")]
    assert "no groups yet" in bench("group", "list").out


def test_a_submission_that_is_refused_leaves_no_definition(bench: Bench) -> None:
    submit_three(bench, "--name", "night")
    before = [path for path in bench.tree() if path.startswith("groups/")]
    ran = bench("submit", bench.file("x.yaml"), bench.file("y.yaml"), "--name", "night")
    assert ran.code == 24
    assert [path for path in bench.tree() if path.startswith("groups/")] == before


def test_the_list_tells_how_much_of_each_group_has_ended(bench: Bench, night) -> None:
    night()
    (row,) = bench("group", "list", "--json").document["groups"]
    told = {key: row[key] for key in ("group", "jobs", "ended", "succeeded", "failed", "images")}
    assert told == {
        "group": "night", "jobs": 3, "ended": 2, "succeeded": 1, "failed": 1, "images": 1,
    }  # fmt: skip
    assert "2 of 3" in bench("group", "list").out


def test_a_group_is_shown_with_what_failed_and_why(bench: Bench, night) -> None:
    names = night()
    ran = bench("group", "show", "night")
    assert ran.out.splitlines()[0] == "night: 1 succeeded, 1 failed, 1 queued"
    assert re.search(rf"{names[1]}\s+failed\s+\w+", ran.out)
    assert names[0] not in ran.out
    assert names[0] in bench("group", "show", "night", "--all").out
    assert [one["state"] for one in bench("group", "show", "night", "--json").document["jobs"]] == [
        "succeeded", "failed", "queued",
    ]  # fmt: skip


def test_dropped_files_are_known_by_the_group_that_they_name(bench: Bench) -> None:
    (bench.root / "queue/normal/a.yaml").write_text(f"group: dropped\n{JOB_YAML}")
    assert bench("group", "show", "dropped").out.startswith("dropped: 1 queued")


def test_a_group_that_nobody_knows_is_told_so(bench: Bench) -> None:
    ran = bench("group", "show", "nobody")
    assert ran.code == 20
    assert "no group 'nobody'" in ran.err
    assert "spoolctl group list" in ran.err


def test_cancel_ends_what_has_not_ended(bench: Bench, night) -> None:
    names = night()
    assert bench("group", "cancel", "night", "--dry-run").out.splitlines()[1:] == [names[2]]
    assert f"{names[2]}: cancelled" in bench("group", "cancel", "night").out
    assert bench("group", "show", "night").out.startswith(
        "night: 1 succeeded, 1 failed, 1 cancelled"
    )


def test_retry_puts_back_what_failed_and_if_asked_what_was_cancelled(bench: Bench, night) -> None:
    names = night()
    bench("group", "cancel", "night")
    assert bench("group", "retry", "night", "--dry-run").out.splitlines()[1:] == [names[1]]
    both = bench("group", "retry", "night", "--cancelled", "--dry-run").out.splitlines()[1:]
    assert both == names[1:]
    bench("group", "retry", "night")
    assert bench("group", "show", "night").out.startswith(
        "night: 1 succeeded, 1 queued, 1 cancelled"
    )


def test_wait_tells_by_its_exit_code_how_a_group_ended(bench: Bench, monkeypatch) -> None:
    names = submit_three(bench, "--group", "night", "--name", "night")
    left = iter(names)

    def meanwhile(_seconds: float) -> None:
        bench.succeed(next(left))
        scan(bench)

    monkeypatch.setattr(command, "pause", meanwhile)
    ran = bench("group", "wait", "night")
    assert (ran.code, ran.out) == (0, "night: 3 succeeded\n")


def test_wait_ends_with_3_if_a_job_did_not_succeed(bench: Bench, night, monkeypatch) -> None:
    night()
    monkeypatch.setattr(command, "pause", lambda _seconds: bench("group", "cancel", "night"))
    assert bench("group", "wait", "night").code == command.EXIT_NOT_ALL


def test_wait_ends_with_4_when_its_time_runs_out(bench: Bench, night) -> None:
    night()
    ran = bench("group", "wait", "night", "--for", "0")
    assert ran.code == command.EXIT_STILL_OPEN
    assert "1 queued" in ran.out


# Results


def test_results_are_found_once_they_are_merged(bench: Bench, night) -> None:
    names = night()
    ran = bench("results", "--group", "night")
    assert f"{names[0]}:0" in ran.out
    (one,) = bench("results", "--text", "lighthouse", "--json").document["images"]
    assert (one["job"], one["group"]) == (names[0], "night")


def test_paths_are_for_other_programs(bench: Bench, night) -> None:
    names = night()
    (line,) = bench("results", "--paths").out.splitlines()
    assert line == str(bench.root / f"{layout.attempt(names[0], 1)}/0000-1-txt2img.png")


def test_results_are_found_by_what_was_said_of_them(bench: Bench, night) -> None:
    names = night()
    assert bench("results", "--unrated", "--json").document["count"] == 1
    bench("rate", names[0], "4")
    bench("rate", names[0], "pick")
    scan(bench)
    assert bench("results", "--rating", "4", "--picked", "--json").document["count"] == 1
    assert bench("results", "--unrated", "--json").document["count"] == 0
    assert bench("results", "--rejected", "--json").document["count"] == 0


def test_what_is_not_found_is_told_with_its_likeliest_reason(bench: Bench) -> None:
    assert "not merged yet" in bench("results").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--order", "worst"), "no order 'worst'"),
        (("--picked", "--rejected"), "picked or rejected, not both"),
        (("--since", "yesterday"), "'yesterday' is no time"),
        (("--since", "9999999999d"), "is no time"),
    ],
)
def test_an_odd_question_is_refused_with_what_can_be_asked(bench: Bench, options, said) -> None:
    ran = bench("results", *options)
    assert ran.code == 2
    assert said in ran.err
    assert "hint:" in ran.err


def test_an_index_that_cannot_be_used_is_told_with_its_file(
    bench: Bench, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("SPOOL_INDEX", str(tmp_path / "index"))
    bench("results")
    (file,) = (tmp_path / "index").glob("*.sqlite")
    file.unlink()
    file.mkdir()
    ran = bench("results")
    assert ran.code == 13
    assert str(file) in ran.err
