"""For how long there was no input: what the systems say, played; neither was seen on a real one yet."""

import math
import subprocess

import pytest

from spoolworker.availability import idle
from spoolworker.availability.idle import InputSeen, read_input, read_logind, read_windows

NOW_S = 1_795_000_000.0


class PlayedWindows:
    def __init__(self, tick, last, session=1):
        self._tick, self._last, self._session = tick, last, session

    def tick(self):
        return self._tick

    def session(self):
        return self._session

    def last_input_tick(self):
        if self._last is None:
            raise OSError("GetLastInputInfo failed")
        return self._last


@pytest.mark.parametrize(
    ("tick", "last", "idle_s"),
    [
        (100_000, 40_000, 60.0),
        (5_000, 2**32 - 5_000, 10.0),  # the counter began anew after 49.7 days
        (5_000, 5_010, 0.0),  # input between the two calls
    ],
)
def test_windows_tells_the_tick_of_the_last_input(tick, last, idle_s):
    assert read_windows(PlayedWindows(tick, last)) == InputSeen(idle_s)


def test_a_service_of_windows_sees_no_input_and_says_so():
    """It would see its own session's, which has none: idle for ever, with somebody at the keyboard."""
    seen = read_windows(PlayedWindows(100_000, 0, session=0))

    assert seen.idle_s is None
    assert "service" in seen.problem


def test_a_windows_that_does_not_answer_is_not_known():
    assert "GetLastInputInfo" in read_windows(PlayedWindows(1, None)).problem


def session(number="2", **said):
    facts = {
        "Id": number, "Class": "user", "Type": "x11", "Seat": "seat0", "Remote": "no", "State": "active",
        "IdleHint": "no", "IdleSinceHint": "0",
    }  # fmt: skip
    return "\n".join(f"{key}={value}" for key, value in {**facts, **said}.items()) + "\n"


def ago(seconds):
    return str(int((NOW_S - seconds) * 1e6))


def logind(*sessions):
    asked = []

    def ask(arguments):
        asked.append(tuple(arguments))
        if asked[-1][0] == "list-sessions":
            return "".join(f"{n} 1000 ann seat0 tty2\n" for n, _ in enumerate(sessions))
        return "\n".join(sessions)

    return read_logind(ask, NOW_S)


def test_a_desktop_that_is_idle_tells_since_when():
    assert logind(session(IdleHint="yes", IdleSinceHint=ago(900))) == InputSeen(900.0)


def test_a_desktop_that_is_not_idle_is_in_use_whenever_it_said_so():
    assert logind(session(Type="wayland", IdleSinceHint=ago(900))) == InputSeen(0.0)


def test_a_console_tells_when_its_keys_were_touched_last():
    assert logind(session(Type="tty", IdleSinceHint=ago(40))) == InputSeen(40.0)


def test_a_desktop_that_never_told_is_not_known_rather_than_in_use_for_ever():
    """KDE's hint stays "no", since never: taken at its word, the machine would never work."""
    seen = logind(session(IdleSinceHint="0"))

    assert seen.idle_s is None
    assert "session 2 (x11) does not tell" in seen.problem


def test_the_least_idle_of_several_counts_and_one_that_does_not_tell_is_named():
    seen = logind(
        session("2", IdleHint="yes", IdleSinceHint=ago(900)),
        session("3", Type="tty", IdleSinceHint=ago(70)),
        session("4"),
    )

    assert seen.idle_s == 70.0
    assert "session 4 (x11)" in seen.problem


@pytest.mark.parametrize(
    "other", [{"Remote": "yes", "Seat": ""}, {"Class": "greeter"}, {"State": "closing"}]
)
def test_who_is_not_at_this_machine_does_not_use_it(other):
    assert logind(session(Type="tty", IdleSinceHint=ago(1), **other)) == InputSeen(math.inf)


def test_a_machine_where_nobody_is_logged_in_is_idle():
    assert logind() == InputSeen(math.inf)


def test_a_machine_without_logind_is_not_known():
    def fails(_arguments):
        raise OSError("loginctl: Failed to connect to bus: Host is down")

    assert read_logind(fails, NOW_S) == InputSeen(
        None, "loginctl: Failed to connect to bus: Host is down"
    )


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (subprocess.CompletedProcess((), 1, "", "Host is down\nmore\n"), "loginctl: Host is down"),
        (subprocess.CompletedProcess((), 3, "", ""), "loginctl: exit code 3"),
        (subprocess.TimeoutExpired("loginctl", 5.0), "does not answer within 5 s"),
    ],
)
def test_a_loginctl_that_fails_or_hangs_is_a_problem_and_no_idleness(monkeypatch, done, said):
    def run(*_args, **_how):
        if isinstance(done, Exception):
            raise done
        return done

    monkeypatch.setattr(idle.sys, "platform", "linux")
    monkeypatch.setattr(idle.shutil, "which", lambda _: "/usr/bin/loginctl")
    monkeypatch.setattr(idle.subprocess, "run", run)

    seen = read_input(NOW_S)

    assert seen.idle_s is None
    assert said in seen.problem


def test_a_linux_without_loginctl_is_not_known(monkeypatch):
    monkeypatch.setattr(idle.sys, "platform", "linux")
    monkeypatch.setattr(idle.shutil, "which", lambda _: None)

    assert read_input(NOW_S) == InputSeen(None, "there is no loginctl")


def test_another_system_is_not_known(monkeypatch):
    monkeypatch.setattr(idle.sys, "platform", "darwin")

    assert read_input(NOW_S) == InputSeen(None, "input cannot be seen on darwin")
