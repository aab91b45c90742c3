"""What ``status`` expects of the queue and of running jobs, and ``figures``: what was learned."""

import pytest
from cli_bench import JOB_YAML, Bench, introduce_worker

from spoolctl.spool import (
    FIGURES_SCHEMA,
    STAGE_NAMES,
    Facts,
    FigureRow,
    Figures,
    Life,
    Sample,
    encode_json,
    layout,
)
from spoolctl.views import expecting

CARD = "NVIDIA GeForce RTX 4090"
JOB = JOB_YAML.replace("prompt: a lighthouse", "prompt: a lighthouse, model: juggernautXL")
LEARNED = Figures(
    schema_=FIGURES_SCHEMA,
    rows=(
        FigureRow(
            backend="sketch", model="juggernautxl", stage="load", card="worker tower-0",
            samples=(Sample("b4a1000000aa", "", 31.5, 1.0),),
        ),
        FigureRow(
            backend="sketch", model="juggernautxl", stage="txt2img", size=0.25, card=CARD, vram_gb=24.0,
            samples=(
                Sample("b4a1000000aa", "", 20.0, 10.5, 0.26, 9.8), Sample("b4a1000000ab", "", 21.0, 10.5, 0.26, 9.5),
                Sample("b4a1000000ac", "out_of_memory", None, 10.5, 0.26, 23.0),
            ),
        ),
    ),
)  # fmt: skip


@pytest.fixture
def worker(bench: Bench) -> Life:
    """A worker that is idle, on a card of known speed."""
    actor = bench.actor()
    introduce_worker(actor, backend="sketch", stages=STAGE_NAMES, gpu=CARD, vram_gb=24.0)
    life = Life(actor, "worker")
    life.tell(state="idle")
    life.beat()
    return life


def learn(bench: Bench) -> None:
    (bench.root / layout.FIGURES).write_bytes(encode_json(LEARNED))


def left_line(bench: Bench) -> str:
    (line,) = [one for one in bench("status").out.splitlines() if one.startswith("left ")]
    return line.removeprefix("left ").strip()


def test_an_empty_queue_has_nothing_left(bench: Bench) -> None:
    assert "\nleft" not in bench("status").out
    assert bench("status", "--json").document["expected"] == {"jobs": 0, "looked_at": 0}


def test_a_queue_without_a_worker_says_why_nothing_is_expected(bench: Bench) -> None:
    bench.submit("one", JOB)

    assert left_line(bench).startswith("not known: no worker")


@pytest.mark.usefixtures("worker")
def test_the_queue_is_expected_by_the_formula_until_something_was_learned(bench: Bench) -> None:
    for number in range(3):
        bench.submit(f"job{number}", JOB)
    assert ", by formula, from 3 jobs on 1 worker" in left_line(bench)

    learn(bench)

    assert ", learned, from 3 jobs on 1 worker" in left_line(bench)
    told = bench("status", "--json").document["expected"]
    assert told["low_s"] < told["mid_s"] < told["high_s"]
    assert 50 <= told["mid_s"] <= 70, "three times two images of a size that took ten seconds each"
    assert (told["jobs"], told["looked_at"], told["learned"]) == (3, 3, 1.0)


@pytest.mark.usefixtures("worker")
def test_of_a_deep_queue_only_some_records_are_opened(bench: Bench) -> None:
    place = bench.root / layout.QUEUES[1].folder
    for number in range(200):
        (place / f"deep.{number:04}.yaml").write_text(JOB, encoding="utf-8")

    told = bench("status", "--json").document["expected"]

    assert (told["jobs"], told["looked_at"]) == (200, expecting.EACH_MAX)
    assert f"from {expecting.EACH_MAX} of 200 jobs" in left_line(bench)


@pytest.mark.usefixtures("worker")
def test_records_that_cannot_be_read_and_jobs_that_fit_nobody_are_borne(bench: Bench) -> None:
    place = bench.root / layout.QUEUES[1].folder
    (place / "bad.yaml").write_text("schema: spool.job/1\n", encoding="utf-8")
    bench.submit(
        "large", JOB.replace("workload:", "requires: {vram_gb: 48}\nworkload:"), "--anyway"
    )

    assert left_line(bench) == "not known, from 2 jobs on 1 worker; about 2 fit none of them"


def test_what_only_reserved_workers_fit_is_not_expected_to_be_done_by_them(bench: Bench) -> None:
    """Two batch jobs, and the only open worker reserved for interactive ones: they were to be done in 0 s."""
    actor = bench.actor()
    introduce_worker(actor, backend="sketch", stages=STAGE_NAMES, reserved_for=("interactive",))
    Life(actor, "worker", Facts(state="idle")).beat()
    bench.submit("one", JOB, "--class", "batch")
    bench.submit("two", JOB, "--class", "batch")

    reserved = "; about 2 fit none but reserved ones"
    assert left_line(bench) == f"not known, from 2 jobs on 1 worker{reserved}"
    told = bench("status", "--json").document["expected"]
    assert ("mid_s" in told, told["unserved"]) == (False, 2)

    bench.submit("three", JOB, "--class", "interactive")
    assert left_line(bench).endswith(f"by formula, from 3 jobs on 1 worker{reserved}")


def test_a_running_job_says_how_long_it_still_takes_with_a_range(
    bench: Bench, worker: Life
) -> None:
    del worker
    learn(bench)
    bench.submit("one", JOB)
    _, _, life = bench.claim("one")
    life.tell(state="running", stage="txt2img", progress=0.5, eta_s=65.0)
    life.beat()

    (row,) = [one for one in bench("status").out.splitlines() if one.startswith("tower-0 ")]
    left = bench("status", "--json").document["running"][0]["left"]

    assert "1 min 05 s (32 s to 2 min 10 s)" in row
    assert (left["mid_s"], left["learned"], left["source"]) == (65.0, True, "its own progress")


def test_figures_says_what_was_learned(bench: Bench) -> None:
    assert bench("figures").out.startswith("nothing learned yet")
    assert bench("figures", "--json").document == {"figures": []}
    learn(bench)

    lines = bench("figures").out.splitlines()

    assert lines[0].split() == [
        "MODEL", "STAGE", "SIZE", "CARD", "RUNS", "FAILED", "TOOK", "PER", "UNIT", "PEAK",
    ]  # fmt: skip
    assert lines[1].split() == ["juggernautxl", "load", "worker", "tower-0", "1", "31.5", "to", "31.5", "s"]  # fmt: skip
    assert " ".join(lines[2].split()) == (
        f"juggernautxl txt2img 0.25 MP {CARD} 2 1 (out_of_memory) 20 to 21 s 1.95 s 9.8 GB"
    )
    (load, work) = bench("figures", "--json").document["figures"]
    assert (load["stage"], load["seconds_max"]) == ("load", 31.5)
    assert (work["samples"], work["failed"], work["codes"]) == (3, 1, ["out_of_memory"])
    assert bench("figures", "--model", "Flux", "--json").document == {"figures": []}


def test_figures_that_were_edited_are_as_good_as_none(bench: Bench) -> None:
    (bench.root / layout.FIGURES).write_bytes(b"[]")

    assert bench("figures").out.startswith("nothing learned yet")
