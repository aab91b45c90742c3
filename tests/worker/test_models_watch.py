"""The thread that looks for models: it tells in batches, stops at once, and nothing that it meets ends it."""

import threading

import pytest

from spoolworker.models import ModelWatch, read_digests, watch
from tests.worker.model_files import put, sha

BY_HAND = 60.0


class Desk:
    def __init__(self, tmp_path):
        self.models, self.cache = tmp_path / "models", tmp_path / "cache.json"
        self.models.mkdir()
        self.now_s, self.logged, self.read = 0.0, [], []
        self.life()

    def life(self):
        self.watch = ModelWatch(
            {"loras": [self.models]},
            cache=self.cache,
            mono=lambda: self.now_s,
            log=lambda event, **facts: self.logged.append((event, facts)),
        )

    def known(self):
        return {file.name: digests.sha256 if digests else None for file, digests in self.watch.found.files}  # fmt: skip


@pytest.fixture
def desk(tmp_path, monkeypatch):
    desk = Desk(tmp_path)

    def reading(file, *, is_stopped):
        desk.read.append(file.name)
        return read_digests(file, is_stopped=is_stopped)

    monkeypatch.setattr(watch, "read_digests", reading)
    return desk


def test_what_lies_there_is_known_with_its_digest_and_read_once_in_all_lives(desk):
    put(desk.models, "a.pt", b"a")

    desk.watch.round()
    desk.watch.round()
    desk.life()
    desk.watch.round()

    assert desk.known() == {"a.pt": sha(b"a")}
    assert desk.read == ["a.pt"]


def test_a_file_that_came_changed_or_went_is_seen_at_the_next_round(desk):
    put(desk.models, "changes.pt", b"old")
    put(desk.models, "goes.pt")
    desk.watch.round()

    put(desk.models, "changes.pt", b"newer")
    put(desk.models, "comes.pt", b"c")
    (desk.models / "goes.pt").unlink()
    desk.watch.round()

    assert desk.known() == {"changes.pt": sha(b"newer"), "comes.pt": sha(b"c")}


def test_the_names_are_known_before_any_file_is_read_and_the_small_ones_are_read_first(
    desk, monkeypatch
):
    put(desk.models, "a.pt", b"large file")
    put(desk.models, "b.pt", b"small")
    at_first = []

    def reading(file, *, is_stopped):
        at_first.append((file.name, desk.known()))
        return read_digests(file, is_stopped=is_stopped)

    monkeypatch.setattr(watch, "read_digests", reading)
    desk.watch.round()

    nothing = {"a.pt": None, "b.pt": None}
    assert at_first == [("b.pt", nothing), ("a.pt", nothing)]


def test_while_files_are_read_there_is_news_once_a_minute_and_what_was_read_is_on_disk(
    desk, monkeypatch
):
    """A card that is rewritten after each of a thousand files is read a thousand times by every worker."""
    for name in "abcd":
        put(desk.models, f"{name}.pt")
    told = []

    def slowly(file, *, is_stopped):
        told.append((sum(one is not None for one in desk.known().values()), desk.cache.exists()))
        desk.now_s += 30
        return read_digests(file, is_stopped=is_stopped)

    monkeypatch.setattr(watch, "read_digests", slowly)
    desk.watch.round()

    assert told == [(0, False), (0, False), (2, True), (2, True)]
    assert None not in desk.known().values()


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_read(desk, monkeypatch):
    put(desk.models, "a.pt")
    put(desk.models, "b.pt", b"bbbbbbbbbbbb")

    def refusing(file, *, is_stopped):
        if file.name == "a.pt":
            raise PermissionError(13, "Permission denied")
        return read_digests(file, is_stopped=is_stopped)

    monkeypatch.setattr(watch, "read_digests", refusing)
    for _ in range(2):
        desk.watch.round()
        assert desk.known() == {"a.pt": None, "b.pt": sha(b"bbbbbbbbbbbb")}
        assert desk.watch.found.problems == (
            f"'{desk.models / 'a.pt'}' cannot be read: Permission denied",
        )

    monkeypatch.setattr(watch, "read_digests", read_digests)
    desk.watch.round()
    assert desk.watch.found.problems == ()


def test_a_file_that_grows_is_known_once_it_stays_the_same(desk, monkeypatch):
    put(desk.models, "a.pt", b"half")
    monkeypatch.setattr(watch, "read_digests", lambda _file, is_stopped: None)
    desk.watch.round()
    assert desk.known() == {"a.pt": None}

    monkeypatch.setattr(watch, "read_digests", read_digests)
    put(desk.models, "a.pt", b"half and half")
    desk.watch.round()

    assert desk.known() == {"a.pt": sha(b"half and half")}


def test_without_folders_there_is_no_thread(tmp_path):
    idle = ModelWatch({}, cache=tmp_path / "c", mono=lambda: 0.0, log=lambda *_, **__: None)

    idle.start()
    idle.stop()

    assert idle.found is None
    assert "models" not in {thread.name for thread in threading.enumerate()}


def test_told_to_stop_it_ends_in_the_midst_of_a_file_and_keeps_what_it_read(desk, monkeypatch):
    put(desk.models, "a.pt", b"a")
    put(desk.models, "b.pt", b"larger")
    reads_b = threading.Event()

    def reading(file, *, is_stopped):
        if file.name == "b.pt":
            reads_b.set()
            assert desk.watch._stop.wait(BY_HAND)
        return read_digests(file, is_stopped=is_stopped)

    monkeypatch.setattr(watch, "read_digests", reading)
    desk.watch.start()
    desk.watch.start()
    assert reads_b.wait(BY_HAND)
    desk.watch.stop()
    desk.watch._thread.join(BY_HAND)

    assert not desk.watch._thread.is_alive()
    assert desk.known() == {"a.pt": sha(b"a"), "b.pt": None}
    desk.life()
    monkeypatch.setattr(watch, "read_digests", lambda _file, is_stopped: None)
    desk.watch.round()
    assert desk.known()["a.pt"] == sha(b"a")


def test_a_problem_is_logged_once_and_a_fault_does_not_end_the_thread(desk, monkeypatch):
    desk.models.rmdir()
    rounds, whole = [], desk.watch.round

    def round_():
        rounds.append(1)
        if len(rounds) == 2:
            raise ZeroDivisionError
        whole()
        if len(rounds) == 4:
            desk.watch._stop.set()

    monkeypatch.setattr(watch, "EVERY_S", 0)
    monkeypatch.setattr(desk.watch, "round", round_)
    desk.watch._run()

    assert [event for event, _ in desk.logged] == ["models.unreadable", "models.trouble"]
    assert desk.logged[0][1]["count"] == 1
