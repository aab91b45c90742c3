"""People's words in the compiled corpus: of each image the last only, whatever crashes, is missed or comes late."""

import itertools
import json

import pytest

from spoolctl.controller.ledger import Compiled, compile_ledger
from spoolctl.fsck import check
from spoolctl.index import Index
from spoolctl.spool import PICKED, Word, layout, rate
from spoolctl.spool.memory import Blind, Crashed, Fault
from tests.spool.rating_steps import compiled, merged, rated
from tests.spool.spool_world import World

TARGET = layout.LEARNING_RECORDS


def compile_corpus(world, *, touched=("singles",), files=None):
    actor = world.actor("controller-x", files=files)
    return compile_ledger(actor, layout.CORPUS, touched=touched)


def two_jobs():
    """Two jobs merged and compiled, the first rated 2 and then 3."""
    world = World()
    for name in ("job-1", "job-2"):
        world.submit(name)
        world.worker("w0").work()
    world.controller().scan()
    for rating in (2, 3):
        rate(world.person(), "job-1", 0, Word(rating=rating))
        compile_corpus(world)
    return world


def sound(world):
    report = check(world.actor("person-fsck"), pause_s=0)
    assert not [one for one in report.findings if one.severity in ("damage", "stuck")], report


def test_a_second_word_takes_the_place_of_the_first():
    world = two_jobs()
    assert rated(world) == [3]
    assert len(world.share.tree()[TARGET].splitlines()) == 3
    rate(world.person(), "job-2", 0, Word(rating=4))
    assert compile_corpus(world) == Compiled(4, 1, False)
    assert rated(world) == [3, 4]
    sound(world)


def test_a_word_costs_one_read_and_no_other_part_is_read_again():
    world = two_jobs()
    rate(world.person(), "job-1", 0, Word(rating=4))
    rate(world.person(), "job-1", 0, Word(rating=5))
    files = world.client()
    assert compile_corpus(world, files=files) == Compiled(3, 1, False, left_out=1)
    reads = [path for op, path, *_ in files.trace if op == "read" and "/parts/" in path]
    assert reads == [layout.word("job-1", 0, 4)]
    assert rated(world) == [5]


def test_a_word_that_comes_to_light_late_does_not_outdo_the_later_one():
    world = merged()
    for rating in (1, 2):
        rate(world.person(), "job-1", 0, Word(rating=rating))
    late = layout.word("job-1", 0, 1)
    data = world.share.tree()[late]
    world.share.unlink(late)
    compile_corpus(world)
    world.share.put(late, data)
    assert compile_corpus(world).added == 0
    assert rated(world) == [2]
    sound(world)


def test_a_word_that_cannot_be_read_leaves_the_one_before_it_until_it_is_mended():
    world = compiled(2)
    rate(world.person(), "job-1", 0, Word(rating=5))
    path = layout.word("job-1", 0, 2)
    data = world.share.tree()[path]
    world.share.put(path, data[:-9])
    compile_corpus(world)
    assert rated(world) == [2]
    world.share.put(path, data)
    compile_corpus(world)
    assert rated(world) == [5]


def test_a_file_made_anew_holds_the_last_words_only():
    world = two_jobs()
    before = sorted(world.share.tree()[TARGET].splitlines())
    world.share.unlink(TARGET)
    assert compile_corpus(world).rebuilt
    assert sorted(world.share.tree()[TARGET].splitlines()) == before


def test_an_index_that_knows_no_words_is_read_as_before():
    world = merged()
    compile_corpus(world)
    [index] = [path for path in world.share.tree() if path.startswith("corpus/index-")]
    assert "~" not in world.share.tree()[index].decode()
    rate(world.person(), "job-1", 0, Word(rating=4))
    assert compile_corpus(world) == Compiled(2, 1, False)


def test_words_said_in_any_order_of_compiles_give_one_file():
    ends = set()
    for stops in ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        world = merged()
        for number, rating in enumerate((2, 5, 3)):
            rate(world.person(), "job-1", 0, Word(rating=rating))
            if number in stops:
                compile_corpus(world)
        compile_corpus(world)
        ends.add(world.share.tree()[TARGET])
    assert len(ends) == 1


FAULTS = (Fault.CRASH, Fault.CRASH_AFTER, Fault.TORN, Fault.BEFORE, Fault.LOST_REPLY, Fault.FULL)


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_operation_of_the_compile_fails_the_next_has_the_last_word_once(fault):
    number = 0
    while True:
        world = compiled(2)
        rate(world.person(), "job-1", 0, Word(rating=5))
        files = world.client()
        files.fail(number, fault, onward=fault is Fault.FULL)
        try:
            compile_corpus(world, files=files)
        except (Crashed, OSError):
            assert rated(world) in ([2], [5])
        world.share = files.survivor() if hasattr(files, "survivor") else world.share
        compile_corpus(world)
        assert rated(world) == [5]
        compile_corpus(world, touched=None)
        assert rated(world) == [5]
        if number >= files.operations:
            break
        number += 1
    assert number > 8


def test_a_compiler_that_is_overtaken_by_another_with_a_later_word_undoes_nothing():
    for number in itertools.count():
        world = compiled(2)
        rate(world.person(), "job-1", 0, Word(rating=3))
        mine = world.client()

        def cut_in(_operation, _path, at=number, me=mine, here=world):
            if me.operations - 1 == at:
                me.on_operation = None
                rate(here.person(), "job-1", 0, Word(rating=5))
                compile_corpus(here)

        mine.on_operation = cut_in
        compile_corpus(world, files=mine)
        if mine.on_operation is not None:
            assert number > 8
            return
        # Two words may be of one length, so that the loser's file passes for the other's until something is new, or all is looked at.
        compile_corpus(world, touched=None)
        assert rated(world) == [5], number
        sound(world)


def test_a_listing_that_misses_everything_takes_no_word_away():
    world = compiled(2)
    files = world.client()
    files.blind("corpus/parts", Blind.EMPTY)
    compile_corpus(world, touched=None, files=files)
    assert rated(world) == [2]


@pytest.mark.parametrize(
    "change",
    [
        {"variant_value": [1]},
        {"spool_image_index": 1},
        {"spool_job": "job-2"},
        {"spool_word": 9},
        {"spool_word": "2"},
        {"spool_said": {"rating": 7}},
        {"spool_said": None},
    ],
)
def test_a_hostile_word_stays_out_and_is_told(change):
    world = compiled(2)
    rate(world.person(), "job-1", 0, Word(rating=5))
    path = layout.word("job-1", 0, 2)
    record = json.loads(world.share.tree()[path])
    record["metadata"] |= change
    world.share.put(path, json.dumps(record, sort_keys=True).encode() + b"\n")
    compile_corpus(world)
    assert rated(world) == [2]
    report = check(world.actor("person-fsck"), pause_s=0)
    assert [one.code for one in report.damage] == ["bad-word"]


@pytest.mark.parametrize(
    "name", ["job-2.jsonl", "job-2~0.jsonl", "job-2~00~1.jsonl", "x~0~1~1.jsonl"]
)
def test_a_word_under_another_name_stays_out(name):
    world = compiled(2)
    data = world.share.tree()[layout.word("job-1", 0, 1)]
    world.share.put(f"corpus/parts/singles/{name}", data)
    assert compile_corpus(world).added == 0
    assert rated(world) == [2]


@pytest.mark.parametrize(
    "line", [b'{"run_id": "x", "metadata": null}', b'{"metadata": {"user_rating": "4"}}', b"[1]"]
)
def test_a_part_with_a_line_that_spoils_the_corpus_for_everybody_stays_out(line):
    world = compiled(2)
    world.share.put("corpus/parts/singles/other.jsonl", b'{"run_id": "y"}\n' + line + b"\n")
    assert compile_corpus(world).added == 0
    report = check(world.actor("person-fsck"), pause_s=0)
    assert {"torn-line", "part-without-commit"} == {one.code for one in report.damage}


def test_fsck_knows_words_on_their_way_and_finds_those_that_nothing_bears():
    world = compiled(2)
    rate(world.person(), "job-1", 0, Word(rating=5))
    rate(world.person(), "job-1", 0, Word(rating=4))
    report = check(world.actor("person-fsck"), pause_s=0)
    assert (report.damage, report.stuck) == ((), ())
    assert report.on_its_way.get("compile") == 1
    rate(world.person(), "job-1", 0, Word())
    report = check(world.actor("person-fsck"), pause_s=0)
    assert (report.damage, report.stuck) == ((), ())
    world.share.put(layout.word("job-9", 0, 1), b"{}\n")
    found = {one.code for one in check(world.actor("person-fsck"), pause_s=0).damage}
    assert found == {"word-without-record", "bad-word"}


def test_whoever_follows_the_corpus_is_told_also_of_a_word_that_went_or_has_the_old_ones_length():
    world = compiled(2)
    read = []

    def follow(copy, new_from):
        read.append((copy.read_bytes().count(b'"user_rating"'), new_from))

    actor = world.actor("controller-x")
    for word in (Word(rating=3), Word()):
        rate(world.person(), "job-1", 0, word)
        compile_ledger(actor, layout.CORPUS, touched=["singles"], read=follow)
    assert read == [(1, 0), (0, 0)]


def test_the_index_of_results_has_what_was_said_last(tmp_path):
    world = merged()
    copy = tmp_path / "compiled"
    asked = "SELECT rating, choice, note FROM images"
    with Index(tmp_path / "index.sqlite") as index:
        for word, told in (
            (Word(choice=PICKED), (None, "picked", None)),
            (Word(rating=4, anatomy=1, note="x"), (4, None, "x")),
            (Word(note="only"), (None, None, "only")),
            (Word(), (None, None, None)),
        ):
            rate(world.person(), "job-1", 0, word)
            compile_corpus(world)
            copy.write_bytes(world.share.tree()[TARGET])
            index.take_in(TARGET, copy)
            assert index.connection.execute(asked).fetchall() == [told]
