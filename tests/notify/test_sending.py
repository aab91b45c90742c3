"""Messages over real HTTP, through apprise's own json:// plugin: what arrives, what is told if nothing does, and who waits."""

import builtins
import io
import logging

import pytest
from PIL import Image

from spoolctl.notify import sending
from spoolctl.notify.sending import PICTURE_BYTES_MAX, Address, Post, send, small_enough
from spoolctl.spool import Letter, SpoolError, UsageError

SECRETS = ("hunter2-secret", "t0ken-secret", "person")


def letter(**changes):
    facts = {
        "id": "one",
        "tone": "success",
        "title": "a title",
        "lines": ("first", "second"),
        "since_s": 0.0,
        "addresses": ("phone",),
    }
    return Letter(**{**facts, **changes})


def picture(size=(64, 48)):
    made = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(made, "PNG")
    return made.getvalue()


def test_a_message_arrives_with_its_title_its_lines_and_its_picture(service):
    phone = Address("phone", service.url)

    assert send(phone, "warning", "night: ended", ["one", "two"], [picture()]) is None

    (message,) = service.messages
    assert (message["title"], message["message"], message["type"]) == (
        "night: ended",
        "one\ntwo",
        "warning",
    )
    with Image.open(io.BytesIO(service.pictures()[0])) as image:
        assert (image.format, image.size) == ("JPEG", (64, 48))


def test_a_message_with_markup_in_it_arrives_as_it_is(service):
    assert (
        send(Address("phone", service.url), "info", "<b> & *x*", ["a <i>b</i> & c", "- d"], [])
        is None
    )
    (message,) = service.messages
    assert (message["title"], message["message"]) == ("<b> & *x*", "a <i>b</i> & c\n- d")


def test_a_refusal_is_told_without_a_secret(service):
    service.refuses = True
    problem = send(Address("phone", service.url), "info", "t", ["x"], [])
    assert "503" in problem
    assert not [one for one in SECRETS if one in problem]


def test_nobody_at_the_other_end_is_told_and_not_shown(service, capfd):
    address = Address("phone", service.url.replace("127.0.0.1", "localhost.invalid"))
    problem = send(address, "info", "t", ["x"], [picture()])
    assert "onnection" in problem
    assert not [one for one in (*SECRETS, "localhost.invalid") if one in problem]
    assert capfd.readouterr() == ("", "")


def test_what_refuses_the_picture_gets_the_message_without(service):
    service.refuses_pictures = True
    assert send(Address("phone", service.url), "info", "t", ["x"], [picture()]) is None
    assert [one["attachments"] for one in service.messages] == [[]]


def test_what_is_no_picture_is_left_out(service):
    assert send(Address("phone", service.url), "info", "t", ["x"], [b"none"]) is None
    assert service.pictures() == []


def test_a_large_sheet_is_made_small_enough_for_those_who_take_little():
    made = io.BytesIO()
    Image.merge("RGB", [Image.effect_noise((1000, 3000), 90)] * 3).save(
        made, "PNG", compress_level=1
    )
    large = made.getvalue()
    assert len(large) > PICTURE_BYTES_MAX

    small = small_enough(large)

    assert len(small) <= PICTURE_BYTES_MAX
    with Image.open(io.BytesIO(small)) as image:
        assert image.width >= 600


@pytest.mark.parametrize(
    "url",
    [
        "nonsense://hunter2-secret",
        "json://",
        "discord://hunter2-secret",
        "hunter2-secret",
        "tgram://hunter2",
    ],
)
def test_an_address_that_apprise_does_not_know_is_told_by_its_name(url, capfd):
    pytest.importorskip("apprise")
    with pytest.raises(UsageError) as caught:
        Address("phone", url)
    assert str(caught.value) == "address 'phone' is none that apprise knows"
    assert capfd.readouterr() == ("", "")


def test_without_apprise_a_person_is_told_what_to_install(monkeypatch):
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name == "apprise":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(sending.importlib, "import_module", missing)
    with pytest.raises(SpoolError) as caught:
        Address("phone", "json://localhost")
    assert "spoolctl[notify]" in caught.value.hint


def test_the_post_hands_over_and_tells_later(service):
    post = Post([Address("phone", service.url)])
    assert post.names == ("phone",)
    post.hand(letter(), "phone", (picture(),))
    (done,) = post.delivered(30.0)
    assert (done.letter, done.address, done.problem) == ("one", "phone", None)
    assert len(service.pictures()) == 1
    assert post.delivered() == []


def test_an_address_that_hangs_keeps_no_other_waiting(service):
    import threading

    let_go = threading.Event()

    class Hanging:
        name, shows_pictures = "hanging", False

        def send(self, *_):
            let_go.wait(60)
            return "late"

    post = Post([Hanging(), Address("phone", service.url)])
    for address in post.names:
        post.hand(letter(), address, ())
    assert [one.address for one in post.delivered(30.0)] == ["phone"]
    let_go.set()
    assert [one.problem for one in post.delivered(30.0)] == ["late"]


def test_a_fault_of_a_service_ends_no_thread():
    class Faulty:
        name, shows_pictures = "faulty", False

        def send(self, *_):
            raise RuntimeError("a bug")

    post = Post([Faulty()])
    for _ in range(2):
        post.hand(letter(), "faulty", ())
        (done,) = post.delivered(30.0)
        assert done.problem == "RuntimeError: a bug"


def test_apprises_own_log_keeps_what_others_made_of_it(service):
    before = list(logging.getLogger("apprise").handlers)
    send(Address("phone", service.url), "info", "t", ["x"], [])
    assert logging.getLogger("apprise").handlers == before
