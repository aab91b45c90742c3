"""This machine: its clocks, its randomness, which process this is, and whether another still runs.

Guarantees: two processes get the same ``host_id`` only where each sees the other's process ids, and
``is_alive`` says *False* only of a process that is gone. Wall clocks take no part in either on Linux,
so setting the clock kills nobody.
Does not guarantee: that two machines cloned with one machine id *and* one host name are told apart.
"""

import hashlib
import os
import secrets
import socket
import sys
import time
import uuid
from pathlib import Path

from spoolctl.spool.ports import Host

START_TOLERANCE_S = 1.0
BOOT_UNKNOWN = "unknown"
_FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""``PROC_PID_INIT_INO`` of the kernel's proc_ns.h: the pid namespace that is no container's."""

_PROC = Path("/proc")
_ETC = Path("/etc")


class SystemClock:
    """The machine's clocks; implements ``ports.Clock``."""

    def mono(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def utc_s(self) -> float:
        """Seconds since the epoch."""
        return time.time()


class SystemEntropy:
    """The operating system's randomness; implements ``ports.Entropy``."""

    def __init__(self) -> None:
        self._random = secrets.SystemRandom()

    def token(self) -> str:
        """16 hex digits."""
        return secrets.token_hex(8)

    def fraction(self) -> float:
        """A number from 0 up to, not including, 1."""
        return self._random.random()


def this_host() -> Host:
    """Tell where this process runs.

    ``boot_id`` is Linux's own. Elsewhere it is a constant: the boot time that can be had there moves when
    the clock is set, and "another boot" is taken for a proof of death. Process id and start suffice.
    """
    machine = socket.gethostname().lower()
    boot_id = _text_of(_PROC / "sys/kernel/random/boot_id") or BOOT_UNKNOWN
    pid = os.getpid()
    return Host(machine, _host_id(machine, boot_id), boot_id, pid, _started_s(pid))


def is_alive(pid: int, started_s: float) -> bool:
    """Does the process with this id and this start (``Host.started_s``) still run on this machine?

    A zombie does not. One that we may not look at does, because *False* counts as a proof.
    """
    if pid <= 0:
        return False
    import psutil  # noqa: PLC0415 - most commands ask after no process

    try:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(_started_s(pid) - started_s) <= START_TOLERANCE_S
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return _is_hidden(pid)
    except (psutil.AccessDenied, PermissionError):
        return True


def _is_hidden(pid: int) -> bool:
    """Is there a process after all that /proc, mounted with ``hidepid``, does not show us?"""
    if sys.platform == "win32":  # there os.kill would end the process
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _started_s(pid: int) -> float:
    """When a process started: seconds since boot on Linux, since the epoch elsewhere.

    psutil's own figure on Linux is the boot time *by the wall clock* plus this one: two processes would
    disagree about it after somebody set the clock between their starts. Field 22 of proc(5)'s stat.
    """
    if sys.platform != "linux":
        import psutil  # noqa: PLC0415 - as above

        return float(psutil.Process(pid).create_time())
    line = (_PROC / str(pid) / "stat").read_text(errors="replace")
    return float(line.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


def _host_id(machine: str, boot_id: str) -> str:
    """A digest of all that tells one table of process ids from another.

    The machine's name is in it because clones share their machine id. A container's namespace number means
    nothing on another machine, nor after a boot, so there the boot's id is in it too.
    """
    facts = [_machine_id(), machine]
    if sys.platform == "linux":
        namespace = _pid_namespace()
        facts.append(str(namespace))
        if namespace != _FIRST_PID_NAMESPACE:
            facts.append(boot_id)
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]


def _pid_namespace() -> int:
    return (_PROC / "self/ns/pid").stat().st_ino


def _machine_id() -> str:
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415 - Windows only

        place = r"SOFTWARE\Microsoft\Cryptography"
        access = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place, 0, access) as key:
            return str(winreg.QueryValueEx(key, "MachineGuid")[0])
    return _text_of(_ETC / "machine-id") or f"{uuid.getnode():012x}"


def _text_of(path: Path) -> str:
    """A small file's text; '' if it is not there (other systems, bare containers)."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""
