"""The checks of what readers are told find what is wrong with a page, and nothing wrong with one that is well."""

from urllib.parse import quote

import pytest
from readable import faults, walk

WELL = """<!doctype html><html lang=en><title>well</title>
<style>body { background: #fff; color: #222 } .bright { background: #000; color: #fff } button:focus { outline: 2px solid }</style>
<header><nav><a href="#one">One</a></nav></header>
<main><h1>Heading</h1><h2>Below</h2><p class=bright>Words</p><i style="color: #888">★</i>
<i style="color: #eee; -webkit-text-stroke: 1px #777">★</i>
<img alt="a lighthouse" src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><label>Words <input></label>
<button>Press</button><div tabindex=-1>by a script</div></main>"""
WRONG = {
    "takes the focus and has no name: button": ("<button>Press</button>", "<button><svg></svg></button>"),
    "takes the focus and has no name: textbox": ("<label>Words <input></label>", "Words <input>"),
    "an image without words": ('alt="a lighthouse" ', ""),
    "2 headings of the first level": ("<h2>Below</h2>", "<h1>Second</h1>"),
    "0 headings of the first level": ("<h1>Heading</h1><h2>Below</h2>", "<h2>Heading</h2>"),
    "a heading of level 3 behind one of level 1": ("<h2>Below</h2>", "<h3>Below</h3>"),
    "0 main parts": ("<main>", "<div>"),
    "neither a banner nor a navigation": ("<header><nav>", "<div>"),
    "the page does not tell its language": (" lang=en", ""),
    "the page has no title": ("<title>well</title>", ""),
    "the id a is there twice": ("<h1>", "<h1 id=a><i id=a></i>"),
    "a tabindex of 3": ("tabindex=-1", "tabindex=3"),
    "clicked, but no control": ("<p class", "<p onclick='1' class"),
    "aria-controls names nothing": ("<button>", "<button aria-controls=nothing>"),
    "a dialog without a name": ("</main>", "</main><dialog></dialog><script>document.querySelector('dialog').showModal()</script>"),
    "a contrast of 1.00: Words": ("#000; color: #fff", "#000; color: #000"),
    "a contrast of 2.82: ★": ("Words</p>", "<i style='color: #555'>★</i></p>"),
    "a contrast of 2.32: Heading": ("#222", "#aaa"),
}  # fmt: skip


def shown(page, text):
    page.goto("data:text/html;charset=utf-8," + quote(text))
    return page


def test_nothing_is_wrong_with_a_page_that_is_well(page):
    assert faults(shown(page, WELL)) == []
    assert walk(page) == (3, [])


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_wrong_is_named(page, fault):
    before, after = WRONG[fault]
    assert before in WELL
    told = faults(shown(page, WELL.replace(before, after)))
    assert [one for one in told if one.startswith(fault)], told


def test_a_focus_that_cannot_be_seen_and_one_that_is_held_are_named(page):
    shown(page, WELL.replace("outline: 2px solid", "outline: none"))
    assert walk(page) == (3, ["the focus cannot be seen on <button>Press</button>"])
    held = "<script>document.querySelector('input').onkeydown = (e) => e.key === 'Tab' && e.preventDefault()</script>"
    shown(page, WELL + held)
    (told,) = walk(page)[1]
    assert told.startswith("Tab does not leave <input>")
