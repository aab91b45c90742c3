"""People's words on images, and their way into the compiled corpus, as scenes for ``fault_loop``."""

import json

from spoolctl.spool import Word, layout, rate, words
from tests.spool.fault_loop import NO_ANSWER, Scene, prepared, rests
from tests.spool.interleaving import Meeting
from tests.spool.scenes import with_job
from tests.spool.spool_world import World


@prepared
def merged(*ratings):
    """A world with job-1 merged and compiled, its image rated so, one after the other."""
    world = with_job(work=True, scan=True).copy()
    for rating in ratings:
        rate(world.person(), "job-1", 0, Word(rating=rating))
    return world


@prepared
def compiled(*ratings):
    """The same, with the last rating compiled."""
    world = merged(*ratings).copy()
    world.controller("controller-0").scan()
    return world


def rated(world: World) -> list[int]:
    """The ratings in the compiled corpus."""
    data = world.share.tree()[layout.LEARNING_RECORDS]
    told = [json.loads(line)["metadata"] for line in (data or b"").splitlines()]
    return [metadata["user_rating"] for metadata in told if "user_rating" in metadata]


def _say(world, word, before):
    ann = world.person()

    def told(answer):
        assert world.share.tree()[layout.word("job-1", 0, answer.number)]
        assert words(world.person(), "job-1").get(0, answer).word == word

    def ended(answer):
        rests(world, "job-1", "done")
        now = [] if word.is_withdrawn else [word.rating]
        assert rated(world) == now or (answer is NO_ANSWER and rated(world) == before)

    return Scene(world, ann, lambda: rate(ann, "job-1", 0, word), told, ended, again=True)


def rate_an_image():
    return _say(merged(), Word(rating=4), [])


def rate_an_image_again():
    return _say(compiled(2), Word(rating=5, note="on second thoughts"), [2])


def withdraw_a_rating():
    return _say(compiled(2), Word(), [2])


def compile_a_new_word():
    world = compiled(2).copy()
    rate(world.person(), "job-1", 0, Word(rating=5))
    scanner = world.controller("controller-1")

    def ended(_answer):
        rests(world, "job-1", "done")
        assert rated(world) == [5]

    return Scene(world, scanner._actor, scanner.scan, ended=ended, again=True)


def rate_and_rate():
    """Both are told a number of their own, and the word of the higher one is compiled, alone."""
    world = compiled(2).copy()
    ann, bob = world.person(), world.person()

    def ended(first, second):
        rests(world, "job-1", "done")
        assert {first.number, second.number} == {2, 3}
        assert rated(world) == [max((first, second), key=lambda said: said.number).word.rating]

    return Meeting(
        world,
        ann,
        lambda: rate(ann, "job-1", 0, Word(rating=4)),
        lambda: rate(bob, "job-1", 0, Word(rating=5)),
        ended,
    )
