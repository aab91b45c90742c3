"""While a job runs, a small picture beside its heartbeat shows what it makes."""

import io
import threading
from dataclasses import replace

import pytest
from PIL import Image

from spoolctl.spool import Verdict, layout, replace_own
from spoolctl.spool.memory import Fault
from spoolworker import preview as module
from spoolworker.preview import SIDE_MAX, Preview
from tests.worker.execution_rig import BY_HAND, Rig, product

PATH = layout.preview("job-1", 1)


def picture(size=(64, 48), kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(file, kind)
    return file.getvalue()


class Desk(Rig):
    """A claim whose preview's thread takes one picture when the test shows one, and tells when it is through with it."""

    def __init__(self, tmp_path, monkeypatch):
        super().__init__(tmp_path)
        self.put, self.events = threading.Semaphore(0), []
        monkeypatch.setattr(module, "EVERY_S", 0.0)
        monkeypatch.setattr(module, "replace_own", self._replace)
        self.preview = Preview(replace(self.actor, log=self._log), self.claim)

    def _log(self, event, **_facts):
        self.events.append(event)
        if event == "preview.not_shown":
            self.put.release()

    def _replace(self, actor, path, data):
        replace_own(actor, path, data)
        self.put.release()

    def show(self, data):
        self.preview.show(data)
        assert self.put.acquire(timeout=BY_HAND)

    def shown(self):
        return Image.open(io.BytesIO(self.world.share.read(PATH, bytes_max=10**7)))

    def is_there(self):
        return layout.PREVIEW in self.world.share.names(self.folder)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    desk = Desk(tmp_path, monkeypatch)
    yield desk
    desk.preview.close()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_what_the_backend_shows_is_a_small_jpeg_on_the_share(desk, kind):
    desk.show(picture((2048, 1024), kind))

    assert desk.shown().format == "JPEG"
    assert desk.shown().size == (SIDE_MAX, SIDE_MAX // 2)


def test_the_next_picture_takes_its_place(desk):
    desk.show(picture((64, 64)))
    desk.show(picture((32, 48)))

    assert desk.shown().size == (32, 48)


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b"GIF89a" + bytes(50), b"cut short"],
    ids=["empty", "page", "gif", "text"],
)
def test_what_is_no_picture_is_not_shown_and_the_next_one_is(desk, data):
    desk.show(data)
    assert not desk.is_there()
    assert "preview.not_shown" in desk.events

    desk.show(picture())

    assert desk.is_there()


def test_a_share_that_fails_costs_the_picture_and_nothing_else(desk):
    desk.actor.files.fail(desk.actor.files.operations, Fault.BEFORE)
    desk.show(picture())
    assert not desk.is_there()

    desk.show(picture())

    assert desk.is_there()


def test_it_is_gone_when_the_work_is_over(desk):
    desk.show(picture())

    desk.preview.close()

    assert not desk.is_there()


def test_a_run_that_shows_pictures_ends_without_one(desk):
    def act(order, watch):
        watch.on_preview(picture())
        assert desk.put.acquire(timeout=BY_HAND)
        assert desk.is_there()
        return product(order)

    assert desk.run(act).verdict is Verdict.SUCCEEDED
    assert not desk.is_there()
