"""What the controller learns of attempts, and that it is the same whatever is restarted, lost or done twice."""

import json

import pytest

from spoolctl.controller.learning import history_line
from spoolctl.controller.ran import ran
from spoolctl.spool import (
    Code,
    Ending,
    Ran,
    StageTiming,
    Verdict,
    layout,
    parse_job,
    pinned_job,
    read_figures,
    retry,
)
from tests.spool.spool_world import World

JOB = b"""schema: spool.job/1
workload:
  kind: image
  stages:
  - {stage: txt2img, prompt: a lighthouse, model: juggernautXL, seed: 7, width: 1024, height: 1024, steps: 30}
...
"""
CARD = Ran(backend="webui", gpu="RTX 4090", vram_gb=24.0, peak_gb=9.8, load_s=0.0, was_loaded=True)


@pytest.fixture
def world():
    return World()


def run(world, name, *, seconds=12.0, card=CARD, worker=None):
    worker = worker or world.worker()
    world.drop(name, JOB)
    claimed = worker.claim()
    ending = worker.deliver(claimed)
    timing = StageTiming(stage="txt2img", seconds=seconds, images=1)
    told = {**ending.__dict__, "stages": (timing,), "ran": card}
    worker.end(claimed, Ending(**told))


def fail(world, name, code, *, drop=True, card=CARD):
    worker = world.worker()
    if drop:
        world.drop(name, JOB)
    worker.end(worker.claim(), Ending(Verdict.FAILED, code, "as told", ran=card))


def learned(world):
    figures = read_figures(world.person())
    return {} if figures is None else {
        (row.stage, row.card): [(one.outcome, one.seconds) for one in row.samples]
        for row in figures.rows
    }  # fmt: skip


def told_in(world, part):
    (path,) = [one for one in world.share.tree() if one.endswith(f"/{part}")]
    return json.loads(world.share.tree()[path])["ran"]


def as_bytes(world):
    return world.share.tree()[layout.FIGURES]


def test_before_anything_was_merged_there_are_no_figures(world):
    assert read_figures(world.person()) is None


def test_a_merge_teaches_how_long_the_work_took(world):
    run(world, "a")

    world.controller().scan()

    assert learned(world) == {("txt2img", "RTX 4090"): [("", 12.0)]}
    (row,) = read_figures(world.person()).rows
    assert (row.backend, row.model, row.size, row.vram_gb) == ("webui", "juggernautxl", 1.0, 24.0)
    assert row.samples[0].peak_gb == 9.8


def test_the_attempts_that_failed_or_were_lost_on_the_way_are_told_too(world):
    fail(world, "a", Code.STALLED)
    world.turn(4_000)
    world.worker("w2").sweep()
    dead = world.worker("w3")
    dead.claim()
    world.dead.add(dead.actor.host.pid)
    sweeper = world.worker("w4", machine="host-a")
    world.turn(4_000)
    for _ in range(4):
        sweeper.sweep()
        world.turn(400)
    claimed = sweeper.claim()
    assert claimed.number == 3
    sweeper.end(claimed, Ending(**{**sweeper.deliver(claimed).__dict__, "ran": CARD}))

    world.controller().scan()

    outcomes = {card: [code for code, _ in seen] for (_, card), seen in learned(world).items()}
    assert sorted(outcomes["RTX 4090"]) == ["", "stalled"]
    assert len(outcomes["worker w3"]) == 1
    (code,) = outcomes["worker w3"]
    assert code in ("no_heartbeat", "process_gone")


def test_a_job_that_failed_for_good_and_is_retried_tells_each_attempt_once(world):
    fail(world, "a", Code.BACKEND_REJECTED)
    for _ in range(2):
        world.turn(4_000)
        world.worker().sweep()
        fail(world, "a", Code.BACKEND_REJECTED, drop=False)
    assert world.state("a").startswith("failed/")
    world.controller().scan()
    assert [one["attempt"] for one in told_in(world, "a~3.jsonl")] == [1, 2, 3]

    assert retry(world.person(), "a")
    fail(world, "a", Code.BAD_JOB, drop=False)
    world.controller("controller-d").scan()

    assert [one["attempt"] for one in told_in(world, "a~4.jsonl")] == [4]
    seen = [code for code, _ in learned(world)["txt2img", "RTX 4090"]]
    assert sorted(seen) == [*["backend_rejected"] * 3, "bad_job"]


def test_a_lost_or_damaged_file_is_made_anew_the_same(world):
    for number in range(5):
        run(world, f"a{number}", seconds=10.0 + number)
    world.controller().scan()
    before = as_bytes(world)

    world.share.view().unlink(layout.FIGURES)
    world.controller("controller-d").scan()
    assert as_bytes(world) == before

    world.share.view().unlink(layout.FIGURES)
    world.share.put(layout.FIGURES, b"{no json")
    world.controller("controller-e").scan()
    assert as_bytes(world) == before


def test_two_controllers_and_restarts_learn_what_one_does(world):
    one = World()
    for number in range(6):
        run(one, f"a{number}", seconds=10.0 + number)
    one.controller().scan()

    first, second = world.controller("controller-a"), world.controller("controller-b")
    for number in range(6):
        run(world, f"a{number}", seconds=10.0 + number)
        (first, second)[number % 2].scan()
        world.turn(30)
    world.controller("controller-c").scan()

    assert learned(world) == learned(one)
    assert as_bytes(world) == as_bytes(one)


def test_what_a_controller_that_died_before_writing_missed_comes_with_the_next_ones_start(world):
    run(world, "a")
    scanner = world.controller()
    scanner._figures.take = lambda *_: None
    scanner.scan()
    assert learned(world) == {}

    world.controller("controller-d").scan()

    assert learned(world) == {("txt2img", "RTX 4090"): [("", 12.0)]}


def test_later_merges_read_only_what_is_new(world, monkeypatch):
    read = []
    monkeypatch.setattr(
        "spoolctl.controller.figures.samples_of", lambda told: read.append(told["name"]) or []
    )
    scanner = world.controller()
    for name in ("a", "b", "c"):
        run(world, name)
        scanner.scan()
        world.turn(30)

    assert read == ["a", "b", "c"]


def test_what_ran_before_manifests_told_it_teaches_nothing_and_breaks_nothing(world):
    world.drop("a")
    world.worker().work()

    scanned = world.controller().scan()

    assert (scanned.merged, scanned.troubles, learned(world)) == (1, [], {})


def test_a_share_that_refuses_the_file_is_told_and_it_comes_later(world):
    run(world, "a")
    share = world.share.view()
    scanner = world.controller(files=share)
    written = share.rename

    def refuse(source, target, **how):
        if target == layout.FIGURES:
            raise OSError(28, "no space left on the share")
        return written(source, target, **how)

    share.rename = refuse
    assert "no space left" in " ".join(scanner.scan().troubles)
    assert world.state("a").startswith("done/")
    share.rename = written
    world.turn(60)
    scanner.scan()

    assert learned(world) == {("txt2img", "RTX 4090"): [("", 12.0)]}


def test_a_stage_taken_over_from_an_earlier_attempt_has_no_time_of_this_one(world):
    chain = JOB.replace(b"steps: 30}", b"steps: 30}\n  - {stage: upscale, factor: 2}")
    run(world, "a")
    job = parse_job(chain)
    resumed = world.manifests("a")[1].model_copy(
        update={"stages": (StageTiming(stage="upscale", seconds=3.0, images=1),)}
    )

    (told,) = ran(job, [resumed])

    assert [one.get("seconds") for one in told["stages"]] == [None, 3.0]


def test_a_line_of_history_is_the_same_for_every_controller(world):
    run(world, "a")
    job, _ = pinned_job(world.person(), "a")
    manifest = world.manifests("a")[1]

    assert history_line(job, manifest) == history_line(job, manifest, ())
    assert json.loads(history_line(None, manifest))["ran"] == []
