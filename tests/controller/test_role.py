"""One controller has the role, others stand by and take over."""

import errno
import subprocess
import sys
import threading

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from spoolctl.cli import controller as command
from spoolctl.controller.role import ControllerRole
from spoolctl.controller.run import Controller
from spoolctl.controller.scanner import Scanner
from spoolctl.spool import (
    EXIT_SHARE_HANGS,
    HangWatch,
    Heartbeat,
    ShareUnusable,
    create_spool,
    decode,
    default_settings,
)

HOLDER = """
import sys
from pathlib import Path
from spoolctl.controller.role import ControllerRole
role = ControllerRole(Path(sys.argv[1]))
print(role.try_take(), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def root(tmp_path):
    settings = default_settings(1_800_000_000, "test")
    create_spool(tmp_path / "spool", settings)
    return tmp_path / "spool"


@pytest.fixture
def other(root):
    """Another process that has the role."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.communicate(timeout=60)


def test_the_first_has_the_role_and_the_second_does_not_wait_for_it(root, other):
    role = ControllerRole(root)

    assert role.try_take() is False
    assert not role.is_held


@pytest.mark.parametrize("ends", ["by itself", "killed"])
def test_the_second_takes_over_when_the_first_ends(root, other, ends):
    role = ControllerRole(root)
    assert not role.try_take()
    if ends == "killed":
        other.kill()
    other.communicate("\n", timeout=60)

    assert role.try_take()
    assert role.is_held
    role.give_up()
    assert not role.is_held


def test_taking_it_twice_and_giving_it_up_once_lets_another_have_it(root):
    """The lock counts, so that a role taken twice was still held."""
    role, second = ControllerRole(root), ControllerRole(root)
    assert role.try_take()
    assert role.try_take()
    role.give_up()

    assert second.try_take()
    second.give_up()


def test_giving_up_what_one_does_not_have_is_nothing(root):
    ControllerRole(root).give_up()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOLCK, "No locks available"),
        PermissionError(13, "no"),
        NotImplementedError("flock"),
    ],
)
def test_a_share_that_refuses_locks_is_named_with_the_way_out(root, monkeypatch, error):
    def refuses(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuses)

    with pytest.raises(ShareUnusable, match=r"cannot lock '.*controller\.lock'") as caught:
        ControllerRole(root).try_take()
    assert "--no-lock" in caught.value.hint


@pytest.fixture
def scans(monkeypatch):
    """What the controllers of this process scanned."""
    made, scan = [], Scanner.scan

    def counted(self):
        made.append(scan(self))
        return made[-1]

    monkeypatch.setattr(Scanner, "scan", counted)
    return made


class Rounds(threading.Event):
    """Stops a controller after so many rounds, and lets a test act between them."""

    def __init__(self, *acts):
        super().__init__()
        self.acts = list(acts)

    def wait(self, timeout=None):
        if self.acts:
            self.acts.pop(0)()
        else:
            self.set()
        return self.is_set()


def heartbeats(root):
    return [
        decode(Heartbeat, path.read_bytes())
        for path in (root / "nodes").glob("controller-*.heartbeat.json")
    ]


def test_a_controller_stands_by_while_another_scans_and_takes_over(root, other, scans):
    told = []

    def look():
        told.extend(beat.state for beat in heartbeats(root))

    def end_the_other():
        look()
        other.communicate("\n", timeout=60)

    Controller(root, lambda *_, **__: None).run(Rounds(end_the_other, look))

    assert told == ["standing_by", "running"]
    assert len(scans) == 2
    assert heartbeats(root) == [], "its name is used only once"


def test_a_controller_without_a_lock_believes_to_be_alone(root, other, scans):
    Controller(root, lambda *_, **__: None, use_lock=False).run(Rounds())

    assert len(scans) == 1


def test_one_scan_for_a_scheduler_gives_the_role_back(root):
    controller = Controller(root, lambda *_, **__: None)

    assert controller.once() is not None
    role = ControllerRole(root)
    assert role.try_take()
    role.give_up()


def test_one_scan_beside_another_controller_is_none(root, other):
    assert Controller(root, lambda *_, **__: None).once() is None


def test_a_controller_that_stands_by_outlives_a_share_that_is_away_for_a_moment(
    root, monkeypatch, scans
):
    """Any error of the lock file ended it as 'the share refuses locks', at the moment at which it was needed."""
    acquire = FileLock.acquire
    events, broken = [], [True]

    def away(self, *args, **kwargs):
        if broken:
            raise OSError(errno.EIO, "Input/output error")
        return acquire(self, *args, **kwargs)

    monkeypatch.setattr(FileLock, "acquire", away)
    controller = Controller(root, lambda event, **facts: events.append(event))
    controller.run(Rounds(broken.clear))

    assert "controller.trouble" in events
    assert len(scans) == 1


def test_a_controller_whose_scan_hangs_in_the_share_ends_so_that_it_is_started_anew(root):
    """It kept the lock, so that no other merged; nothing else ends a call that never returns."""
    events, codes = [], []
    controller = Controller(root, lambda event, **_: events.append(event), exit_now=codes.append)
    controller.actor.files.oldest_call_s = lambda _aside: 1e9
    controller.hang_watch._limit_s = 0.0

    controller.hang_watch.look()

    assert (events, codes) == (["controller.share_hangs"], [EXIT_SHARE_HANGS])


def test_while_a_controller_runs_its_calls_to_the_share_are_watched(root, monkeypatch, tmp_path):
    life = []
    monkeypatch.setattr(HangWatch, "__enter__", lambda _self: life.append("watched"))
    monkeypatch.setattr(HangWatch, "__exit__", lambda *_: life.append("left"))
    monkeypatch.setattr(Controller, "run", lambda _self, _stop: life.append("run"))
    monkeypatch.setattr(command, "_stop_on_signal", threading.Event)
    arguments = ["run", "--spool", str(root), "--log-folder", str(tmp_path), "--quiet"]

    assert CliRunner().invoke(command.app, arguments).exit_code == 0

    assert life == ["watched", "run", "left"]
