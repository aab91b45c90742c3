"""What open pages are told without asking."""

import asyncio
import json
import threading

import pytest

from spoolctl.review.live import HAPPENED_KEPT, Live, Page, written
from spoolctl.spool import ShareUnusable


class Farm:
    """What is looked at; a list of what each look finds, the last of which stays."""

    def __init__(self, *found):
        self.found = list(found)
        self.looks = 0

    def look(self):
        self.looks += 1
        now = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        if isinstance(now, Exception):
            raise now
        return {"status": {"n": now}, "results": {"images": 1}}


def read(text):
    event, data = text.strip().split("\n")
    return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def told(page, count):
    """The next *count* events of a page."""
    return [read(await asyncio.wait_for(anext(page), 60)) for _ in range(count)]


def run(story):
    asyncio.run(story)


def test_a_page_is_told_what_is_the_case_and_then_what_changed():
    async def story():
        farm = Farm(1, 1, 2)
        page = Live(farm.look, look_s=0).events()
        assert await told(page, 3) == [
            ("status", {"n": 1}),
            ("results", {"images": 1}),
            ("status", {"n": 2}),
        ]
        await page.aclose()

    run(story())


def test_one_look_serves_all_pages_and_a_new_one_is_told_at_once():
    async def story():
        farm = Farm(1)
        live = Live(farm.look, look_s=3_600)
        first, second = live.events(), live.events()
        assert await told(first, 2) == [("status", {"n": 1}), ("results", {"images": 1})]
        assert await told(second, 2) == [("status", {"n": 1}), ("results", {"images": 1})]
        assert farm.looks == 1
        await first.aclose()
        await second.aclose()

    run(story())


def test_what_happened_is_told_to_every_page_from_any_thread():
    async def story():
        live = Live(Farm(1).look, look_s=3_600)
        pages = [live.events(), live.events()]
        for page in pages:
            await told(page, 2)
        await asyncio.to_thread(live.tell, "said", {"words": [1]})
        await asyncio.to_thread(live.tell, "said", {"words": [2]})
        for page in pages:
            assert await told(page, 2) == [("said", {"words": [1]}), ("said", {"words": [2]})]
            await page.aclose()

    run(story())


def test_a_share_that_does_not_answer_is_told_once_and_once_that_it_answers_again():
    async def story():
        away = ShareUnusable("the share is away", hint="mount it")
        farm = Farm(away, away, OSError(5, "input/output error"), 7)
        page = Live(farm.look, look_s=0).events()
        first, second, well, status = await told(page, 4)
        assert first == ("trouble", {"message": "the share is away", "hint": "mount it"})
        assert second[0] == "trouble"
        assert "input/output error" in second[1]["message"]
        assert (well, status) == (("well", {}), ("status", {"n": 7}))
        await page.aclose()

    run(story())


def test_a_share_that_hangs_is_told_although_nothing_fails():
    async def story():
        answers = threading.Event()
        farm = Farm(7)

        def hanging():
            answers.wait(30)
            return farm.look()

        page = Live(hanging, look_s=3_600, patience_s=0.01).events()
        assert await told(page, 1) == [
            (
                "trouble",
                {"message": "the share has not answered for 0.01 s", "hint": ShareUnusable.hint},
            )
        ]
        answers.set()
        assert (await told(page, 2))[:2] == [("well", {}), ("status", {"n": 7})]
        await page.aclose()

    run(story())


def test_nobody_looks_at_the_share_while_no_page_is_open():
    async def story():
        farm = Farm(1)
        live = Live(farm.look, look_s=0)
        live.tell("said", {})  # nobody to tell
        page = live.events()
        await told(page, 2)
        await page.aclose()
        await asyncio.wait_for(live._watch, 60)
        looks = farm.looks
        page = (
            live.events()
        )  # the next one begins with a look, not with what was the case hours ago
        assert (await told(page, 1))[0] == ("status", {"n": 1})
        assert farm.looks > looks
        await page.aclose()

    run(story())


def test_a_page_that_reads_slowly_misses_statuses_and_never_the_last():
    async def story():
        page = Page()
        for number in range(5):
            page.last |= {"status": {"n": number}}
        page.happened.append(("said", {}))
        assert page.take() == [("said", {}), ("status", {"n": 4})]
        assert page.take() == []

    run(story())


def test_what_happened_is_kept_within_bounds_for_a_page_that_sleeps():
    async def story():
        live = Live(Farm(1).look, look_s=3_600)
        page = live.events()
        await told(page, 2)
        for number in range(HAPPENED_KEPT + 10):
            live._happened("said", {"n": number})
        assert (await told(page, 1)) == [("said", {"n": 10})]
        await page.aclose()

    run(story())


@pytest.mark.parametrize("text", ["line\nbreak", "a \ud800 name", "\u2028"])
def test_an_event_is_one_line_of_ascii_whatever_a_name_holds(text):
    sent = written("status", {"job": text})
    assert sent.count("\n") == 3
    assert sent.isascii()
    assert read(sent) == ("status", {"job": text})
