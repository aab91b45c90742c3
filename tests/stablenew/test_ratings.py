"""Ratings of a learning run, from people's words to what StableNew recommends by its rules."""

import json

import pytest
from recommending import recommend
from sample_data import stablenew
from stablenew_rules import readable_by_stablenew

from spoolctl.controller.sync import sync_into
from spoolctl.spool import PICKED, REJECTED, Word, layout, rate
from tests.spool.spool_world import JOB, World

PROMPT = "a lighthouse, dusk"
VALUES = (5.0, 6.0, 7.0)


def job(value, number):
    text = JOB.decode().replace(
        "prompt: a lighthouse", f"prompt: '{PROMPT}'\n    cfg_scale: {value}"
    )
    learning = f"learning: {{experiment_name: sweep, variable_under_test: CFG Scale, variant_value: {value}}}\n..."
    return text.replace("seed: 7", f"seed: {number}").replace("...", learning).encode()


@pytest.fixture
def run():
    """A sweep of three values with two images each, merged and compiled; jobs are called v<value>.<n>."""
    world = World()
    for value in VALUES:
        for number in (1, 2):
            world.submit(f"v{int(value)}.{number}", job(value, number))
            world.worker("w0").work()
    world.scanner = world.controller()
    world.scanner.scan()
    return world


def say(world, name, word):
    rate(world.person(), name, 0, word)
    world.scanner.scan()


def corpus(world):
    data = world.share.tree()[layout.LEARNING_RECORDS]
    readable_by_stablenew(data.splitlines(keepends=True))
    return data


def test_the_reader_here_says_what_stablenews_engine_said_of_its_own_records():
    said = recommend(
        stablenew("generated/learning_records_rated.jsonl").read_bytes(),
        "portrait of a knight, castle",
    )
    assert (said.tier, said.automatic) == ("experiment_strong", True)
    assert (said.best["cfg_scale"].value, round(said.best["cfg_scale"].confidence, 3)) == (
        7.0,
        0.767,
    )
    assert round(said.best["sampler"].confidence, 3) == 0.671


def test_ratings_change_what_is_recommended(run):
    assert recommend(corpus(run), PROMPT).tier == "no_evidence"
    for name, rating in (("v5.1", 2), ("v6.1", 5), ("v6.2", 5), ("v7.1", 3)):
        say(run, name, Word(rating=rating))
    said = recommend(corpus(run), PROMPT)
    assert (said.tier, said.automatic) == ("experiment_strong", True)
    assert (said.best["cfg_scale"].value, said.best["cfg_scale"].samples) == (6.0, 4)


def test_rating_again_counts_once_and_the_last_word_counts(run):
    for name in ("v5.1", "v6.1", "v7.1"):
        say(run, name, Word(rating=3))
    assert recommend(corpus(run), PROMPT).best["cfg_scale"].value == 5.0
    for rating in (1, 4, 2, 5):
        say(run, "v7.1", Word(rating=rating))
    said = recommend(corpus(run), PROMPT).best
    # A record of a sweep counts twice for its own variable, as its setting and as its value; so did each before.
    assert (said["cfg_scale"].value, said["cfg_scale"].samples) == (7.0, 2)
    assert said["sampler"].samples == 3


def test_what_is_taken_back_is_as_if_it_had_never_been_said(run):
    for name in ("v5.1", "v6.1", "v7.1"):
        say(run, name, Word(rating=3))
    before, said = corpus(run), recommend(corpus(run), PROMPT)
    say(run, "v7.2", Word(rating=5))
    assert recommend(corpus(run), PROMPT) != said
    say(run, "v7.2", Word())
    assert recommend(corpus(run), PROMPT) == said
    assert sorted(corpus(run).splitlines()) == sorted(before.splitlines())


def test_picks_and_rejects_are_evidence_of_the_weaker_tier(run):
    say(run, "v5.1", Word(choice=REJECTED))
    say(run, "v6.1", Word(choice=PICKED))
    said = recommend(corpus(run), PROMPT)
    assert (said.tier, said.automatic) == ("review_only", False)
    assert (said.best["cfg_scale"].value, said.best["cfg_scale"].mean) == (6.0, 5)


def test_subscores_and_people_weigh_as_in_stablenew(run):
    word = Word(rating=4, anatomy=1, has_people=False)
    say(run, "v5.1", word)
    plain = recommend(corpus(run), "landscape, dusk").best["cfg_scale"].confidence
    people = recommend(corpus(run), "portrait, dusk").best["cfg_scale"].confidence
    assert people < plain


def test_a_word_synced_into_stablenews_file_counts_once_there_too(run, tmp_path):
    compiled, into = tmp_path / "compiled.jsonl", tmp_path / "learning_records.jsonl"
    into.write_bytes(
        json.dumps(
            {"run_id": "theirs", "metadata": {"user_rating": 3, "stage": "img2img"}}
        ).encode()
        + b"\n"
    )
    for ratings in ((2, 5, 3), (5, 2, 3), (4, 4, 4)):
        for name, rating in zip(("v5.1", "v6.1", "v7.1"), ratings, strict=True):
            say(run, name, Word(rating=rating))
        compiled.write_bytes(corpus(run))
        sync_into(compiled, into)
        assert recommend(into.read_bytes(), PROMPT) == recommend(corpus(run), PROMPT)
    say(run, "v5.1", Word())
    compiled.write_bytes(corpus(run))
    assert sync_into(compiled, into).replaced == 1
    assert recommend(into.read_bytes(), PROMPT) == recommend(corpus(run), PROMPT)
    assert into.read_bytes().startswith(b'{"run_id": "theirs"')


def test_sixty_jobs_on_three_workers_of_which_two_die_give_sixty_records_and_ratings_decide():
    world = World()
    values = (4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
    for value in values:
        for number in range(10):
            world.submit(f"v{int(value)}.{number}", job(value, number))
    workers = [world.worker(f"w{number}", machine=f"host-{number}") for number in (1, 2, 3)]
    for turn in range(12):
        for number, worker in enumerate(workers):
            claimed = worker.claim() if worker else None
            if claimed is None:
                continue
            if (turn, number) in ((3, 0), (5, 1)):  # killed at work, its record in claimed/
                world.dead.add(worker.actor.host.pid)
                workers[number] = None
            else:
                worker.run(claimed)
    world.recover()
    world.check_ended()
    data = corpus(world)
    records = [json.loads(line) for line in data.splitlines()]
    assert len({record["run_id"] for record in records}) == len(records) == 60
    attempts = [record["metadata"]["spool_attempt"] for record in records]
    assert sorted(attempts) == [1] * 58 + [2] * 2
    assert recommend(data, PROMPT).tier == "no_evidence"

    scanner = world.controller()
    scanner.scan()
    for value, rating in ((4, 2), (7, 5), (9, 3)):
        for number in range(2 if value == 7 else 1):
            rate(world.person(), f"v{value}.{number}", 0, Word(rating=rating))
    scanner.scan()
    said = recommend(corpus(world), PROMPT)
    assert (said.tier, said.best["cfg_scale"].value) == ("experiment_strong", 7.0)
    for number in range(3):
        rate(world.person(), f"v9.{number}", 0, Word(rating=5))
        rate(world.person(), f"v7.{number}", 0, Word(rating=1) if number < 2 else Word())
    rate(world.person(), "v7.1", 0, Word())
    scanner.scan()
    assert recommend(corpus(world), PROMPT).best["cfg_scale"].value == 9.0
    assert len(corpus(world).splitlines()) == 60 + 5
