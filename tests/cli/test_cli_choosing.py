"""What people are told of choosing: explain, ages, what could never run, and the simulator."""

import os

import pytest
from cli_bench import JOB_YAML, NOW, introduce_worker

from spoolctl.spool import Facts, Life, find

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


def test_explain_of_a_job_that_waits_is_held_or_has_ended_says_so(bench):
    bench.submit("first")
    bench.submit("later", JOB_YAML, "--after", "first")
    bench.submit("aside", JOB_YAML, "--hold")
    assert bench("explain", "later").out.startswith("later waits: needs 'first' to succeed\n")
    assert bench("explain", "aside").out.startswith("aside is held by a person")
    bench.fail("first")
    assert bench("explain", "first").out == "first has ended (failed): bad_job: no such sampler\n"


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
