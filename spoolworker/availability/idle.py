"""For how long nobody has touched this machine's keyboard or mouse, as far as the system tells.

Guarantees: ``read_input`` never raises and takes some milliseconds, at most a few seconds; what is not known is told as a problem and
never as idle or busy.

 - Windows: ``GetLastInputInfo``. It sees its own session only, so a service (session 0) is told that it cannot know. Not yet seen on a
   real one.
 - Linux: what logind knows of the sessions at this machine's seats, by ``loginctl``. On a text console that is the terminal's access
   time. A desktop has to tell it: GNOME does (idle once its screen would blank, so about five minutes late); KDE and most others never
   do, which shows as a hint that was never set, and is a problem. Sessions over ssh do not count. Not yet seen on a real one.
 - Elsewhere: not known.

Rejected: access times of ``/dev/input`` (reading events does not change them), interrupt counts (a USB disk's look like a
mouse's), reading the events themselves (who may do that may read passwords), X11's screen saver extension (no Wayland, and the worker as a
service has no display).
"""

import ctypes
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_LOGINCTL_S = 5.0
_TICKS = 2**32
_DESKTOPS = ("x11", "wayland", "mir")
_TOLD = ("Id", "Class", "Type", "Seat", "Remote", "State", "IdleHint", "IdleSinceHint")

HINT = "let the desktop's own hooks call 'spoolworker pause' and 'spoolworker resume'; docs/OPERATIONS.md shows how"
"""What helps where input cannot be seen."""


@dataclass(frozen=True)
class InputSeen:
    """What is known of the last input."""

    idle_s: float | None
    """Since then, in seconds, or less; infinite if nobody is logged in here; ``None``: not known."""
    problem: str | None = None
    """Why it is not known, or not of every session."""


def read_input(now_s: float) -> InputSeen:
    """Ask the system.

    Args:
        now_s: This machine's wall clock, in seconds since the epoch.
    """
    if sys.platform == "win32":
        return read_windows(_Windows)
    if sys.platform.startswith("linux"):
        return read_logind(_loginctl, now_s)
    return InputSeen(None, f"input cannot be seen on {sys.platform}")


class _Windows:
    """The calls of Windows that are needed; each has its page at learn.microsoft.com under its name."""

    class _LastInput(ctypes.Structure):
        _fields_ = (("cbSize", ctypes.c_uint32), ("dwTime", ctypes.c_uint32))

    @staticmethod
    def session() -> int:
        api: Any = ctypes
        number = ctypes.c_uint32()
        kernel = api.windll.kernel32
        if not kernel.ProcessIdToSessionId(kernel.GetCurrentProcessId(), ctypes.byref(number)):
            raise OSError("ProcessIdToSessionId failed")
        return number.value

    @classmethod
    def last_input_tick(cls) -> int:
        api: Any = ctypes
        last = cls._LastInput(ctypes.sizeof(cls._LastInput), 0)
        if not api.windll.user32.GetLastInputInfo(ctypes.byref(last)):
            raise OSError("GetLastInputInfo failed")
        return int(last.dwTime)

    @staticmethod
    def tick() -> int:
        api: Any = ctypes
        return int(api.windll.kernel32.GetTickCount()) % _TICKS


def read_windows(api: Any) -> InputSeen:  # noqa: ANN401 - a stand-in for the system's calls
    """What Windows tells.

    Args:
        api: ``session()``, ``last_input_tick()`` and ``tick()``, in milliseconds since the start that begin anew at 2**32.
    """
    try:
        if api.session() == 0:
            return InputSeen(
                None,
                "the worker runs as a service, which sees no input; run it as a task at log-on",
            )
        idle_ms = (api.tick() - api.last_input_tick()) % _TICKS
    except (OSError, AttributeError) as error:
        return InputSeen(None, f"Windows does not tell the last input: {error}")
    # Input between the two calls, or a tick that the sender made up, lies a little in the future.
    return InputSeen(0.0 if idle_ms > _TICKS // 2 else idle_ms / 1000)


def _loginctl(arguments: Iterable[str]) -> str:
    """What ``loginctl`` says. Raises OSError if it cannot."""
    program = shutil.which("loginctl")
    if program is None:
        raise OSError("there is no loginctl")
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system, and fixed words
            [program, *arguments],
            timeout=_LOGINCTL_S,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"loginctl does not answer within {_LOGINCTL_S:g} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise OSError(f"loginctl: {said[0] if said else f'exit code {done.returncode}'}")
    return done.stdout


def read_logind(ask: Callable[[Iterable[str]], str], now_s: float) -> InputSeen:
    """What systemd's logind tells.

    Args:
        ask: Runs ``loginctl`` with these arguments and returns its output; raises OSError.
        now_s: The wall clock.
    """
    try:
        listed = ask(("list-sessions", "--no-legend", "--no-pager"))
        ids = [line.split()[0] for line in listed.splitlines() if line.strip()]
        told = ask(("show-session", *ids, *(f"--property={key}" for key in _TOLD))) if ids else ""
    except OSError as error:
        return InputSeen(None, str(error))
    idle, silent = [math.inf], []
    for one in filter(_counts, _sessions(told)):
        since_s = _idle_s(one, now_s)
        if since_s is None:
            silent.append(f"{one.get('Id')} ({one.get('Type')})")
        else:
            idle.append(since_s)
    if not silent:
        return InputSeen(min(idle))
    problem = f"the desktop of session {', '.join(silent)} does not tell logind whether it is idle"
    least = min(idle)
    return InputSeen(None if math.isinf(least) else least, problem)


def _sessions(told: str) -> list[Mapping[str, str]]:
    """One mapping for each block of ``KEY=VALUE`` lines."""
    blocks = [block for block in told.replace("\r", "").split("\n\n") if block.strip()]
    return [
        {key: value for key, _, value in (line.partition("=") for line in block.splitlines())}
        for block in blocks
    ]


def _counts(session: Mapping[str, str]) -> bool:
    """True for a person who sits at this machine."""
    here = session.get("Remote") != "yes" and bool(session.get("Seat"))
    return here and session.get("Class") == "user" and session.get("State") != "closing"


def _idle_s(session: Mapping[str, str], now_s: float) -> float | None:
    since = session.get("IdleSinceHint", "")
    since_us = int(since) if since.isdecimal() else 0
    if since_us == 0:
        return None  # never set
    if session.get("Type") in _DESKTOPS and session.get("IdleHint") != "yes":
        return 0.0  # since then it has been in use
    return max(0.0, now_s - since_us / 1e6)
