"""What people are told of choosing: explain, ages, what could never run, and the simulator."""

import os
from dataclasses import replace

import pytest
from cli_bench import JOB_YAML, NOW, introduce_worker

from spoolctl.spool import Facts, Life, find, open_spool

LONG = JOB_YAML.replace("count: 2", "count: 200")
BIG = JOB_YAML.replace("workload:", "requires: {vram_gb: 24}\nworkload:", 1)


def worker(bench, name, state="idle", message=None, **card):
    actor = bench.actor(name)
    introduce_worker(actor, **{"vram_gb": 8.0, "stages": ("txt2img",), "backend": "sketch", **card})
    life = Life(actor, "worker", Facts(state=state, message=message))
    life.beat()
    return life


def test_explain_sets_each_worker_against_its_reasons_and_near_misses(bench):
    worker(bench, "attic", vram_gb=22.5)
    worker(bench, "cellar", stages=("upscale",))
    bench.submit("big", BIG, "--anyway")
    ran = bench("explain", "big")
    assert ran.out.splitlines() == [
        "big waits in queue/normal",
        "it is next in its queue",
        "WORKER  STATE  ANSWER",
        "attic   idle   22.5 of 24 GB (needs 1.5 GB more)",
        "cellar  idle   8 of 24 GB; stage txt2img missing",
        "no known worker can run it",
    ]


def test_explain_names_the_best_worker_and_who_would_not_take_it_now(bench):
    worker(bench, "attic")
    worker(bench, "study", state="paused", message="somebody plays")
    worker(bench, "parlour", reserved_for=("interactive",))
    bench.submit("first")
    bench.submit("second")
    told = bench("explain", "second", "--json").document
    assert told["before_it"] == 1
    assert [(one["worker"], one["cannot"], one["not_now"]) for one in told["workers"]] == [
        ("attic", [], []),
        ("parlour", [], ["reserved for interactive jobs"]),
        ("study", [], ["takes no jobs now (paused: somebody plays)"]),
    ]
    assert "best: attic" in bench("explain", "second").out


def test_explain_of_a_job_that_waits_tells_what_for_and_nothing_of_workers(bench):
    """One that waited for a job that is not there was to be done "in about 0 s" by the best worker."""
    worker(bench, "attic")
    bench.submit("first")
    bench.submit("later", JOB_YAML, "--after", "first")
    bench.submit("lost", JOB_YAML, "--after", "nobody", "--anyway")
    bench.submit("aside", JOB_YAML, "--hold")
    bench.submit("morning", JOB_YAML.replace("workload:", "not_before: 2026-11-21T06:00:00Z\nworkload:"))  # fmt: skip

    def told(name):
        return bench("explain", name).out

    assert told("later") == "later waits: needs 'first' to succeed, which waits in queue/normal\n"
    assert told("lost") == "lost waits: needs 'nobody', which is not there\n"
    assert told("aside") == "aside is held by a person; 'spoolctl release' lets it go\n"
    assert told("morning") == "morning waits: not before 2026-11-21T06:00:00Z, in 8 h 00 min\n"


def test_explain_of_a_job_that_waits_still_says_that_no_worker_could_run_it(bench):
    worker(bench, "attic")
    bench.submit("big", BIG, "--hold", "--anyway")
    assert bench("explain", "big").out.splitlines()[-2:] == [
        "attic   idle   8 of 24 GB (needs 16 GB more)",
        "no known worker can run it",
    ]


def test_explain_of_a_job_that_lacks_a_token_tells_who_holds_it_and_what_that_does(bench):
    with (bench.root / "spool.yaml").open("a", encoding="utf-8") as file:
        file.write("tokens: {nas: 1}\n")
    worker(bench, "attic")
    for name in ("one", "two"):
        bench.submit(name, f"{JOB_YAML}requires: {{tokens: [nas]}}\n")
    _, _, life = bench.claim("one")
    life.beat_attempt("one", 1)
    assert bench("explain", "two").out == (
        "two waits in queue/normal for token 'nas', held by 'one' ('one' runs on tower-0)\n"
    )


def test_explain_of_a_job_that_runs_tells_where_and_how_long_it_still_takes(bench):
    worker(bench, "attic")
    introduce_worker(bench.actor(), backend="sketch", stages=("txt2img",))
    bench.submit("one")
    _, _, life = bench.claim("one")
    life.tell(state="running", stage="txt2img", progress=0.5, eta_s=65.0)
    life.beat_attempt("one", 1)

    ran = bench("explain", "one")

    assert ran.out == "one runs on tower-0, done in about 1 min 05 s (32 s to 2 min 10 s)\n"
    told = bench("explain", "one", "--json").document
    assert (told["workers"], told["left"]["mid_s"]) == ([], 65.0)


def test_explain_of_a_job_whose_worker_is_gone_says_what_comes_of_it(bench, monkeypatch):
    bench.submit("one")
    _, _, life = bench.claim("one")
    life.beat_attempt("one", 1)
    monkeypatch.setattr("spoolctl.cli.opening.open_spool", _where_nobody_lives)
    assert bench("explain", "one").out == (
        "one ran on tower-0, which is gone; the next sweep takes it up again\n"
    )


def _where_nobody_lives(*told, **more):
    return replace(open_spool(*told, **more), is_alive=lambda _pid, _started_s: False)


def test_explain_of_a_job_that_has_ended_tells_how_and_nothing_of_workers(bench):
    """A failed job was said to be done in about 0 s by the best worker."""
    worker(bench, "attic")
    for name in ("bad", "good"):
        bench.submit(name)
    bench.fail("bad")
    bench.succeed("good")
    assert bench("explain", "bad").out == "bad has ended (failed): bad_job: no such sampler\n"
    told = "good has succeeded; a controller is yet to merge it\n"
    assert bench("explain", "good").out == told


def test_explain_says_when_a_jobs_turn_comes_after_those_before_it(bench):
    """ "1 job before it", and done in about as long as it takes alone."""
    worker(bench, "attic")
    for name in ("a", "b", "c"):
        bench.submit(name, LONG)
    alone, behind = (bench("explain", name, "--json").document for name in ("a", "c"))
    each_s = alone["expected"]["mid_s"]
    assert (alone["before_it"], alone["expected"]["begins_in_s"]) == (0, 0.0)
    assert behind["before_it"] == 2
    assert behind["expected"]["begins_in_s"] == pytest.approx(2 * each_s)
    assert behind["expected"]["mid_s"] == pytest.approx(3 * each_s)
    line = bench("explain", "c").out.splitlines()[-1]
    assert line.startswith(
        "expected: begins in about 1 min 01 s on attic, done in about 1 min 31 s ("
    )
    assert line.endswith(", with the 2 jobs before it")
    assert (
        bench("explain", "a").out.splitlines()[-1].startswith("expected: begins at once on attic")
    )


def test_explain_of_a_closed_worker_says_when_it_opens_and_what_follows_from_it(bench):
    """It read "closed: closed until 03:00; stops taking jobs in 0 s" and "free, nothing to load"."""
    life = worker(bench, "study", state="closed")
    life.tell(rests="closed until 03:00", closes_in_s=0.0, opens_in_s=18_000.0)
    life.beat()
    bench.submit("one", LONG)
    assert bench("explain", "one").out.splitlines()[2:] == [
        "WORKER  STATE   ANSWER",
        "study   closed  takes no jobs now (closed until 03:00); takes jobs again in 5 h 00 min; it runs for 30 s there",
        "nobody takes it now; somebody could",
        "expected: begins in about 5 h 00 min on study, done in about 5 h 00 min (5 h 00 min to 5 h 10 min)",
    ]  # fmt: skip


def test_explain_names_a_worker_of_which_nothing_is_known_yet(bench):
    """One that was started outside its hours asks its backend only when it opens."""
    told = Facts(state="closed", rests="closed until 04:00")
    Life(bench.actor("study"), "worker", told).beat()
    bench.submit("one")
    assert bench("explain", "one").out.splitlines()[2:] == [
        "study has not told yet what it can do (closed until 04:00)"
    ]


def test_explain_says_never_of_a_worker_that_would_hand_the_job_back_every_time(bench):
    hours = {"hours": ("daily 12:00-12:01",), "hands_back": True}
    for name, state in (("open", "idle"), ("shut", "closed")):
        life = worker(bench, name, state=state, **hours)
        life.tell(closes_in_s=30.0 if state == "idle" else 0.0, opens_in_s=600.0)
        life.beat()
    bench.submit("one", JOB_YAML.replace("count: 2", "count: 1000"))
    ran = bench("explain", "one", "--json").document
    assert ran["expected"] is None
    assert all("never: its hours are 60 s at most" in one["not_now"][-1] for one in ran["workers"])
    assert bench("explain", "one").out.splitlines()[-1] == "nobody takes it now; somebody could"


def test_explain_where_no_worker_is_known_says_that(bench):
    bench.submit("one")
    assert bench("explain", "one").out.splitlines() == [
        "one waits in queue/normal",
        "it is next in its queue",
        "no worker is known: none has introduced itself yet; start one with 'spoolworker run'",
    ]


def test_what_no_known_worker_can_run_is_refused_at_submit_unless_one_says_anyway(bench):
    ran = bench("submit", bench.file("big.yaml", BIG))
    assert ran.code == 0, "a spool that has met nobody refuses nothing"
    worker(bench, "attic")
    ran = bench("submit", bench.file("big.yaml", BIG))
    assert ran.code != 0
    assert "no known worker can run it (attic: 8 of 24 GB)" in ran.err
    assert "--anyway" in ran.err
    assert bench("submit", bench.file("big.yaml", BIG), "--anyway").code == 0
    worker(bench, "study", state="stopped", vram_gb=24.0)
    assert bench("submit", bench.file("big.yaml", BIG)).code == 0, "it may come back"


def test_ages_count_the_waiting_jobs_of_each_class_by_how_long_they_wait(bench):
    for name, job_class, hours in (
        ("new", "normal", 0),
        ("old", "batch", 3),
        ("older", "batch", 30),
    ):
        bench.submit(name, JOB_YAML, "--class", job_class)
        (location,) = find(bench.actor(), name)
        written = NOW.timestamp() - 3_600 * hours
        os.utime(bench.root / location.path, (written, written))
    told = {one["class"]: one for one in bench("ages", "--json").document["classes"]}
    assert told["normal"]["ages"]["< 1 min"] == 1
    assert (told["batch"]["ages"]["< 6 h"], told["batch"]["ages"]["older"]) == (1, 1)
    assert told["batch"]["oldest"] == {"job": "older", "age_s": 108_000}
    assert "older (30 h 00 min)" in bench("ages").out


def test_ages_of_an_empty_spool_say_so(bench):
    assert bench("ages").out == "no job waits in a queue\n"


def test_simulate_compares_policies_and_draws(bench, tmp_path):
    drawn = tmp_path / "farm.svg"
    ran = bench("simulate", "--trace", "three-people", "--jobs", "60", "--picture", drawn, "--json")
    assert [one["policy"] for one in ran.document["policies"]] == ["spool", "first come", "central"]
    assert all(one["jobs"] == 60 for one in ran.document["policies"])
    assert drawn.read_text(encoding="utf-8").startswith("<svg")
    alone = bench(
        "simulate", "--trace", "three-people", "--jobs", "60", "--alone", "--without", "study"
    )
    assert "4 workers" in alone.out
    assert alone.out.count("\n") == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "what is to be simulated"),
        (("--trace", "none"), "no trace 'none'"),
        (("--trace", "three-people", "--more", "nobody"), "no worker 'nobody'"),
        (("missing.yaml",), "cannot read 'missing.yaml'"),
    ],
)
def test_simulate_says_what_it_cannot_do(bench, arguments, said):
    ran = bench("simulate", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert "hint:" in ran.err


def test_simulate_names_the_place_in_a_file_that_makes_no_sense(bench):
    file = bench.file("farm.yaml", "models: [{name: m, gb: two}]\n")
    assert "models.0.gb" in bench("simulate", file).err
    assert "cannot read" in bench("simulate", bench.file("farm.yaml", "[]")).err


def test_simulate_here_takes_the_live_workers_and_what_waits_now(bench):
    worker(bench, "attic")
    worker(bench, "gone", state="stopped")
    for name in ("one", "two"):
        bench.submit(name)
    (bench.root / "queue" / "normal" / "bad.yaml").write_text(
        "schema: spool.job/1\n", encoding="utf-8"
    )
    told = bench("simulate", "--here", "--json").document
    assert (told["workers"], told["left_out"]) == (["attic"], 1)
    assert [one["jobs"] for one in told["policies"]] == [2, 2, 2]
    assert "1 job of a deep queue, or unreadable, left out" in bench("simulate", "--here").out


def test_simulate_here_without_workers_says_that_nobody_can_run_what_waits(bench):
    bench.submit("one")
    assert "1 job fit no worker" in bench("simulate", "--here").out
