"""A call to the share that never returns is told, a share that is away is not."""

import threading
from pathlib import Path

import pytest

from spoolctl.spool import HangWatch
from spoolctl.spool.digests import CHUNK_BYTES
from spoolctl.spool.files import ShareFiles
from spoolctl.spool.memory import Fault
from spoolctl.spool.native import OsNative
from tests.spool.spool_world import World

BY_HAND_S = 60.0


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
    caller = threading.Thread(target=lambda: files.read("beat", bytes_max=10), name="preview")
    caller.start()
    assert native.begun.wait(BY_HAND_S)
    now[0] += 50
    assert files.names("") == ("beat",), "others go through"
    assert files.oldest_call_s() == 50.0
    assert files.oldest_call_s(frozenset({"preview"})) == 0.0, "nobody waits for that one"
    native.let_go.set()
    caller.join(BY_HAND_S)
    assert files.oldest_call_s() == 0.0


def test_a_call_that_fails_is_over(tmp_path):
    files = ShareFiles(tmp_path)
    with pytest.raises(FileNotFoundError):
        files.read("nothing", bytes_max=10)
    assert files._calls == {}


class Watched:
    """A watch that asks the share every ten seconds, beside a thread whose call began at the start."""

    def __init__(self):
        self.world, self.told = World(), []
        self.world.share.put("nodes", None)
        actor = self.world.actor("w1")
        began = actor.clock.mono()
        self.hung = True
        actor.files.oldest_call_s = lambda _aside: actor.clock.mono() - began if self.hung else 0.0
        self.watch = HangWatch(actor, self.told.append)

    def asks_for(self, seconds):
        for _ in range(int(seconds // 10)):
            self.world.turn(10)
            self.watch.look()


def test_one_hung_call_among_others_that_go_through_is_told_after_five_minutes():
    watched = Watched()
    watched.asks_for(290)
    assert watched.told == []
    watched.asks_for(10)
    assert watched.told == [pytest.approx(300, abs=1)]


def test_a_share_that_is_away_is_waited_for():
    watched = Watched()
    watched.watch._actor.files.fail(0, Fault.BEFORE, onward=True)
    watched.asks_for(3_600)
    assert watched.told == []


def test_after_a_share_was_away_the_calls_that_waited_for_it_have_five_minutes_again():
    """A server that comes back lets some go on sooner than others: an NFS rename waits for ninety seconds more."""
    watched = Watched()
    watched.world.turn(3_600)
    watched.asks_for(290)
    assert watched.told == []
    watched.hung = False
    watched.asks_for(600)
    assert watched.told == []


class Slow(OsNative):
    """What is written goes to the share when it is synced, one MB a second."""

    def __init__(self, root, now):
        super().__init__(root)
        self.now, self.synced = now, 0

    def sync(self, stream):
        super().sync(stream)
        self.now[0] += (stream.tell() - self.synced) / (1 << 20)
        self.synced = stream.tell()


def test_a_long_copy_gets_on_with_every_piece(tmp_path):
    """Over a slow share one large file may take longer than five minutes; on Linux its sync alone did."""
    now, seen = [0.0], []
    large = tmp_path / "large"
    large.write_bytes(bytes(100 << 20))
    (tmp_path / "share").mkdir()
    files = ShareFiles(
        tmp_path / "share", native=Slow(tmp_path / "share", now), mono=lambda: now[0]
    )
    goes_on = files._goes_on

    def ask(what=None):
        thread = threading.Thread(target=lambda: seen.append(files.oldest_call_s()))
        thread.start()
        thread.join(BY_HAND_S)
        goes_on(what)

    files._goes_on = ask
    files.store(large, "large")

    assert now[0] == 100.0
    assert max(seen) == 32.0


def test_a_copy_from_the_share_and_a_reading_back_get_on_with_every_piece(tmp_path):
    (tmp_path / "large").write_bytes(bytes(3 * CHUNK_BYTES))
    files, seen = ShareFiles(tmp_path), []
    goes_on = files._goes_on
    files._goes_on = lambda what=None: (seen.append(1), goes_on(what))

    files.digest("large")
    files.fetch("large", tmp_path / "copy")

    assert len(seen) == 6
    assert (tmp_path / "copy").stat().st_size == 3 * CHUNK_BYTES


def test_the_watch_asks_by_itself_until_it_is_left(tmp_path):
    asked = threading.Semaphore(0)
    world = World()
    world.share.put("nodes", None)
    watch = HangWatch(world.actor("w1"), lambda _seconds: None)
    watch._every_s, watch.look = 0.0, asked.release

    with watch:
        assert asked.acquire(timeout=BY_HAND_S)
        assert asked.acquire(timeout=BY_HAND_S)

    assert watch._over.is_set()
