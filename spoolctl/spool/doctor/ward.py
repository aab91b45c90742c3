"""Where the doctor works: the share, what this machine can tell beside it, and a desk for each run.

A *desk* is a folder in which one run tries things, and where two runs that meet tell each other what they see. Its name says which
process it belongs to, so that the next run on that machine knows what a dead one left, by name alone: no clock is asked.

Guarantees: a desk is removed when its run ends, also by Ctrl-C, as far as the share answers; what stays is read by nobody, and
removed by the next run on the same machine.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.doctor.mounts import Mount
from spoolctl.spool.ports import Files, Host
from spoolctl.spool.publish import ensure_folder
from spoolctl.spool.records import Settings

_TICKS = 100
"""A desk's name tells when its process started, in hundredths of a second."""


@dataclass(frozen=True)
class Space:
    """What is left on the share."""

    free_bytes: int
    files_free: int | None
    """``None``: the file system does not count them."""


@dataclass(frozen=True)
class Owner:
    """Whom a file or folder belongs to, as this machine sees it."""

    uid: int
    gid: int
    mode: int
    """Permission bits, the sticky bit included."""


class Machine(Protocol):
    """What the checks ask that the port ``Files`` cannot express. Paths are the share's; errors are ``OSError``."""

    on_windows: bool

    def mount(self) -> Mount | None:
        """How this machine mounts the folder; ``None`` if it cannot tell."""
        ...

    def synced_by(self) -> str | None:
        """The program that keeps this folder in step with copies elsewhere; ``None`` if no mark of one is seen."""
        ...

    def space(self) -> Space:
        """What is left on the share."""
        ...

    def exists_by_name(self, path: str) -> bool:
        """Ask for one name only, without asking its folder first: the answer may be a cache's."""
        ...

    def create(self, folder: str, name: str) -> None:
        """Create an empty file, exclusively, by any name, as it is."""
        ...

    def remove(self, folder: str, name: str) -> None:
        """Remove a file by any name."""
        ...

    def owner(self, path: str) -> Owner | None:
        """Whom something belongs to; ``None`` on Windows."""
        ...

    def user(self) -> int | None:
        """This process's user id; ``None`` on Windows."""
        ...

    def may_write(self, folder: str) -> bool:
        """May this process make files in a folder, as far as the system knows without trying?"""
        ...

    def lock(self, path: str) -> Callable[[], None] | None:
        """Take a lock without waiting; what is returned releases it. ``None``: it is held.

        Raises:
            OSError: The share has no locks, or refuses this one.
        """
        ...


@dataclass(frozen=True)
class Ward:
    """A share under examination."""

    actor: Actor
    machine: Machine
    sleep: Callable[[float], None]
    tell: Callable[[str], None]
    """Called with a line of progress."""
    is_spool: bool
    """False: a bare folder, in which nothing is remembered."""

    @property
    def files(self) -> Files:
        """The share."""
        return self.actor.files

    @property
    def base(self) -> str:
        """The folder of all desks. Its name is one that everything else in a spool passes over."""
        return f"{layout.LOCKS}/.doctor" if self.is_spool else ".spool-doctor"

    @property
    def settings(self) -> Settings:
        """The spool's, or a fresh spool's."""
        return self.actor.settings

    def mono(self) -> float:
        """This machine's monotonic clock."""
        return self.actor.clock.mono()


def _short(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]


def desk_name(token: str, host: Host) -> str:
    """The name of a run's desk: its token, and which process it is."""
    started = round(host.started_s * _TICKS)
    return f"{token}-{_short(host.host_id)}-{_short(host.boot_id)}-{host.pid}-{started}"


def is_dead(name: str, actor: Actor) -> bool:
    """True if a desk is that of a process of this machine that is gone; False if it lives or nobody here can tell."""
    parts = name.split("-")
    if len(parts) != 5 or parts[1] != _short(actor.host.host_id):  # noqa: PLR2004 - see desk_name
        return False
    if parts[2] != _short(actor.host.boot_id):
        return True
    if not (parts[3].isdecimal() and parts[4].isdecimal()):
        return False
    return not actor.is_alive(int(parts[3]), int(parts[4]) / _TICKS)


@contextmanager
def own_desk(ward: Ward) -> Iterator[str]:
    """Make a desk for this run, clearing what dead ones left; yields its path, and removes it at the end.

    Raises:
        OSError: The share does not let us make a folder.
    """
    ensure_folder(ward.actor, ward.base)
    for name in ward.files.names(ward.base):
        if is_dead(name, ward.actor):
            remove_tree(ward.files, f"{ward.base}/{name}")
    desk = f"{ward.base}/{desk_name(ward.actor.entropy.token(), ward.actor.host)}"
    try:
        ward.files.mkdir(desk)
        yield desk
    finally:
        remove_tree(ward.files, desk)
        with suppress(OSError):  # somebody else's desk is in it
            ward.files.rmdir(ward.base)


def remove_tree(files: Files, folder: str) -> None:
    """Remove a folder and all that is in it, as far as the share lets us: what stays is nobody's concern."""
    with suppress(OSError):
        for name in files.names(folder):
            path = f"{folder}/{name}"
            with suppress(OSError, ValueError):  # a ValueError: a name that this system cannot say
                if files.stat(path).is_folder:
                    remove_tree(files, path)
                else:
                    files.unlink(path)
        files.rmdir(folder)
