"""A person's word on an image: what is published, which counts, what is refused."""

import json
from dataclasses import replace

import pytest

from spoolctl.controller.ledger import compile_ledger
from spoolctl.spool import (
    PICKED,
    REJECTED,
    BadRecord,
    ShareUnusable,
    StateForbids,
    UsageError,
    Word,
    decoded_word,
    layout,
    marked_shelves,
    rate,
    said_in,
    words,
)
from spoolctl.spool.memory import Blind
from tests.spool.rating_steps import compiled, merged, rated
from tests.spool.spool_world import JOB, World

LEARNING = JOB.replace(
    b"...",
    b"learning: {experiment_name: sweep, variable_under_test: CFG Scale, variant_value: 7.0}\n...",
)


def world_with(data=JOB):
    world = World()
    world.submit("job-1", data)
    world.worker("w0").work()
    world.controller().scan()
    return world


def record_of(world, number=1):
    return json.loads(world.share.tree()[layout.word("job-1", 0, number)])


def test_a_rating_is_a_whole_record_with_the_first_ones_identity():
    world = world_with()
    rate(world.person(), "job-1", 0, Word(rating=4, note="nice light"))
    [first], said = world.corpus("job-1"), record_of(world)
    assert said["run_id"] == first["run_id"]
    assert said.keys() == first.keys()
    assert {
        k: v for k, v in said.items() if k not in ("metadata", "timestamp", "randomizer_mode")
    } == {k: v for k, v in first.items() if k not in ("metadata", "timestamp", "randomizer_mode")}
    metadata = said["metadata"]
    assert first["metadata"].items() - {("user_notes", "")} <= metadata.items()
    assert (metadata["user_rating"], metadata["user_notes"]) == (4, "nice light")
    assert said["timestamp"].startswith("2026-03-27T12:")


def test_a_job_of_a_learning_run_gets_a_rating_of_the_experiment_and_any_other_one_of_the_review():
    world = world_with(LEARNING)
    rate(world.person(), "job-1", 0, Word(rating=5))
    metadata = record_of(world)["metadata"]
    assert metadata["record_kind"] == "learning_experiment_rating"
    assert (metadata["variable_under_test"], metadata["variant_value"]) == ("CFG Scale", 7.0)
    other = world_with()
    rate(other.person(), "job-1", 0, Word(rating=5))
    assert record_of(other)["metadata"]["record_kind"] == "review_tab_feedback"


@pytest.mark.parametrize(("choice", "counts"), [(PICKED, 5), (REJECTED, 1)])
@pytest.mark.parametrize("data", [JOB, LEARNING])
def test_a_choice_without_a_rating_is_an_event_of_curation(choice, counts, data):
    world = world_with(data)
    rate(world.person(), "job-1", 0, Word(choice=choice))
    metadata = record_of(world)["metadata"]
    assert metadata["record_kind"] == "staged_curation_event"
    assert metadata["user_rating"] == counts
    assert metadata["variable_under_test"] == (
        "CFG Scale" if data is LEARNING else "staged_curation_decision"
    )


def test_a_rating_outranks_the_choice_beside_it():
    world = world_with(LEARNING)
    rate(world.person(), "job-1", 0, Word(rating=3, choice=PICKED))
    metadata = record_of(world)["metadata"]
    assert (metadata["record_kind"], metadata["user_rating"]) == ("learning_experiment_rating", 3)
    assert metadata["advancement_decision"] == "curated_final"


@pytest.mark.parametrize(
    ("data", "subscores", "blended"),
    [
        (LEARNING, {"anatomy": 1, "composition": 1, "prompt_adherence": 1}, 3),
        (LEARNING, {"anatomy": 1}, 3),
        (JOB, {"anatomy": 1}, 4),
        (JOB, {"anatomy": 1, "composition": 1, "prompt_adherence": 1}, 3),
    ],
)
def test_subscores_are_blended_as_stablenew_blends_them(data, subscores, blended):
    world = world_with(data)
    rate(world.person(), "job-1", 0, Word(rating=5, has_people=True, **subscores))
    metadata = record_of(world)["metadata"]
    assert (metadata["user_rating"], metadata["user_rating_raw"]) == (blended, 5)
    assert metadata["subscores"] == metadata["rating_details"] == subscores
    context = metadata["rating_context" if data is LEARNING else "review_context"]
    assert context == {"has_people": True}


def test_what_was_said_is_read_back_as_it_was_said():
    world = world_with()
    word = Word(rating=5, anatomy=2, choice=PICKED, note="\udce9 \u2603", has_people=False)
    said = rate(world.person(), "job-1", 0, word)
    assert words(world.person(), "job-1") == {0: said}
    assert said_in(record_of(world)) == said
    assert (said.word, said.by, said.number) == (word, "person-ann", 1)


def test_the_last_word_counts_whatever_the_speakers_clocks_say():
    world = world_with()
    rate(world.person(), "job-1", 0, Word(rating=5))
    slow = world.person(clock=replace(world.clock, offset_s=-86_400.0))
    rate(slow, "job-1", 0, Word(rating=1))
    said = words(world.person(), "job-1")[0]
    assert (said.word.rating, said.number) == (1, 2)


def test_two_who_speak_at_once_get_two_numbers():
    world = world_with()
    me, other = world.client(), world.person()
    ann = world.person(files=me)

    def cut_in(operation, _path):
        if operation == "link":
            me.on_operation = None
            rate(other, "job-1", 0, Word(rating=2))

    me.on_operation = cut_in
    assert rate(ann, "job-1", 0, Word(rating=3)).number == 2
    assert words(world.person(), "job-1")[0].word.rating == 3


def test_a_listing_that_misses_a_word_replaces_none():
    world = world_with()
    rate(world.person(), "job-1", 0, Word(rating=5))
    me = world.client()
    ann = world.person(files=me)
    me.blind("corpus/parts/singles", Blind.EMPTY)
    with pytest.raises((ShareUnusable, StateForbids)):
        rate(ann, "job-1", 0, Word(rating=1))
    assert words(world.person(), "job-1")[0].word.rating == 5


def test_a_withdrawn_word_leaves_the_image_as_if_nothing_had_been_said():
    world = world_with()
    before = world.share.tree()[layout.LEARNING_RECORDS]
    ann = world.person()
    rate(ann, "job-1", 0, Word(rating=5))
    scanner = world.controller()
    scanner.scan()
    assert rated(world) == [5]
    rate(ann, "job-1", 0, Word())
    scanner.scan()
    assert words(ann, "job-1") == {}
    assert world.share.tree()[layout.LEARNING_RECORDS] == before


def test_a_word_that_cannot_be_read_counts_as_not_said():
    world = world_with()
    rate(world.person(), "job-1", 0, Word(rating=5))
    world.share.put(layout.word("job-1", 0, 7), b"torn")
    assert words(world.person(), "job-1")[0].word.rating == 5
    compile_ledger(world.actor("controller-x"), layout.CORPUS, touched=None)
    assert rated(world) == [5]
    assert rate(world.person(), "job-1", 0, Word(rating=1)).number == 8


def test_an_image_that_is_not_there_is_refused():
    world = world_with()
    with pytest.raises(StateForbids, match="has no image 1") as caught:
        rate(world.person(), "job-1", 1, Word(rating=5))
    assert caught.value.hint


def test_a_job_that_is_not_merged_is_refused_and_told_what_to_do():
    world = World()
    world.submit("job-1")
    with pytest.raises(StateForbids, match="has not succeeded"):
        rate(world.person(), "job-1", 0, Word(rating=5))
    world.worker("w0").work()
    with pytest.raises(StateForbids, match="not in the corpus yet") as caught:
        rate(world.person(), "job-1", 0, Word(rating=5))
    assert "controller" in caught.value.hint


@pytest.mark.parametrize(
    "data",
    [
        b"torn",
        b"[1]\n",
        b"{}\n",
        b'{"run_id": "x", "randomizer_mode": "", "metadata": null}\n',
        b"\xff",
    ],
)
def test_a_part_that_is_none_is_told(data):
    world = world_with()
    world.share.put(layout.part("corpus", "job-1"), data)
    with pytest.raises(BadRecord, match="is no part of the corpus"):
        rate(world.person(), "job-1", 0, Word(rating=5))


@pytest.mark.parametrize(
    "word",
    [
        {"rating": 0}, {"rating": 6}, {"rating": True}, {"rating": 4.5}, {"rating": "4"}, {"anatomy": 3},
        {"rating": 3, "composition": 9}, {"choice": "perhaps"}, {"note": "x" * 3000}, {"note": None}, {"has_people": 1},
    ],
)  # fmt: skip
def test_what_makes_no_sense_cannot_be_said(word):
    with pytest.raises(UsageError) as caught:
        Word(**word)
    assert caught.value.hint


def test_a_words_file_is_of_its_own_image_and_number_only():
    world = world_with()
    rate(world.person(), "job-1", 0, Word(rating=5))
    data = world.share.tree()[layout.word("job-1", 0, 1)]
    assert decoded_word(data, job="job-1", image_index=0, number=1).word == Word(rating=5)
    for other in ({"job": "job-2"}, {"image_index": 1}, {"number": 2}):
        with pytest.raises(BadRecord):
            decoded_word(data, **({"job": "job-1", "image_index": 0, "number": 1} | other))


def test_a_mark_tells_the_controller_and_goes_once_it_has_looked():
    world = merged()
    scanner = world.controller()
    scanner.scan()
    assert marked_shelves(world.person()) == frozenset()
    rate(world.person(), "job-1", 0, Word(rating=3))
    assert marked_shelves(world.person()) == {"singles"}
    scanner.scan()
    assert rated(world) == [3]
    assert marked_shelves(world.person()) == frozenset()


@pytest.mark.parametrize("word", [Word(rating=5), Word()])
def test_a_word_said_while_the_controller_looks_is_in_after_its_next_pass_without_a_full_look(word):
    number = 0
    while True:
        world = compiled(2).copy()
        files = world.client()
        scanner, ann = world.controller(files=files), world.person()
        scanner.scan()
        rate(ann, "job-1", 0, Word(rating=3))
        begin = files.operations

        def cut_in(_operation, _path, at=begin + number, me=files, who=ann):
            if me.operations - 1 == at:
                me.on_operation = None
                rate(who, "job-1", 0, word)

        files.on_operation = cut_in
        scanner.scan()
        if files.on_operation is not None:
            break
        world.turn(30)
        scanner.scan()
        assert rated(world) == ([] if word.is_withdrawn else [5]), number
        number += 1
    assert number > 20


def test_a_word_whose_speaker_died_before_the_mark_is_found_by_the_next_full_look():
    world = merged(3)
    world.share.rmdir(layout.touched("singles"))
    world.controller().scan()
    assert rated(world) == [3]
    scanner = world.controller()
    scanner.scan()
    rate(world.person(), "job-1", 0, Word(rating=4))
    world.share.rmdir(layout.touched("singles"))
    scanner.scan()
    assert rated(world) == [3]
    world.turn(3_700)
    scanner.scan()
    assert rated(world) == [4]


def test_a_file_in_the_place_of_a_mark_is_told_and_keeps_no_word_out():
    world = merged()
    scanner = world.controller()
    scanner.scan()
    world.share.put(layout.touched("singles"), b"a person's")
    rate(world.person(), "job-1", 0, Word(rating=3))
    assert any("corpus/touched/singles" in one for one in scanner.scan().troubles)
    assert rated(world) == [3]


def test_an_idle_controller_asks_once_for_marks_however_many_shelves_there_are():
    world = merged()
    for number in range(50):
        world.share.put(f"corpus/parts/shelf{number}/x.jsonl", b"")
    files = world.client()
    scanner = world.controller(files=files)
    scanner.scan()
    begin = len(files.trace)
    scanner.scan()
    asked = [path for _, path, *_ in files.trace[begin:] if path.startswith("corpus")]
    assert asked == ["corpus/touched"]
