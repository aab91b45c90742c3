"""Cancel, retry, hold, release, move, adopt, drain, pause, resume: what they do and say, and how they refuse."""

from datetime import UTC, datetime

import pytest
from cli_bench import JOB_YAML, Bench, leave_image

from spoolctl.cli import cancel as cancel_command
from spoolctl.spool import (
    Code,
    Ending,
    Facts,
    Life,
    Request,
    State,
    Verdict,
    conclude,
    decisions,
    decode,
    end,
)
from spoolctl.views.plain import moment


def test_a_queued_job_is_cancelled_at_once(bench: Bench) -> None:
    bench.submit("one")

    ran = bench("cancel", "one")

    assert (ran.code, ran.out) == (0, "one: cancelled\n")
    assert bench.place("one").state is State.CANCELLED


def test_a_running_job_is_asked_to_stop(bench: Bench) -> None:
    bench.submit("one")
    bench.claim("one")

    ran = bench("cancel", "one", "--message", "wrong prompt")

    assert (ran.code, ran.out) == (0, "one: asked its worker to stop\n")
    request = decode(Request, (bench.root / "results/singles/one/a1/cancel.yaml").read_bytes())
    assert (request.by, request.message) == ("person-ada-l", "wrong prompt")


def test_cancel_waits_for_the_verdict_if_asked_to(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.submit("one")
    actor, claimed, _ = bench.claim("one")

    def stop(_seconds: float) -> None:
        ending = Ending(Verdict.CANCELLED, Code.REQUESTED, "asked to stop")
        end(actor, claimed, conclude(actor, claimed, ending))

    monkeypatch.setattr(cancel_command, "pause", stop)

    ran = bench("cancel", "one", "--wait", "10", "--json")

    assert ran.document == {"jobs": [{"job": "one", "result": "cancelled"}]}


def test_cancel_stops_waiting_in_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.submit("one")
    bench.claim("one")
    mono = [0.0]
    monkeypatch.setattr("spoolctl.spool.system.SystemClock.mono", lambda _self: mono[0])

    def pause(seconds: float) -> None:
        mono[0] += seconds

    monkeypatch.setattr(cancel_command, "pause", pause)

    ran = bench("cancel", "one", "--wait", "2")

    assert (ran.code, ran.out) == (0, "one: asked its worker to stop\n")
    assert mono[0] == 2.0


def test_a_job_that_succeeded_before_it_could_stop_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.submit("one")
    actor, claimed, _ = bench.claim("one")

    def succeed(_seconds: float) -> None:
        output = leave_image(actor, "one", 1)
        ending = Ending(Verdict.SUCCEEDED, outputs=(output,))
        end(actor, claimed, conclude(actor, claimed, ending))

    monkeypatch.setattr(cancel_command, "pause", succeed)

    ran = bench("cancel", "one", "--wait", "10")

    assert ran.code == 22
    assert "attempt 1 succeeded before it could stop" in ran.err


def test_what_has_ended_cannot_be_cancelled(bench: Bench) -> None:
    bench.submit("one")
    bench.succeed("one")

    ran = bench("cancel", "one")

    assert ran.code == 22
    assert ran.err == (
        "error: cannot cancel 'one': attempt 1 succeeded already\n"
        "hint: 'spoolctl show one' tells what came of it\n"
    )


def test_a_group_is_cancelled_and_the_rest_is_not(bench: Bench) -> None:
    for name in ("one", "two"):
        bench.submit(name, JOB_YAML, "--group", "cats")
    bench.submit("three", JOB_YAML, "--group", "dogs")

    ran = bench("cancel", "--group", "cats")

    assert ran.out == "cancelling 2 jobs\none: cancelled\ntwo: cancelled\n"
    assert bench.place("three").state is State.QUEUE


def test_bulk_commands_only_show_on_a_dry_run(bench: Bench) -> None:
    bench.submit("one", JOB_YAML, "--group", "cats")
    bench.submit("two")
    bench.fail("two")
    before = bench.tree()

    assert bench("cancel", "--group", "cats", "--dry-run").out == "would cancel 1 job\none\n"
    assert bench("retry", "--failed", "--dry-run").out == "would retry 1 job\ntwo\n"
    assert bench("retry", "--failed", "--dry-run", "--json").document["jobs"] == ["two"]
    assert bench.tree() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["cancel"],
        ["cancel", "one", "--group", "cats"],
        ["retry"],
        ["retry", "one", "--failed"],
        ["retry", "one", "--code", "bad_job"],
        ["retry", "--failed", "--code", "bad_luck"],
        ["status", "--all", "--failed"],
        ["move", "one", "--class", "urgent"],
        ["release", "one", "--class", "urgent"],
        ["adopt", "one", "--attempt", "0"],
        ["adopt", "one"],
        ["submit"],
        ["nonsense"],
        ["status", "--nonsense"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused_with_a_hint(
    bench: Bench, arguments: list[str]
) -> None:
    before = bench.tree()

    ran = bench(*arguments)

    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert "\nhint: " in ran.err
    assert bench(*arguments, "--json").document["exit_code"] == 2
    assert bench.tree() == before


def test_a_failed_job_is_retried_into_its_own_queue(bench: Bench) -> None:
    bench.submit("one", JOB_YAML, "--class", "batch")
    bench.fail("one")

    ran = bench("retry", "one")

    assert ran.out == "one: now in queue/batch/, for attempt 2\n"
    assert bench.place("one").folder == "queue/batch"


def test_failed_jobs_are_retried_by_code_and_group(bench: Bench) -> None:
    for name, group, code in (
        ("one", "cats", Code.BAD_JOB),
        ("two", "dogs", Code.BAD_JOB),
        ("three", "cats", Code.RECORD_CHANGED),
    ):
        bench.submit(name, JOB_YAML, "--group", group)
        bench.fail(name, code)

    ran = bench(
        "retry", "--failed", "--code", "bad_job", "--group", "cats", "--class", "interactive"
    )

    assert ran.out == "retrying 1 job\none: now in queue/interactive/, for attempt 2\n"
    assert bench("retry", "--failed", "--code", "timeout").out == "retrying 0 jobs\n"


def test_a_job_that_has_not_run_cannot_be_retried(bench: Bench) -> None:
    bench.submit("one")

    ran = bench("retry", "one")

    assert ran.code == 22
    assert "hint: it waits for its first attempt" in ran.err


def test_the_other_jobs_are_done_after_an_error_and_the_first_code_ends_it(bench: Bench) -> None:
    bench.submit("one")
    bench.submit("two")
    bench.succeed("two")

    ran = bench("hold", "nobody", "two", "one", "--json")

    assert ran.code == 20
    assert ran.document["jobs"] == [{"job": "one", "folder": "held"}]
    assert [e["asked"] for e in ran.document["errors"]] == ["nobody", "two"]
    assert [e["exit_code"] for e in ran.document["errors"]] == [20, 22]
    assert ran.err.count("error: ") == 2


def test_a_job_is_held_and_released_into_a_class(bench: Bench) -> None:
    bench.submit("one")

    assert bench("hold", "one").out == "one: now in held/\n"
    assert (
        bench("release", "one", "--class", "interactive").out == "one: now in queue/interactive/\n"
    )
    assert bench("move", "one", "--class", "batch").out == "one: now in queue/batch/\n"


def test_a_running_job_cannot_be_held(bench: Bench) -> None:
    bench.submit("one")
    bench.claim("one")

    ran = bench("hold", "one")

    assert ran.code == 22
    assert "error: cannot hold 'one': it is running\nhint: hold works on jobs in" in ran.err


def test_the_images_of_a_failed_attempt_are_adopted(bench: Bench) -> None:
    bench.submit("one")
    actor, claimed, _ = bench.claim("one")
    leave_image(actor, "one", 1)
    end(actor, claimed, conclude(actor, claimed, Ending(Verdict.FAILED, Code.BAD_JOB, "x")))

    ran = bench("adopt", "one", "--attempt", "1")

    assert ran.out == "one: adopted 1 image of attempt 1, as attempt 2\n"
    last = decisions(bench.actor(), "one").highest
    assert last is not None
    assert last.is_commit


def test_an_attempt_that_is_not_there_cannot_be_adopted(bench: Bench) -> None:
    bench.submit("one")

    ran = bench("adopt", "one", "--attempt", "3")

    assert ran.code == 20
    assert "'one' has no attempt 3" in ran.err


def test_workers_are_asked_and_resumed(bench: Bench) -> None:
    bench.submit("one")
    bench.claim("one")

    assert bench("drain", "tower-0").out == (
        "tower-0: asked to drain; it finishes what it runs, then stops\n"
    )
    assert bench("pause", "tower-0", "--json").document["workers"][0]["asked"] == "pause"
    assert bench("resume", "tower-0").out == "tower-0: goes on\n"
    assert bench("resume", "tower-0").out == "tower-0: nothing was asked of it\n"
    assert not list((bench.root / "control").iterdir())


def test_a_pause_may_hand_back_what_runs_and_end_by_itself_and_says_why(bench: Bench) -> None:
    bench.submit("one")
    bench.claim("one")

    ran = bench("pause", "tower-0", "--now", "--for", "1h30m", "--message", "a game")

    assert ran.out.startswith(
        "tower-0: asked to pause; it hands back what it runs, then claims nothing until 20"
    )
    (lies,) = (bench.root / "control").iterdir()
    asked = decode(Request, lies.read_bytes())
    assert (asked.now, asked.message, asked.session) == (True, "a game", None)
    now_s = bench.actor().share_now_s()
    assert asked.until is not None
    assert abs(asked.until.timestamp() - now_s - 5400) < 60


def test_a_pause_for_no_span_of_time_is_refused(bench: Bench) -> None:
    ran = bench("pause", "tower-0", "--for", "soon")

    assert ran.code == 2
    assert ran.err.startswith("error: 'soon' is no span of time\nhint: write it like 90s")


def test_a_drain_may_hand_back_what_runs(bench: Bench) -> None:
    bench.submit("one")
    bench.claim("one")

    assert bench("drain", "tower-0", "--now").out == (
        "tower-0: asked to drain; it hands back what it runs, then stops\n"
    )


def test_resuming_a_worker_that_rests_for_another_reason_tells_that_reason(bench: Bench) -> None:
    told = Facts(state="paused", rests="paused on this machine by ada")
    Life(bench.actor(), "worker", told).beat()

    assert bench("resume", "tower-0").out == (
        "tower-0: nothing was asked of it; it rests: paused on this machine by ada\n"
    )


@pytest.mark.parametrize("command", ["drain", "pause", "resume"])
@pytest.mark.parametrize("worker", ["nobody", "../x", "A B"])
def test_an_unknown_worker_is_refused(bench: Bench, command: str, worker: str) -> None:
    ran = bench(command, worker)

    assert ran.code == 20
    assert (
        ran.err == f"error: no worker '{worker}' in this spool\nhint: 'spoolctl nodes' lists them\n"
    )


def test_moments_are_written_in_utc() -> None:
    """A record may bear another zone; its local time was once shown with a Z behind it."""
    at = datetime.fromisoformat("2026-11-20T23:00:00+01:00")

    assert moment(at) == "2026-11-20T22:00:00Z"
    assert moment(at.astimezone(UTC)) == "2026-11-20T22:00:00Z"
