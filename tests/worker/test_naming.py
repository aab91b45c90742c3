"""One process for each worker name."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from filelock import FileLock

from spoolctl.spool import (
    Host,
    Life,
    NameTaken,
    ShareUnusable,
    create_spool,
    default_settings,
    open_spool,
)
from spoolworker import naming
from spoolworker.naming import hold_name
from spoolworker.stopping import Stopping

HOLDER = """
import sys
from pathlib import Path
from spoolctl.spool import Life, open_spool
from spoolworker.naming import hold_name
from spoolworker.stopping import Stopping
root = Path(sys.argv[1])
actor = open_spool(root, name="attic")
held = hold_name(actor, root, Stopping())
if sys.argv[2] == "beats":
    Life(actor, "worker").beat()
print(actor.session, flush=True)
sys.stdin.readline()
held.release()
"""


class Holder:
    """A real process that holds the name 'attic' until it is told to end."""

    def __init__(self, root, how="beats"):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(root), how],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.session = self.process.stdout.readline().strip()

    def end(self, *, kill=False):
        if kill:
            self.process.kill()
        self.process.communicate("\n", timeout=60)


@pytest.fixture
def root(tmp_path):
    create_spool(tmp_path / "spool", default_settings(1_800_000_000, "test"))
    return tmp_path / "spool"


@pytest.fixture
def holders():
    running = []
    yield running
    for one in running:
        if one.process.poll() is None:
            one.end(kill=True)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_lock(monkeypatch):
    monkeypatch.setattr(naming, "_LOCK_WAIT_S", 0.0)


def hold(root):
    return hold_name(open_spool(root, name="attic"), root, Stopping())


def assert_free(root):
    with FileLock(root / "locks" / "worker-attic.lock").acquire(timeout=0):
        pass


def test_a_second_process_with_the_same_name_is_refused_and_told_who_has_it(root, holders):
    holders.append(holder := Holder(root))

    with pytest.raises(NameTaken) as caught:
        hold(root)

    assert f"the worker name 'attic' is held by process {holder.process.pid} on '" in str(
        caught.value
    )
    assert f"session {holder.session}" in str(caught.value)
    assert "--name" in caught.value.hint


def test_the_command_ends_with_exit_code_24_and_two_lines(root, holders, tmp_path):
    holders.append(holder := Holder(root))

    ran = subprocess.run(
        [sys.executable, "-m", "spoolworker", "run", "--spool", root, "--name", "attic", "--once", "-q",
         "--log-folder", tmp_path / "logs", "--scratch", tmp_path / "scratch"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ran.returncode == 24
    first, second = ran.stderr.splitlines()
    assert first.startswith(
        f"error: the worker name 'attic' is held by process {holder.process.pid} "
    )
    assert second.startswith("hint: give this worker another name")


def test_a_holder_that_has_not_shown_life_yet_is_just_starting(root, holders):
    holders.append(Holder(root, "silent"))

    with pytest.raises(NameTaken, match="held by a process that is just starting"):
        hold(root)


def test_the_farewell_of_an_earlier_life_is_not_the_holder(root, holders):
    """The message named the process that had ended, not the one that was starting."""
    life = Life(open_spool(root, name="attic"), "worker")
    life.tell(state="stopped")
    life.beat()
    holders.append(Holder(root, "silent"))

    with pytest.raises(NameTaken, match="held by a process that is just starting"):
        hold(root)


def test_a_heartbeat_that_cannot_be_read_hides_no_holder(root, holders):
    """It was an error of the file instead: exit code 23, and nothing about the name."""
    holders.append(Holder(root))
    (root / "nodes" / "attic.heartbeat.json").write_text("{")

    with pytest.raises(NameTaken):
        hold(root)


def test_the_name_is_free_again_once_its_holder_ended(root, holders):
    holders.append(holder := Holder(root))
    holder.end()

    hold(root).release()


def test_the_name_of_a_killed_process_on_this_machine_is_free_at_once(root, holders):
    holders.append(holder := Holder(root))
    holder.end(kill=True)

    hold(root).release()


def test_a_live_process_that_this_lock_does_not_show_is_believed_by_its_heartbeat(root):
    """As where one reaches the share over NFS and the other over SMB."""
    Life(open_spool(root, name="attic"), "worker").beat()

    with pytest.raises(NameTaken, match=f"process {os.getpid()}"):
        hold(root)
    assert_free(root)


class Waits:
    """What ``Stopping.wake`` is to a test: waiting turns the clock and lets others act."""

    def __init__(self, clock, act=lambda: False):
        self.clock, self.act, self.count = clock, act, 0

    def wait(self, timeout):
        self.clock.ahead_s += timeout
        self.count += 1
        return self.act()


class Ahead:
    """A clock that a test sets ahead."""

    def __init__(self, clock):
        self.clock, self.ahead_s = clock, 0.0

    def mono(self):
        return 1_000.0 + self.ahead_s

    def utc_s(self):
        return self.clock.utc_s()


def foreign(root):
    """The heartbeat of a process with this name on another machine."""
    actor = open_spool(root, name="attic")
    life = Life(replace(actor, host=Host("cellar", "other-host", "other-boot", 7, 7.0)), "worker")
    life.beat()
    return life


def watch(root, act=lambda: False):
    actor = open_spool(root, name="attic")
    clock = Ahead(actor.clock)
    stopping = Stopping(wake=Waits(clock, act))
    return hold_name(replace(actor, clock=clock), root, stopping), stopping.wake


def test_a_foreign_heartbeat_is_watched_for_some_beats_and_is_then_nobodys(root):
    foreign(root)

    held, waits = watch(root)

    assert waits.count == 14  # 3.5 heartbeats, looked at four times each
    held.release()


def test_a_foreign_heartbeat_that_grows_is_a_holder(root):
    life = foreign(root)

    with pytest.raises(NameTaken, match="process 7 on 'cellar'"):
        watch(root, lambda: life.beat() is None)
    assert_free(root)


def test_a_request_to_stop_ends_the_watch_and_gives_the_name_back(root):
    foreign(root)

    held, _ = watch(root, lambda: True)

    assert held is None
    assert_free(root)


@pytest.mark.parametrize("error", [OSError(37, "No locks available"), NotImplementedError("flock")])
def test_a_share_that_refuses_locks_is_named(root, monkeypatch, error):
    def refuses(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuses)

    with pytest.raises(ShareUnusable, match="cannot lock the worker name 'attic'"):
        hold(root)


def test_a_stopped_holders_name_is_free_whatever_machine_it_was_on(root):
    life = foreign(root)
    life.tell(state="stopped")
    life.beat()

    held, waits = watch(root)

    assert waits.count == 0
    held.release()
