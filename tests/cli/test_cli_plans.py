"""Plans on the command line: shown before anything is made, written as files, or submitted as one group, all or none."""

import io
import itertools
import json
from pathlib import Path

import pytest
from cli_bench import Bench, introduce_worker

from spoolctl.cli import plans
from spoolctl.spool import STAGE_NAMES, GroupDefinition, Life, State, decode, parse_job

PLAN = """\
schema: spool.plan/1
name: Foxes at night
base: {workload: {kind: image, stages: [{stage: txt2img, prompt: a __size__ fox, steps: 20}, {stage: upscale}]}}
wildcards: words
seed: 1
matrix: {cfg_scale: [5, 6, 7]}
seeds: {from: 10, count: 2}
"""


@pytest.fixture
def plan(bench: Bench) -> Path:
    (bench.files / "words").mkdir()
    (bench.files / "words" / "size.txt").write_text("small\nlarge\n", encoding="utf-8")
    return bench.file("foxes.yaml", PLAN)


@pytest.fixture
def worker(bench: Bench) -> Life:
    """A worker that is idle, on a card of known speed."""
    actor = bench.actor()
    introduce_worker(
        actor, backend="sketch", stages=STAGE_NAMES, gpu="NVIDIA GeForce RTX 4090", vram_gb=24.0
    )
    life = Life(actor, "worker")
    life.tell(state="idle")
    life.beat()
    return life


def test_expand_shows_how_many_jobs_what_varies_and_the_first_of_them(bench: Bench, plan) -> None:
    before = bench.tree()

    ran = bench("expand", plan)

    assert ran.code == 0
    assert ran.out.startswith("Foxes at night: 6 jobs\n  cfg_scale: 5, 6, 7\n  seed: 10, 11\n")
    assert "this spool has met no worker" in ran.out
    assert bench.tree() == before


def test_expand_needs_no_spool(bench: Bench, plan, monkeypatch) -> None:
    monkeypatch.delenv("SPOOL_ROOT")

    ran = bench("expand", plan, "--json")

    assert ran.document["expected"] is None
    assert ran.document["total"] == 6
    assert [one["varies"]["cfg_scale"] for one in ran.document["sample"][:3]] == [5, 7, 6]


@pytest.mark.usefixtures("worker")
def test_the_time_is_told_by_the_workers_that_live(bench: Bench, plan) -> None:
    expected = bench("expand", plan, "--json").document["expected"]
    told = bench("expand", plan).out

    assert expected["cards"] == expected["workers"] == 1
    assert 0 < expected["work"]["low_s"] <= expected["work"]["mid_s"] <= expected["work"]["high_s"]
    assert expected["farm"]["mid_s"] > 0
    assert "of one card's time (0% learned, the rest by formula)" in told
    assert "on 1 worker" in told


def test_a_preview_of_many_jobs_builds_only_some_of_them(bench: Bench, monkeypatch) -> None:
    monkeypatch.setattr(plans, "LOOKED_AT", 5)
    built = []
    jobs = plans.Expansion.jobs

    def counted(self):
        for one in jobs(self):
            built.append(one)
            yield one

    monkeypatch.setattr(plans.Expansion, "jobs", counted)
    many = PLAN.replace("__size__ ", "").replace("count: 2", "count: 20000")

    ran = bench("expand", bench.file("many.yaml", many))

    assert "60000 jobs" in ran.out
    assert "... and 59995 more" in ran.out
    assert len(built) == 5


def test_jobs_written_as_files_have_the_same_names_and_bytes_every_time(bench: Bench, plan) -> None:
    one, other = bench.files / "one", bench.files / "other"

    ran = bench("expand", plan, "--into", str(one))
    bench("expand", plan, "--into", str(other))
    again = bench("expand", plan, "--into", str(one))

    assert ran.code == again.code == 0
    files = sorted(path.name for path in one.iterdir())
    assert [name.split(".", 1)[1] for name in files] == [f"000{n}.json" for n in range(1, 7)]
    assert files[0].startswith("foxes-at-night-")
    assert {p.name: p.read_bytes() for p in one.iterdir()} == {
        p.name: p.read_bytes() for p in other.iterdir()
    }
    assert all(parse_job(path.read_bytes()).group == "Foxes at night" for path in one.iterdir())


def test_a_file_of_other_contents_is_not_replaced_and_nothing_is_left_half_way(
    bench: Bench, plan
) -> None:
    folder = bench.files / "jobs"
    bench("expand", plan, "--into", str(folder))
    names = sorted(path.name for path in folder.iterdir())
    for name in names[:-1]:
        (folder / name).unlink()
    (folder / names[-1]).write_bytes(b"mine")

    ran = bench("expand", plan, "--into", str(folder))

    assert ran.code == 2
    assert "with other contents" in ran.err
    assert [path.read_bytes() for path in folder.iterdir()] == [b"mine"]


def test_the_files_of_an_expansion_can_be_submitted(bench: Bench, plan) -> None:
    bench("expand", plan, "--into", str(bench.files / "jobs"))
    files = sorted(str(path) for path in (bench.files / "jobs").iterdir())

    ran = bench("submit", *files, "-q")

    assert len(ran.out.split()) == 6


def test_a_plan_is_submitted_as_one_group_in_its_order(bench: Bench, plan) -> None:
    ran = bench("submit", plan, "--class", "batch", "-q")

    names = ran.out.split()
    jobs = [parse_job(bench.bytes_of(name)) for name in names]
    assert names == sorted(names)
    assert "-foxes-at-night-" in names[0]
    assert {job.group for job in jobs} == {"Foxes at night"}
    assert [job.workload.stages[0].seed for job in jobs] == [10, 10, 10, 11, 11, 11]
    assert [job.randomizer["variant_index"] for job in jobs] == list(range(6))


def test_the_groups_definition_keeps_what_the_plan_says_of_itself(bench: Bench, plan) -> None:
    names = bench("submit", plan, "-q").out.split()

    (path,) = (bench.root / "groups").rglob("*.yaml")
    kept = decode(GroupDefinition, path.read_bytes())
    assert list(kept.members) == names
    assert (kept.plan["total"], kept.plan["master_seed"]) == (6, 1)
    assert kept.plan["varies"] == {"cfg_scale": [5, 6, 7], "seed": [10, 11]}


def test_the_options_of_submit_hold_for_every_job_of_a_plan(bench: Bench, plan) -> None:
    ran = bench(
        "submit", plan, "--group", "mine", "--name", "n", "--hold", "--priority", "80", "-q"
    )

    jobs = [parse_job(bench.bytes_of(name)) for name in ran.out.split()]
    assert ran.out.split() == [f"n.000{number}" for number in range(1, 7)]
    assert {(job.group, job.priority) for job in jobs} == {("mine", 80)}
    assert bench.place("n.0003").state is State.HELD


def test_a_plan_goes_beside_jobs_and_from_standard_input(bench: Bench, plan, monkeypatch) -> None:
    beside = bench("submit", plan, bench.file("a.yaml"), "-q")
    monkeypatch.chdir(bench.files)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(PLAN.encode())))
    piped = bench("submit", "-", "-q")

    assert len(beside.out.split()) == 7
    assert len(piped.out.split()) == 6


def test_of_a_plan_with_a_fault_nothing_is_submitted_and_the_fault_is_told_once(
    bench: Bench,
) -> None:
    bad = PLAN.replace("__size__ ", "").replace("cfg_scale", "cfg")
    token = PLAN.replace("__size__ ", "").replace("base: {", "base: {requires: {tokens: [nas]}, ")
    before = bench.tree()

    ran = bench("submit", bench.file("bad.yaml", bad), bench.file("token.yaml", token))

    assert ran.code == 23
    assert ran.err.count("'cfg' leads nowhere") == 1
    assert ran.err.count("no token 'nas'") == 1
    assert bench.tree() == before


def test_a_dry_run_shows_the_plan_and_changes_nothing(bench: Bench, plan) -> None:
    before = bench.tree()

    told = bench("submit", plan, "--dry-run")
    document = bench("submit", plan, "--dry-run", "--json").document

    assert told.out.startswith("would submit 6 jobs")
    assert "Foxes at night: 6 jobs" in told.out
    assert [one["total"] for one in document["plans"]] == [6]
    assert len(document["jobs"]) == 6
    assert bench.tree() == before


def test_of_many_jobs_the_first_are_told_and_quiet_lists_all(bench: Bench) -> None:
    many = PLAN.replace("__size__ ", "").replace("count: 2", "count: 100")

    told = bench("submit", bench.file("many.yaml", many)).out.splitlines()
    quiet = bench("submit", bench.file("again.yaml", many), "-q").out.split()

    assert told[0].startswith("submitted 300 jobs")
    assert told[-1].startswith("... and 295 more, up to ")
    assert len(quiet) == 300


@pytest.mark.usefixtures("worker")
def test_jobs_that_no_worker_could_run_are_told_by_the_first_of_them(bench: Bench) -> None:
    large = PLAN.replace("__size__ ", "").replace("base: {", "base: {requires: {vram_gb: 900}, ")

    ran = bench("submit", bench.file("large.yaml", large.replace("count: 2", "count: 50")))

    assert ran.code == 2
    assert "150 of 150 jobs could never run" in ran.err
    assert ran.err.count("no known worker can run it") == 20


def test_an_attached_file_is_the_input_of_every_job(bench: Bench) -> None:
    plan = PLAN.replace("__size__ ", "").replace("txt2img", "img2img")
    image = bench.file("a.png", "not really one")

    ran = bench("submit", bench.file("p.yaml", plan), "--attach", image, "-q")

    inputs = {parse_job(bench.bytes_of(name)).inputs for name in ran.out.split()}
    assert len(inputs) == 1
    assert bench("submit", bench.file("q.yaml", plan)).code == 23


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (None, 2, "cannot read it"),
        ("a: [", 23, ", line "),
        ("schema: spool.job/1\nworkload: {kind: text, model: m, prompt: a}\n", 23, "spool.plan"),
        ("x" * (1 << 20) + "x", 23, "more than"),
        ("\xff", 23, "UTF-8"),
    ],
)
def test_what_is_no_plan_is_refused_on_one_line(bench: Bench, text, code, said) -> None:
    path = bench.files / "p.yaml"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))

    ran = bench("expand", str(path))

    assert ran.code == code
    assert said in ran.err.splitlines()[0]
    assert "Traceback" not in ran.err


def test_previews_of_two_spools_do_not_change_the_order() -> None:
    """What is shown first runs first."""
    expansion = plans.expansion_of("p.yaml", PLAN.replace("__size__ ", "").encode())

    shown = plans.preview_of(expansion, None)["sample"]

    assert [one["varies"] for one in shown] == [
        dict(one.varies) for one in itertools.islice(expansion.jobs(), plans.SHOWN)
    ]
    json.dumps(shown)
