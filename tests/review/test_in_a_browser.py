"""The page of ``spoolctl review`` in a real browser, on a spool with real workers: what people see, do, and what comes of it.

Where a controller's pass is meant it is called by hand (``Night.merge``), so each test says when words are compiled.
"""

import json
from urllib.parse import quote, urlsplit

import pytest
from nights import GROUP, IMAGES, PROMPT, THOUSAND
from PIL import Image
from readable import faults, walk

from spoolctl.spool import Word, layout, rate
from spoolworker.backends import drawing
from tests.stablenew.recommending import recommend
from tests.stablenew.stablenew_rules import readable_by_stablenew

CELLS = "[...document.querySelectorAll('[role=option]')]"
ACTIVE = "document.querySelector('[role=option][tabindex=\"0\"]')"
SHOWN = """[...document.querySelectorAll('[role=option]')].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.bottom > 0 && box.top < innerHeight;
})"""
"""The images in view."""
ALL_LOADED = f"{SHOWN}.length && {SHOWN}.every((one) => one.querySelector('img').naturalWidth > 0)"
CELLS_MAX = 250
"""Three screens of the smallest thumbnails that this window shows by default, and some."""
NEVER_LEFT = "window.neverLeft === true"
"""True as long as the page was not loaded anew since ``stay``."""


def stay(page):
    page.evaluate("window.neverLeft = true")


def images_of(night, group=GROUP):
    return f"{night.url}#/images?group={quote(group)}&order=plan"


def open_gallery(page, night, group=GROUP):
    """Open a group's images in the order of its plan, the first of them with the focus."""
    page.goto(images_of(night, group))
    page.wait_for(ALL_LOADED, "the thumbnails in view")
    page.press("ArrowDown")
    page.wait_for(f"{ACTIVE}.contains(document.activeElement)", "the gallery to take the keys")
    page.press("Home")


def active(page):
    """The id of the image that has the focus, and its place from 1."""
    return page.evaluate(f"{ACTIVE} && [{ACTIVE}.dataset.image, Number({ACTIVE}.ariaPosInSet)]")


def go_to(page, image):
    """Bring the focus to an image by the keyboard alone."""
    page.press("Home")
    for _ in range(IMAGES):
        if active(page)[0] == image:
            return
        page.press("ArrowRight")
    raise AssertionError(f"{image} is not in the gallery\n{page.tell()}")


def wait_for_words(night, page, count):
    """Wait until so many words lie in the spool."""
    parts = night.root / layout.CORPUS / "parts"

    def said():
        return sum(layout.word_of(one.name) is not None for one in parts.rglob("*.jsonl"))

    page.until(lambda: said() == count, f"{count} words in the spool, not {said()}")


def recommended(night):
    data = (night.root / layout.LEARNING_RECORDS).read_bytes()
    readable_by_stablenew(data.splitlines(keepends=True))
    return recommend(data, PROMPT)


def rated(night):
    """What the corpus says of each image that was rated: id to rating."""
    told = [(one["metadata"], one["metadata"].get("user_rating")) for one in night.corpus()]
    return {f"{one['spool_job']}:{one['spool_image_index']}": rating for one, rating in told if rating is not None}  # fmt: skip


def scale_of(night):
    """The CFG scale of each image."""
    return {
        f"{one['metadata']['spool_job']}:{one['metadata']['spool_image_index']}": one["primary_cfg_scale"]
        for one in night.corpus()
    }  # fmt: skip


# Live


def test_a_job_that_runs_shows_its_progress_without_a_reload_and_is_cancelled_from_there(page, night):  # fmt: skip
    page.goto(night.url)
    page.wait_for_text("Nothing runs now")
    stay(page)
    night.drop("slow")
    worker = night.worker("ada", seconds_per_image=120)
    bar = "Number(document.querySelector('[data-job=slow] [role=progressbar]')?.ariaValueNow)"
    page.wait_for_text("ada", 20)
    first = page.wait_for(bar, "some progress", 20)
    page.wait_for(f"{bar} > {first}", f"more progress than {first}", 20)
    page.click_on("button", "Cancel slow")
    page.wait_for("document.querySelector('dialog[open]')", "to be asked")
    page.click("dialog .bad")
    page.wait_for_text("Nothing runs now", 20)
    night.wait_for_rest(["slow"], states=("cancelled",))
    assert page.evaluate(NEVER_LEFT)
    assert worker.stop() == 0


def test_what_was_just_made_is_shown_without_a_reload(page, night):
    page.goto(night.url)
    page.wait_for(
        "[...document.images].filter((one) => one.naturalWidth).length >= 12", "the latest"
    )
    stay(page)
    night.drop("quick")
    night.draw(["quick"])
    made = "[...document.images].some((one) => one.src.includes('/quick/') && one.naturalWidth)"
    page.wait_for(made, "the new image", 20)
    assert page.evaluate(NEVER_LEFT)


# A thousand images


def test_a_thousand_images_scroll_and_only_those_near_the_screen_are_in_the_page(page, thousand):
    page.size(1600, 1400)
    page.goto(images_of(thousand, THOUSAND))
    page.wait_for(ALL_LOADED, "the first thumbnails")
    seen, most, bottom = {}, 0, False
    while not bottom:
        page.wait_for(ALL_LOADED, "the thumbnails in view")
        here, cells, bottom = page.evaluate(
            f"[{SHOWN}.map((one) => [one.dataset.image, Number(one.ariaPosInSet), one.ariaSetSize]), {CELLS}.length,"
            " scrollY + innerHeight >= document.documentElement.scrollHeight - 1]"
        )
        seen |= {place: image for image, place, _ in here}
        assert {size for *_, size in here} == {"1000"}
        most = max(most, cells)
        page.evaluate("scrollBy({top: innerHeight * 0.8, behavior: 'instant'})")
    names = [f"{THOUSAND}.{number // 10 + 1:04d}:{number % 10}" for number in range(1000)]
    assert [seen[place] for place in sorted(seen)] == names
    assert most <= CELLS_MAX


def test_the_ends_of_a_thousand_images_are_one_key_away(page, thousand):
    open_gallery(page, thousand, THOUSAND)
    for key, image, place in (("End", f"{THOUSAND}.0100:9", 1000), ("Home", f"{THOUSAND}.0001:0", 1)):  # fmt: skip
        page.press(key)
        page.wait_for(f"{ACTIVE}?.dataset.image === {json.dumps(image)}", f"the image behind {key}")
        page.wait_for(ALL_LOADED, f"the thumbnails at {key}")
        assert active(page) == [image, place]
        assert page.evaluate(f"{SHOWN}.includes({ACTIVE})"), page.tell()
        assert page.evaluate(f"{CELLS}.length") <= CELLS_MAX


# Words


def test_ratings_by_keyboard_land_in_the_corpus_and_change_what_stablenew_recommends(page, night):
    assert recommended(night).tier == "no_evidence"
    scales = scale_of(night)
    open_gallery(page, night)
    given = {}
    for place in range(1, IMAGES + 1):
        image, at = active(page)
        assert at == place  # a rating goes on to the next
        given[image] = 5 if scales[image] == 6.0 else 2
        page.press(str(given[image]))
    wait_for_words(night, page, IMAGES)
    assert rated(night) == {}, "nothing is compiled before a controller's pass"
    night.merge()
    assert rated(night) == given
    assert (recommended(night).tier, recommended(night).best["cfg_scale"].value) == ("experiment_strong", 6.0)  # fmt: skip

    for image in sorted(given):
        if scales[image] in (6.0, 7.0):
            go_to(page, image)
            page.press("1" if scales[image] == 6.0 else "5")
    wait_for_words(night, page, IMAGES + 8)
    night.merge()
    assert recommended(night).best["cfg_scale"].value == 7.0


def test_what_was_said_by_mistake_is_undone_word_by_word(page, night):
    open_gallery(page, night)
    first = active(page)[0]
    page.press("2")
    go_to(page, first)
    page.press("4")
    page.press("z")
    wait_for_words(night, page, 3)
    night.merge()
    assert rated(night) == {first: 2}
    page.press("z")
    wait_for_words(night, page, 4)
    night.merge()
    assert rated(night) == {}


def test_what_one_person_says_another_sees_without_a_reload(browser, night):
    ann, bob = browser.page(), browser.page()
    for page in (ann, bob):
        open_gallery(page, night)
    stay(bob)
    image = active(ann)[0]
    said = f"document.querySelector('[role=option][data-image={json.dumps(image)}]').ariaLabel"
    assert "not rated" in bob.evaluate(said)
    ann.press("4")
    go_to(ann, image)
    ann.press("p")
    bob.wait_for(f"/rated 4/.test({said}) && /picked/.test({said})", "what the other said")
    bob.press("n")
    bob.wait_for("document.querySelector('dialog textarea')", "the note's field")
    bob.type_text("keep the lamp")
    bob.press("Enter", "ctrl")
    ann.wait_for(f"/note/.test({said})", "the note that the other wrote")
    assert bob.evaluate(NEVER_LEFT)
    night.merge()
    (told,) = [one["metadata"] for one in night.corpus() if one["metadata"].get("user_notes")]
    assert (told["user_notes"], told["user_rating"]) == ("keep the lamp", 4)


# The gate


def approve_by_keyboard(page, night, job, index):
    """Pick one image in the gallery, go to its group, and approve what is picked, without a mouse."""
    open_gallery(page, night)
    go_to(page, f"{job}:{index}")
    page.press("p")
    wait_for_words(night, page, 1)
    page.goto(f"{night.url}#/group/{quote(GROUP)}")
    page.wait_for_text("Approve picked (1)")
    page.wait_for(f"document.querySelector('[data-picked={json.dumps(f'{job}:{index}')}]')", "the pick")  # fmt: skip
    page.evaluate("document.activeElement.blur()")
    tab_to(page, "Approve picked (1)")
    page.press("Enter")
    page.wait_for("document.querySelector('dialog[open]')", "to be asked")
    tab_to(page, "Approve 1 image")
    page.press("Enter")
    page.until((night.root / layout.approved(job)).exists, "the approval in the spool")


def tab_to(page, words):
    for _ in range(60):
        if page.evaluate("document.activeElement.textContent") == words:
            return
        page.press("Tab")
    raise AssertionError(f"Tab never comes to {words!r}\n{page.tell()}")


def test_what_is_picked_and_approved_by_keyboard_and_nothing_else_goes_on_to_be_enlarged(page, night):  # fmt: skip
    night.waits_for("large", "sweep.0002")
    approve_by_keyboard(page, night, "sweep.0002", 1)
    assert night.state("large") == "waiting", "a sweep releases it, not the page"
    night.merge()
    assert night.state("large") == "queue"
    night.draw(["large"])
    (large,) = night.manifests("large")[1].outputs
    with Image.open(night.results("large") / large.path) as image:
        assert image.tobytes() == drawing.enlarge(picture_of(night, "sweep.0002", 1), 2).tobytes()
        assert image.tobytes() != drawing.enlarge(picture_of(night, "sweep.0002", 0), 2).tobytes()


def picture_of(night, job, index):
    found = [one for one in night.manifests(job)[1].outputs if one.image_index == index]
    with Image.open(night.results(job) / found[-1].path) as image:
        return image.convert("RGB")


# Jobs from an image, filters, trouble


def test_a_larger_one_of_an_image_is_submitted_from_where_it_is_seen(page, night):
    open_gallery(page, night)
    go_to(page, "sweep.0003:1")
    page.press("Enter")
    page.click_on("button", "Upscale only")
    page.wait_for(
        "document.querySelector('dialog .summary')?.textContent !== 'looking'",
        "what will be submitted",
    )
    page.click_on("button", "Submit")
    page.wait_for_text("Submitted: 1 job")
    (job,) = set(night.records()) - {f"sweep.{number:04d}" for number in range(1, 7)}
    assert night.state(job) == "waiting", "for its input"
    page.wait_for_text(job)
    night.merge()
    assert night.records()[job][0].startswith("queue/interactive/")
    night.draw([job])
    (made,) = night.manifests(job)[1].outputs
    with Image.open(night.results(job) / made.path) as image:
        assert image.tobytes() == drawing.enlarge(picture_of(night, "sweep.0003", 1), 2).tobytes()


def test_filters_show_what_they_say_and_stand_in_the_address(page, night):
    rate(night.actor(), "sweep.0002", 1, Word(rating=4, choice="picked"))
    rate(night.actor(), "sweep.0004", 0, Word(rating=2))
    night.merge()
    page.goto(f"{night.url}#/images")
    page.wait_for_text(f"{IMAGES} images")
    page.press("/")
    page.type_text("no such words")
    page.wait_for_text("0 images")
    page.goto(f"{night.url}#/images?rating=3")
    page.wait_for(f"{CELLS}.map((one) => one.dataset.image).join() === 'sweep.0002:1'", "the one")
    page.goto(f"{night.url}#/images?rated=true")
    page.wait_for(f"{CELLS}.length === 2", "both")


def test_a_share_that_does_not_answer_is_told_and_so_is_its_coming_back(page, night):
    page.goto(night.url)
    page.wait_for_text("Nothing runs now")
    stay(page)
    away = night.root.with_name("away")
    night.root.rename(away)
    page.wait_for(
        "!document.querySelector('[role=alert]').hidden && document.querySelector('[role=alert]').innerText",
        "the trouble to be told",
        20,
    )
    away.rename(night.root)
    page.wait_for("document.querySelector('[role=alert]').hidden", "the trouble to be over", 20)
    assert page.evaluate(NEVER_LEFT)


def test_beyond_this_machine_only_who_has_the_link_sees_anything(browser, night):
    link = urlsplit(night.review("--host", "0.0.0.0"))
    here = f"http://127.0.0.1:{link.port}/"
    stranger, friend = browser.page(), browser.page()
    stranger.goto(here)
    stranger.wait_for_text("needs its link with the token")
    friend.goto(f"{here}?{link.query}#/images")
    friend.wait_for(ALL_LOADED, "the images")
    assert "token" in link.query
    assert friend.evaluate("[location.search, document.cookie]") == ["", ""], (
        "no script can read it"
    )
    stranger.goto(f"{here}api/images")
    assert "sweep" not in stranger.evaluate("document.body.innerText")


def test_light_and_dark_can_be_chosen_against_the_systems_own(page, night):
    page.scheme("light")
    page.goto(night.url)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    for _ in range(2):
        page.click("#theme")
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
    page.click("#theme")
    assert page.evaluate(ground) == light
    page.scheme("dark")
    assert page.evaluate(ground) == dark


# Everybody


VIEWS = {
    "live": "#/",
    "groups": "#/groups",
    "group": f"#/group/{quote(GROUP)}",
    "images": f"#/images?group={quote(GROUP)}",
    "compare": "#/compare?id=sweep.0001%3A0&id=sweep.0002%3A0&id=sweep.0003%3A1",
    "grid": f"#/grid?group={quote(GROUP)}",
}
IS_THERE = {
    "live": "document.body.innerText.includes('Nothing runs now')",
    "groups": f"document.body.innerText.includes({GROUP!r}) && document.querySelector('main [href]')",
    "group": f"{CELLS}.length && document.querySelector('h2') && document.body.innerText.includes('12 images')",
    "images": ALL_LOADED,
    "compare": "[...document.querySelectorAll('main img')].filter((one) => one.naturalWidth).length === 3",
    "grid": "[...document.querySelectorAll('main img')].some((one) => one.naturalWidth)",
}


def show(page, night, view):
    page.goto(f"{night.url}{VIEWS[view]}")
    page.wait_for(IS_THERE[view], f"the view '{view}'")


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_can_be_read_and_used_without_eyes_and_without_a_mouse(page, night, view):
    night.waits_for("large", "sweep.0002")
    rate(night.actor(), "sweep.0002", 1, Word(rating=4, choice="picked"))
    night.merge()
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        show(page, night, view)
        assert faults(page) == [], scheme
        assert too_wide(page) == 0
    steps, found = walk(page)
    assert found == []
    assert steps >= 5
    page.size(390, 780, mobile=True)
    show(page, night, view)
    assert faults(page) == []
    assert too_wide(page) == 0


def too_wide(page):
    """How many pixels it is wider than the window."""
    return page.evaluate("Math.max(0, document.documentElement.scrollWidth - innerWidth)")


def test_the_large_view_can_be_read_and_used_and_closes_where_it_was_opened(page, night):
    open_gallery(page, night)
    page.press("ArrowRight")
    opened = active(page)
    page.press("Enter")
    page.wait_for("document.querySelector('dialog[open] img')?.naturalWidth", "the large image")
    page.press("ArrowRight")
    page.press("3")
    wait_for_words(night, page, 1)
    assert faults(page) == []
    page.press("Escape")
    page.wait_for("!document.querySelector('dialog')", "the large view to close")
    page.wait_for(f"{ACTIVE}.contains(document.activeElement)", "the focus to be back")
    assert active(page)[1] > opened[1]
    night.merge()
    assert list(rated(night).values()) == [3]


def test_nothing_is_asked_of_anybody_but_this_server(page, night):
    for view in VIEWS:
        show(page, night, view)
    places = {urlsplit(one)[:2] for one in page.seen.requests if urlsplit(one).scheme not in ("data", "blob", "about")}  # fmt: skip
    assert places == {urlsplit(night.url)[:2]}
