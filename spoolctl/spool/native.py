"""What the adapter of a share asks of the operating system, and the operating system itself.

``Native`` is the small seam under ``files.ShareFiles``: one call here is what one program on one machine asks its kernel, with
everything that the kernel's caches may answer by themselves. Tests put a hostile NFS or SMB client in its place.

``OsNative`` guarantees: names are joined to the root in one place; permissions are set on a file before its first byte is written; no
symlink in a file's place is followed, where the platform can (not Windows). Does not guarantee freshness: ``ShareFiles`` knows when to ask.
"""

# Plain strings, no Path: one with the prefix \\?\ is not to be normalised by anyone.
# ruff: noqa: PTH100, PTH101, PTH102, PTH105, PTH106, PTH108, PTH116, PTH118, PTH208

import ctypes
import errno
import os
import sys
from pathlib import Path
from stat import S_IMODE, S_ISDIR, S_ISREG
from typing import BinaryIO, Protocol

from spoolctl.spool.errors import ShareUnusable
from spoolctl.spool.ports import Stat
from spoolctl.spool.records import Modes

_ON_WINDOWS = sys.platform == "win32"
_O_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
"""A pipe that somebody named like a job would hang whoever opens it until a writer comes."""
_O_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_STATX = getattr(ctypes.CDLL(None), "statx", None) if sys.platform == "linux" else None
"""``statx`` of the C library (glibc 2.28, musl 1.2.2): only it can be told to ask the server."""
_AT_FDCWD, _AT_SYMLINK_NOFOLLOW, _AT_STATX_FORCE_SYNC, _STATX_BASIC = -100, 0x100, 0x2000, 0x7FF
_LINK_FOLLOWS = os.link not in os.supports_follow_symlinks


class Native(Protocol):
    """One machine's system calls on one mounted share. Paths as in ``ports.Files``; every method may raise ``OSError``."""

    def names(self, folder: str) -> list[str]:
        """List a folder."""
        ...

    def ask(self, folder: str) -> None:
        """Open a folder and close it: the server is asked whether it is there, and on NFS its names are fresh after."""
        ...

    def stat(self, path: str) -> Stat:
        """Look at one entry, a symlink itself included; caches may answer."""
        ...

    def open(self, path: str) -> BinaryIO:
        """Open a regular file to read; ``errno.EISDIR`` for anything else."""
        ...

    def reread(self, stream: BinaryIO) -> None:
        """Let the next read come from the share, not from this machine's memory, where the platform can."""
        ...

    def create(self, path: str) -> BinaryIO:
        """Create a file that must not exist, to write."""
        ...

    def send(self, stream: BinaryIO) -> None:
        """Begin to send what was written; closing then sends the rest to a network share, and only a disk may keep it for a while."""
        ...

    def sync(self, stream: BinaryIO) -> None:
        """Flush what was written, down to the share's disk."""
        ...

    def link(self, source: str, target: str) -> None:
        """Make a hard link under a name that must not exist."""
        ...

    def replace(self, source: str, target: str) -> None:
        """Rename, replacing what is there."""
        ...

    def is_same(self, path: str, other: str) -> bool:
        """True if both names are there and lead to one file, as far as caches tell; False where a rename is always sent to the server."""
        ...

    def ask_name(self, path: str) -> None:
        """Ask the server for one name whatever the caches say, where the platform can; no error if it is not there."""
        ...

    def unlink(self, path: str) -> None:
        """Remove a file."""
        ...

    def mkdir(self, folder: str) -> None:
        """Make a folder that must not exist."""
        ...

    def permit(self, folder: str) -> None:
        """Give a folder made here its permissions."""
        ...

    def rmdir(self, folder: str) -> None:
        """Remove an empty folder."""
        ...


_NO_NAMES = frozenset({"", ".", ".."})


def parts_of(path: str, *, windows: bool = _ON_WINDOWS) -> tuple[str, ...]:
    r"""Split a path of the share into its names; () for the root.

    On Windows backslashes and colons (drives, streams) are refused. Elsewhere they are letters like
    any other, and must work: a file that a person called ``a\b.yaml`` is listed and gets rejected.

    Raises:
        ValueError: The path is absolute or leaves the root, or is none. That is the caller's bug.
    """
    parts = tuple(path.split("/")) if path else ()
    is_odd = "\0" in path or (windows and ("\\" in path or ":" in path))
    if is_odd or not _NO_NAMES.isdisjoint(parts):
        raise ValueError(f"not a path inside the share: {path!r}")
    return parts


def long_path(absolute: str) -> str:
    r"""Return a Windows path in the form that may be longer than 260 characters.

    ``C:\x`` becomes ``\\?\C:\x``, and ``\\server\share\x`` becomes ``\\?\UNC\server\share\x``. Windows
    does not interpret such a path any further, so it must be absolute and without dots.
    """
    path = absolute.replace("/", "\\")
    if path.startswith(("\\\\?\\", "\\\\.\\")):
        return path
    if path.startswith("\\\\"):
        return "\\\\?\\UNC\\" + path[2:]
    return "\\\\?\\" + path


class OsNative:
    """The operating system; implements ``Native``.

    Args:
        root: The share's folder on this machine.
        modes: Permissions for what is made here; ignored on Windows.

    Raises:
        ShareUnusable: This machine does not know the group that *modes* names.
    """

    def __init__(self, root: Path, modes: Modes | None = None) -> None:
        absolute = os.path.abspath(root)
        self._root = long_path(absolute) if _ON_WINDOWS else absolute
        wanted = modes if modes and not _ON_WINDOWS else Modes()
        self._file_mode = int(wanted.files, 8) if wanted.files else None
        self._folder_mode = int(wanted.folders, 8) if wanted.folders else None
        self._gid = _gid(wanted.group) if wanted.group else None

    def names(self, folder: str) -> list[str]:
        """See ``Native``."""
        return os.listdir(self._at(folder))

    def ask(self, folder: str) -> None:
        """See ``Native``. Opened only: that asks (one request on NFS), and a long listing would cost far more."""
        os.scandir(self._at(folder)).close()

    def stat(self, path: str) -> Stat:
        """See ``Native``."""
        found = os.lstat(self._at(path))
        is_folder = S_ISDIR(found.st_mode)
        return Stat(0 if is_folder else found.st_size, found.st_mtime, is_folder)

    def open(self, path: str) -> BinaryIO:
        """See ``Native``."""
        opened = os.open(self._at(path), os.O_RDONLY | _O_FLAGS | _O_NONBLOCK)
        try:
            if not S_ISREG(os.fstat(opened).st_mode):
                raise OSError(errno.EISDIR, "no regular file", path)  # noqa: TRY301 - closes what was opened, like any error
        except OSError:
            os.close(opened)
            raise
        return os.fdopen(opened, "rb")

    def reread(self, stream: BinaryIO) -> None:
        """See ``Native``."""
        if sys.platform == "linux":
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def create(self, path: str) -> BinaryIO:
        """See ``Native``."""
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | _O_FLAGS
        mode = 0o666 if self._file_mode is None else self._file_mode
        stream = os.fdopen(os.open(self._inside(path), flags, mode), "wb")
        try:
            if self._file_mode is not None or self._gid is not None:
                self._permit(stream.fileno(), self._file_mode)
        except OSError:
            stream.close()
            raise
        return stream

    def send(self, stream: BinaryIO) -> None:
        """See ``Native``. Linux alone begins with what it is told to forget; a Windows client may keep it beyond the closing."""
        if sys.platform != "linux":
            self.sync(stream)
            return
        stream.flush()
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def sync(self, stream: BinaryIO) -> None:
        """See ``Native``."""
        stream.flush()
        os.fsync(stream.fileno())

    def link(self, source: str, target: str) -> None:
        """See ``Native``."""
        old, new = self._inside(source), self._inside(target)
        os.link(old, new, follow_symlinks=_LINK_FOLLOWS)

    def replace(self, source: str, target: str) -> None:
        """See ``Native``."""
        os.replace(self._inside(source), self._inside(target))

    def is_same(self, path: str, other: str) -> bool:
        """See ``Native``. On Windows the server is asked for each rename."""
        if _ON_WINDOWS:
            return False
        try:
            # This one first: it is gone as a rule, and one look has told it all.
            return os.path.samestat(os.lstat(self._at(path)), os.lstat(self._at(other)))
        except OSError:  # gone; or the share does not tell, and then the rename's own answer counts
            return False

    def ask_name(self, path: str) -> None:
        """See ``Native``. Over SMB nothing else asks: a stale name of a file that is in use under another lives as long as that.

        The first look makes the kernel distrust what it knows of the file, the second drops the name; whoever looks at the
        file under its other name in between undoes the first.
        """
        if _STATX is None:
            return
        name, found = os.fsencode(self._at(path)), ctypes.create_string_buffer(256)
        for _ in range(2):
            flags = _AT_STATX_FORCE_SYNC | _AT_SYMLINK_NOFOLLOW
            _STATX(_AT_FDCWD, name, flags, _STATX_BASIC, found)

    def unlink(self, path: str) -> None:
        """See ``Native``."""
        os.unlink(self._inside(path))

    def mkdir(self, folder: str) -> None:
        """See ``Native``."""
        os.mkdir(self._inside(folder))

    def permit(self, folder: str) -> None:
        """See ``Native``."""
        if self._folder_mode is not None or self._gid is not None:
            self._permit(self._inside(folder), self._folder_mode)

    def rmdir(self, folder: str) -> None:
        """See ``Native``."""
        os.rmdir(self._inside(folder))

    def _at(self, path: str) -> str:
        return os.sep.join((self._root, *parts_of(path)))

    def _inside(self, path: str) -> str:
        if not path:
            raise ValueError("the share's own root is not made, moved or removed")
        return self._at(path)

    def _permit(self, made: str | int, mode: int | None) -> None:
        if sys.platform == "win32":
            return
        # Looked at first: a share with ACLs may refuse even a chmod that would change nothing.
        found = os.stat(made)
        if self._gid is not None and found.st_gid != self._gid:
            os.chown(made, -1, self._gid)
            found = os.stat(made)  # changing the group may clear the setgid bit
        if mode is not None and S_IMODE(found.st_mode) != mode:
            os.chmod(made, mode)


def _gid(group: str) -> int:
    if sys.platform == "win32":
        raise ShareUnusable("there are no groups on Windows")
    import grp  # noqa: PLC0415 - not there on Windows

    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ShareUnusable(
            f"this machine knows no group '{group}', which the spool's settings give to new files",
            hint="make the group on this machine, or change 'modes.group' in spool.yaml",
        ) from None
