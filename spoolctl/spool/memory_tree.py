"""What a file server holds and does, in memory: folders, hard links, exclusive creation, mtimes by its own clock.

Guarantees: POSIX meaning; each method is one request that the server carries out whole. A file is the object, a name only leads to
it, so that a client may hold on to a file while others rename it. Does not guarantee anything about clients: ``memory.MemoryFiles`` is
one without caches. Not locked; who uses it from several threads takes ``lock``.
"""

import errno
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from spoolctl.spool.native import parts_of
from spoolctl.spool.ports import Stat


@dataclass
class File:
    """A file: its bytes, and when they were written by the server's clock."""

    data: bytes
    mtime_s: float


@dataclass
class Folder:
    """A folder: its entries by name, and when they last changed."""

    mtime_s: float
    entries: "dict[str, File | Folder]" = field(default_factory=dict)


Entry = File | Folder


def refuse(code: int, path: str) -> NoReturn:
    """Raise the ``OSError`` of that number about *path*."""
    raise OSError(code, os.strerror(code), path)


class Tree:
    """The share itself."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.now_s = now_s
        self.lock = threading.RLock()
        self.root = Folder(now_s())

    def entry(self, path: str) -> Entry:
        """What lies at *path*; ``FileNotFoundError`` or ``NotADirectoryError``."""
        found: Entry = self.root
        for part in parts_of(path, windows=False):
            if not isinstance(found, Folder):
                refuse(errno.ENOTDIR, path)
            if part not in found.entries:
                refuse(errno.ENOENT, path)
            found = found.entries[part]
        return found

    def folder(self, path: str) -> Folder:
        """The folder at *path*; errors as for ``entry``."""
        found = self.entry(path)
        return found if isinstance(found, Folder) else refuse(errno.ENOTDIR, path)

    def file(self, path: str) -> File:
        """The file at *path*; errors as for ``entry``, and ``IsADirectoryError``."""
        found = self.entry(path)
        return found if isinstance(found, File) else refuse(errno.EISDIR, path)

    def slot(self, path: str) -> tuple[Folder, str]:
        """The folder that holds *path*, and its name there; nothing need be there."""
        if not parts_of(path, windows=False):
            raise ValueError("the share's own root is not made, moved or removed")
        folder, _, name = path.rpartition("/")
        return self.folder(folder), name

    def add(self, path: str, new: Entry) -> None:
        """Put a new entry at *path*; ``FileExistsError``."""
        folder, name = self.slot(path)
        if name in folder.entries:
            refuse(errno.EEXIST, path)
        folder.entries[name] = new
        folder.mtime_s = self.now_s()

    def remove(self, path: str) -> None:
        """Take the name away, whatever it leads to."""
        folder, name = self.slot(path)
        del folder.entries[name]
        folder.mtime_s = self.now_s()

    def create(self, path: str, data: bytes) -> None:
        """Make a new file; ``FileExistsError``."""
        self.add(path, File(data, self.now_s()))

    def link(self, source: str, target: str) -> None:
        """Give a file a second name; ``FileExistsError``."""
        found = self.entry(source)
        if isinstance(found, Folder):
            refuse(errno.EPERM, source)
        self.add(target, found)

    def rename(self, source: str, target: str) -> None:
        """Move an entry, replacing a file or an empty folder at *target*."""
        moved = self.entry(source)
        folder, name = self.slot(target)
        there = folder.entries.get(name)
        if isinstance(moved, Folder) and f"{target}/".startswith(f"{source}/"):
            refuse(errno.EINVAL, target)
        if there is moved:
            return  # two names of one file: POSIX leaves both
        if isinstance(there, Folder) and not isinstance(moved, Folder):
            refuse(errno.EISDIR, target)
        if isinstance(there, File) and isinstance(moved, Folder):
            refuse(errno.ENOTDIR, target)
        if isinstance(there, Folder) and there.entries:
            refuse(errno.ENOTEMPTY, target)
        self.remove(source)
        folder.entries[name] = moved
        folder.mtime_s = self.now_s()

    def unlink(self, path: str) -> None:
        """Remove a file's name."""
        self.file(path)
        self.remove(path)

    def rmdir(self, path: str) -> None:
        """Remove an empty folder."""
        if self.folder(path).entries:
            refuse(errno.ENOTEMPTY, path)
        self.remove(path)

    def read(self, path: str, bytes_max: int) -> bytes:
        """A file's bytes; ``EFBIG`` if it is longer than *bytes_max*."""
        data = self.file(path).data
        return data if len(data) <= bytes_max else refuse(errno.EFBIG, path)

    def stat(self, path: str) -> Stat:
        """What a look at *path* tells."""
        found = self.entry(path)
        if isinstance(found, Folder):
            return Stat(0, found.mtime_s, is_folder=True)
        return Stat(len(found.data), found.mtime_s, is_folder=False)
