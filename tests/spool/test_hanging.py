"""A call to the share that never returns is told, a share that is away is not."""

import threading
from pathlib import Path

import pytest

from spoolctl.spool import HangWatch
from spoolctl.spool.digests import CHUNK_BYTES
from spoolctl.spool.files import ShareFiles
from spoolctl.spool.native import OsNative
from tests.spool.spool_world import World

BY_HAND_S = 10.0


class Stuck(OsNative):
    """Opening a file never returns, as on SMB, until the test is over."""

    def __init__(self, root):
        super().__init__(root)
        self.begun, self.let_go = threading.Event(), threading.Event()

    def open(self, path):
        self.begun.set()
        self.let_go.wait(BY_HAND_S)
        return super().open(path)


def test_a_call_that_does_not_return_is_known_to_the_other_threads_with_its_seconds(tmp_path):
    now = [100.0]
    (tmp_path / "beat").write_bytes(b"1")
    native = Stuck(tmp_path)
    files = ShareFiles(Path(tmp_path), native=native, mono=lambda: now[0])
    assert files.oldest_call_s() == 0.0
    caller = threading.Thread(target=lambda: files.read("beat", bytes_max=10))
    caller.start()
    assert native.begun.wait(BY_HAND_S)
    now[0] += 50
    assert files.names("") == ("beat",), "others go through"
    assert files.oldest_call_s() == 50.0
    native.let_go.set()
    caller.join(BY_HAND_S)
    assert files.oldest_call_s() == 0.0


def test_a_call_that_fails_is_over(tmp_path):
    files = ShareFiles(tmp_path)
    with pytest.raises(FileNotFoundError):
        files.read("nothing", bytes_max=10)
    assert files._calls == {}


class Watched:
    """A thread that asks the share something every ten seconds, beside one whose call began at the start."""

    def __init__(self):
        self.world, self.told = World(), []
        actor = self.world.actor("w1")
        began = actor.clock.mono()
        self.hung = True
        actor.files.oldest_call_s = lambda: actor.clock.mono() - began if self.hung else 0.0
        self.watch = HangWatch(actor, self.told.append)

    def asks_for(self, seconds):
        for _ in range(int(seconds // 10)):
            self.world.turn(10)
            self.watch.answered()


def test_one_hung_call_among_others_that_go_through_is_told_after_five_minutes():
    watched = Watched()
    watched.asks_for(290)
    assert watched.told == []
    watched.asks_for(10)
    assert watched.told == [pytest.approx(300, abs=1)]


def test_after_a_share_was_away_the_calls_that_waited_for_it_have_five_minutes_again():
    """A server that comes back lets some go on sooner than others: an NFS rename waits for ninety seconds more."""
    watched = Watched()
    watched.world.turn(3_600)
    watched.asks_for(290)
    assert watched.told == []
    watched.hung = False
    watched.asks_for(600)
    assert watched.told == []


def test_a_long_copy_gets_on_with_every_piece(tmp_path):
    """Over a slow share one large file may take longer than five minutes."""
    now = [0.0]
    (tmp_path / "share").mkdir()
    large, seen = tmp_path / "large", []
    large.write_bytes(bytes(3 * CHUNK_BYTES))
    files = ShareFiles(tmp_path / "share", mono=lambda: now[0])

    def ask():
        thread = threading.Thread(target=lambda: seen.append(files.oldest_call_s()))
        thread.start()
        thread.join(BY_HAND_S)

    goes_on = files._goes_on

    def slowly(what=None):
        now[0] += 200
        ask()
        goes_on(what)

    files._goes_on = slowly
    files.store(large, "large")
    files.digest("large")
    files.fetch("large", tmp_path / "copy")

    assert seen == [200.0] * 9
    assert (tmp_path / "copy").stat().st_size == large.stat().st_size
