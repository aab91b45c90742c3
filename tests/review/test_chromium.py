"""The driver of the browser: what it sees, does and leaves, on pages of a few lines."""

import contextlib
import http.server
import io
import threading

import psutil
import pytest
from chromium import Chromium, found
from PIL import Image
from tabs import Refused

BUTTONS = """
<!doctype html><title>tiny</title><h1>Hello</h1>
<button id=one onclick="document.title = 'clicked'">Press me</button>
<button id=hidden hidden>Not this</button>
<input id=field aria-label="Words"><ul id=keys></ul>
<script>
  addEventListener("keydown", (e) => {
    const said = document.createElement("li");
    said.textContent = [e.key, e.code, e.shiftKey, e.ctrlKey].join(" ");
    document.getElementById("keys").append(said);
  });
</script>
"""
PAGES = {
    "/": (BUTTONS, {}),
    "/throws": ("<script>throw new Error('out of ink')</script>", {}),
    "/strict": (
        "<img src='http://127.0.0.1:1/x.png'><script>document.title = 'ran'</script>",
        {"Content-Security-Policy": "default-src 'self'"},
    ),
    "/asks": ("<script>fetch('/there?1').then((r) => { document.title = r.status })</script>", {}),
    "/there?1": ("yes", {"Set-Cookie": "who=ann; Path=/"}),
}


class Tiny(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text, headers = PAGES.get(self.path, (None, {}))
        self.send_response(404 if text is None else 200)
        for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tiny) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def keys(page):
    return page.evaluate("[...document.querySelectorAll('li')].map((one) => one.textContent)")


def test_a_page_is_read_clicked_and_typed_into_as_by_a_person(page, site):
    page.goto(f"{site}/")
    page.wait_for_text("Hello")
    page.click("#one")
    assert page.evaluate("document.title") == "clicked"
    page.click("#field")
    page.type_text("a dragon")
    page.press("s")
    assert page.evaluate("(id) => document.getElementById(id).value", "field") == "a dragons"
    page.press("ArrowDown")
    page.press("?", "shift")
    page.press("a", "ctrl")
    assert keys(page) == ["s KeyS false false", "ArrowDown ArrowDown false false",
                          "? Slash true false", "a KeyA false true"]  # fmt: skip


def test_what_a_screen_reader_calls_a_thing_finds_it(page, site):
    page.goto(f"{site}/")
    page.click_on("button", "Press me")
    page.wait_for("document.title === 'clicked'", "the click to be seen")
    told = [(one["role"], one["name"]) for one in page.told_to_readers() if one.get("focusable")]
    assert ("button", "Press me") in told
    assert ("textbox", "Words") in told
    assert ("button", "Not this") not in told


def test_what_cannot_be_seen_or_lies_under_something_cannot_be_clicked(page, site):
    page.goto(f"{site}/")
    with pytest.raises(AssertionError, match=r"#hidden to be there and free to be clicked"):
        page.click("#hidden", within_s=0.1)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<div style=\"position: fixed; inset: 0\">over</div>')")  # fmt: skip
    with pytest.raises(AssertionError, match=r"#one to be there and free to be clicked"):
        page.click("#one", within_s=0.1)
    assert page.evaluate("document.title") == "tiny"


def test_a_wait_in_vain_tells_what_the_page_showed(page, site):
    page.goto(f"{site}/")
    page.evaluate("console.error('no ink', 3)")
    with pytest.raises(AssertionError) as told:
        page.wait_for("document.title === 'other'", "another title", within_s=0.1)
    said = str(told.value)
    for words in ("0.1 s in vain for: another title", f"{site}/", "'tiny'", "Press me", "error: no ink 3"):  # fmt: skip
        assert words in said


def test_what_a_script_throws_fails_the_test_that_opened_the_page(browser, site):
    with (
        pytest.raises(AssertionError, match=r"/throws: uncaught: Error: out of ink"),
        browser.closing_pages(),
    ):
        browser.page().goto(f"{site}/throws")
    assert browser.troubles() == []


def test_what_the_policy_refuses_is_trouble_too(page, site):
    page.goto(f"{site}/strict")

    def refused(words):
        return any(words in one for one in page.troubles)

    page.until(lambda: refused("img-src forbids http://127.0.0.1:1/x.png"), "the image's refusal")
    page.until(lambda: refused("script-src"), "the script's refusal")
    assert page.evaluate("document.title") != "ran"
    page.troubles.clear()


def test_every_request_is_known_and_two_people_share_no_cookie(browser, site):
    ann, bob = browser.page(), browser.page()
    ann.goto(f"{site}/asks")
    ann.wait_for("document.title === '200'", "the answer")
    assert {f"{site}/asks", f"{site}/there?1"} <= set(ann.seen.requests)
    bob.goto(f"{site}/")
    assert [one.evaluate("document.cookie") for one in (ann, bob)] == ["who=ann", ""]


def test_light_dark_and_size_are_as_asked_and_seen_in_a_picture(page, site):
    page.goto(f"{site}/")
    dark = "matchMedia('(prefers-color-scheme: dark)').matches"
    page.scheme("dark")
    assert page.evaluate(dark) is True
    page.scheme("light")
    assert page.evaluate(dark) is False
    page.size(400, 300)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        assert picture.size == (400, 300)
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 2


def test_a_script_of_the_test_that_is_wrong_says_so(page):
    with pytest.raises(Refused, match="nowhere is not defined"):
        page.evaluate("nowhere")


def test_nothing_is_left_of_a_browser_that_is_closed(tmp_path):
    if found() is None:
        pytest.skip("there is no Chromium on this machine")
    with Chromium(tmp_path / "own") as browser:
        browser.page()
        started = browser.processes()
        assert len(started) > 2
    assert [one for one in started if runs(one)] == []
    assert not (tmp_path / "own" / "profile").exists()


def runs(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE  # whoever adopted it has not looked yet
    return False
