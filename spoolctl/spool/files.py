"""The real share: the port ``Files`` on a folder that this machine mounts.

Guarantees: "not found" is believed only after the server was asked: NFS and SMB clients answer a
bare open, stat or rename by name from a cache up to a minute old, but opening a folder always asks,
and after that its names are fresh. What is written is synced, and errors of closing are raised. On
Windows an operation that an open handle stands in the way of is tried again for about two seconds.
Does not guarantee: that an entry is still there once found (a cached name may outlive its file;
list first), freshness on SMB below the client's own cache time (one to ten seconds), or that a
symlinked *folder* is refused; a symlink in a file's place is, where the platform can (not Windows).
"""

# Plain strings, no Path: one with the prefix \\?\ is not to be normalised by anyone.
# ruff: noqa: PTH100, PTH101, PTH102, PTH105, PTH106, PTH108, PTH116, PTH118, PTH208

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE, S_ISDIR, S_ISREG
from typing import BinaryIO, ClassVar, TypeVar

from spoolctl.spool.digests import CHUNK_BYTES, measure
from spoolctl.spool.errors import ShareUnusable
from spoolctl.spool.ports import Digest, Files, Stat
from spoolctl.spool.records import Modes

T = TypeVar("T")

_ON_WINDOWS = sys.platform == "win32"
_O_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
"""A pipe that somebody named like a job would hang whoever opens it until a writer comes."""
_O_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_LINK_FOLLOWS = os.link not in os.supports_follow_symlinks
_IN_THE_WAY = frozenset({5, 32, 33})
"""Windows: access denied (also: deletion pending), sharing violation, lock violation."""


def parts_of(path: str, *, windows: bool = _ON_WINDOWS) -> tuple[str, ...]:
    r"""Split a path of the share into its names; () for the root.

    On Windows backslashes and colons (drives, streams) are refused. Elsewhere they are letters like
    any other, and must work: a file that a person called ``a\b.yaml`` is listed and gets rejected.

    Raises:
        ValueError: The path is absolute or leaves the root, or is none. That is the caller's bug.
    """
    parts = tuple(path.split("/")) if path else ()
    odd = "\0\\:" if windows else "\0"
    if any(part in ("", ".", "..") for part in parts) or any(char in path for char in odd):
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


class ShareFiles:
    """A folder on a share; implements ``ports.Files``.

    Args:
        root: The spool's folder on this machine.
        modes: Permissions for what is made here; ignored on Windows. They are set on a file before
            its first byte is written. A share that refuses them refuses each file and each folder
            (which is then there, but reported as an error), so ``init`` is the first to fail.
        sleep: Waits that many seconds; for tests.

    Raises:
        ShareUnusable: This machine does not know the group that *modes* names.
    """

    waits_s: ClassVar[tuple[float, ...]] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.6)
    """Windows: the waits between tries of an operation that an open handle stands in the way of."""
    second_name_waits_s = (0.1, 0.2, 0.4, 0.8)
    """Linux over SMB: the waits while a file's second name (a hard link) answers EINVAL. The client keeps a handle of the first name for
    1 s after its close (measured, Linux 6.1 with Samba 4.17), and its lease bars the other name for that long."""

    def __init__(
        self,
        root: Path,
        *,
        modes: Modes | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.root = root
        absolute = os.path.abspath(root)
        self._root = long_path(absolute) if _ON_WINDOWS else absolute
        self._sleep = sleep
        wanted = modes if modes and not _ON_WINDOWS else Modes()
        self._file_mode = int(wanted.files, 8) if wanted.files else None
        self._folder_mode = int(wanted.folders, 8) if wanted.folders else None
        self._gid = _gid(wanted.group) if wanted.group else None

    def names(self, folder: str) -> tuple[str, ...]:
        """List a folder; see ``ports.Files``."""
        return tuple(self._do(lambda: os.listdir(self._at(folder)), f"{folder}/".lstrip("/")))

    def read(self, path: str, *, bytes_max: int) -> bytes:
        """Read a whole file, opened afresh; see ``ports.Files``."""
        with self._open(path) as stream:
            data = stream.read(bytes_max + 1)
        if len(data) > bytes_max:
            raise OSError(errno.EFBIG, f"longer than {bytes_max} bytes", path)
        return data

    def write_new(self, path: str, data: bytes) -> None:
        """Create a file; see ``ports.Files``. After an error a part of it may be there: remove it."""
        with self._create(path) as stream:
            stream.write(data)

    def link(self, source: str, target: str) -> None:
        """Make a hard link; see ``ports.Files``."""
        old, new = self._inside(source), self._inside(target)
        self._do(lambda: os.link(old, new, follow_symlinks=_LINK_FOLLOWS), source, target)

    def rename(self, source: str, target: str) -> None:
        """Move a file; see ``ports.Files``."""
        old, new = self._inside(source), self._inside(target)
        self._do(lambda: os.replace(old, new), source, target)

    def unlink(self, path: str) -> None:
        """Remove a file; see ``ports.Files``."""
        native = self._inside(path)
        self._do(lambda: os.unlink(native), path)

    def mkdir(self, folder: str) -> None:
        """Make one folder, exclusively; see ``ports.Files``."""
        native = self._inside(folder)
        self._do(lambda: os.mkdir(native), folder)
        if self._folder_mode is not None or self._gid is not None:
            self._permit(native, self._folder_mode)

    def rmdir(self, folder: str) -> None:
        """Remove an empty folder; see ``ports.Files``."""
        native = self._inside(folder)
        self._do(lambda: os.rmdir(native), folder)

    def stat(self, path: str) -> Stat:
        """Look at one entry, a symlink itself included; see ``ports.Files``."""
        native = self._at(path)
        self._ask(path)
        found = self._do(lambda: os.lstat(native), path)
        is_folder = S_ISDIR(found.st_mode)
        return Stat(0 if is_folder else found.st_size, found.st_mtime, is_folder)

    def store(self, local: Path, path: str) -> None:
        """Copy a local file to the share; see ``ports.Files``. Errors as for ``write_new``."""
        with local.open("rb") as source, self._create(path) as target:
            while chunk := source.read(CHUNK_BYTES):
                target.write(chunk)

    def fetch(self, path: str, local: Path) -> Digest:
        """Copy to a local file, replacing it; see ``ports.Files``. After an error a part is there."""
        with self._open(path) as source, local.open("wb") as target:
            return measure(source, target.write)

    def digest(self, path: str) -> Digest:
        """Read a file back, from the share where the platform can; see ``ports.Files``."""
        with self._open(path) as source:
            if sys.platform == "linux":
                # Otherwise the writer would be told what lies in its own memory, not on the share.
                os.posix_fadvise(source.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return measure(source)

    def _at(self, path: str) -> str:
        return os.sep.join((self._root, *parts_of(path)))

    def _inside(self, path: str) -> str:
        if not path:
            raise ValueError("the share's own root is not made, moved or removed")
        return self._at(path)

    def _open(self, path: str) -> BinaryIO:
        native = self._at(path)
        opened = self._do(lambda: self._open_to_read(native), path)
        try:
            if not S_ISREG(os.fstat(opened).st_mode):
                raise OSError(errno.EISDIR, "no regular file", path)  # noqa: TRY301 - closes what was opened, like any error
        except OSError:
            os.close(opened)
            raise
        return os.fdopen(opened, "rb")

    def _open_to_read(self, native: str) -> int:
        for wait_s in self.second_name_waits_s:
            try:
                return os.open(native, os.O_RDONLY | _O_FLAGS | _O_NONBLOCK)
            except OSError as error:
                # EAGAIN: the file server, whose own disk this is, gave a client a lease on the file, and calls it back now.
                if error.errno not in (errno.EINVAL, errno.EAGAIN):
                    raise
            self._sleep(wait_s)
        return os.open(native, os.O_RDONLY | _O_FLAGS | _O_NONBLOCK)

    @contextmanager
    def _create(self, path: str) -> Iterator[BinaryIO]:
        """A new file with its permissions set; synced and closed, errors raised, after the body."""
        native = self._inside(path)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | _O_FLAGS
        mode = 0o666 if self._file_mode is None else self._file_mode
        with os.fdopen(self._do(lambda: os.open(native, flags, mode), path), "wb") as stream:
            if self._file_mode is not None or self._gid is not None:
                self._permit(stream.fileno(), self._file_mode)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())

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

    def _do(self, call: Callable[[], T], *paths: str) -> T:
        """Do one operation: "not found" is believed after asking, and Windows is given time."""
        for wait_s in self.waits_s:
            try:
                return self._believing(call, paths)
            except PermissionError as error:
                if getattr(error, "winerror", None) not in _IN_THE_WAY:
                    raise
            self._sleep(wait_s)
        return self._believing(call, paths)

    def _believing(self, call: Callable[[], T], paths: tuple[str, ...]) -> T:
        try:
            return call()
        except FileNotFoundError:
            for path in paths:
                self._ask(path)
        return call()

    def _ask(self, path: str) -> None:
        """Ask the server for the folder that holds *path*, or for the first that is missing."""
        folder = self._at(path.rpartition("/")[0])
        try:
            # Opened only: that asks (one request on NFS), and a long listing would cost far more.
            os.scandir(folder).close()
        except FileNotFoundError:
            parts = parts_of(path.rpartition("/")[0])
            with suppress(FileNotFoundError):  # the operation itself, done again, will tell
                for end in range(len(parts) + 1):
                    os.scandir(self._at("/".join(parts[:end]))).close()


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


def probe_links(files: Files, folder: str, token: str) -> None:
    """Check that a share has what every decision rests on: exclusive folders and hard links.

    Args:
        files: The share.
        folder: A folder on it that exists ('' for the root); left as it was found.
        token: Nobody else's, so that two probes do not meet.

    Raises:
        ShareUnusable: It does not, or it does not let us write; the message says which step failed.
    """
    probe = f"{folder}/.probe-{token}" if folder else f".probe-{token}"
    first, second = f"{probe}/first", f"{probe}/second"
    data = token.encode()
    try:
        _step("make a folder", folder, lambda: files.mkdir(probe))
        _refused("makes one folder twice", folder, lambda: files.mkdir(probe))
        _step("write a file", folder, lambda: files.write_new(first, data))
        _step("make a hard link", folder, lambda: files.link(first, second))
        found = _step("read a file", folder, lambda: files.read(second, bytes_max=len(data)))
        if found != data:
            raise ShareUnusable(f"the share's hard links do not hold what they link, in '{folder}'")
        _refused("replaces a file by a hard link", folder, lambda: files.link(first, second))
    finally:
        # What is in the way stays: the probe's own failure says more than that of its tidying.
        with suppress(OSError):
            files.unlink(first)
        with suppress(OSError):
            files.unlink(second)
        with suppress(OSError):
            files.rmdir(probe)


def _step(what: str, folder: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except OSError as error:
        raise ShareUnusable(
            f"cannot {what} in '{folder or '.'}' on the share: {error.strerror or error}",
            hint="the spool needs a share that is writable and has hard links "
            "(NFS, or SMB on ZFS, ext4 or NTFS; not FAT or exFAT)",
        ) from error


def _refused(what: str, folder: str, call: Callable[[], None]) -> None:
    try:
        call()
    except FileExistsError:
        return
    except OSError as error:
        raise ShareUnusable(
            f"the share does not answer clearly, in '{folder or '.'}': {error.strerror or error}"
        ) from error
    raise ShareUnusable(
        f"the share {what}, in '{folder or '.'}', so nothing on it can be decided",
        hint="use an NFS export or an SMB share; synchronised folders and caches do not work",
    )
