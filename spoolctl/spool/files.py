"""The port ``Files`` on a folder that this machine mounts.

Guarantees: "not found" is believed only after the server was asked: NFS and SMB clients answer a
bare open, stat or rename by name from a cache up to a minute old, but opening a folder always asks,
and after that its names are fresh. "Renamed" is believed only once the two names are not one file:
on Linux a rename onto a name that is still remembered for that very file does nothing and says that
it did; over SMB that lasts for ever. What is written is synced, and errors of closing are raised. On
Windows an operation that an open handle stands in the way of is tried again for about two seconds.
Does not guarantee: that an entry is still there once found (a cached name may outlive its file;
list first), freshness on SMB below the client's own cache time (one to ten seconds), or that a
symlinked *folder* is refused; a symlink in a file's place is, where the platform can (not Windows).
"""

import errno
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import BinaryIO, ClassVar, Concatenate, ParamSpec, TypeVar

from spoolctl.spool.digests import CHUNK_BYTES, measure
from spoolctl.spool.errors import ShareUnusable
from spoolctl.spool.native import Native, OsNative, parts_of
from spoolctl.spool.ports import Digest, Files, Stat
from spoolctl.spool.records import Modes

T = TypeVar("T")
P = ParamSpec("P")

_OPEN_MAX = 100
"""So many files are written before the first is synced: a disk then syncs most of them at once, a share while others are under way."""
_SYNC_BYTES = 32 << 20
"""So much is written before it is sent to the share, on Linux at least: a slow share takes a minute for it."""
_IN_THE_WAY = frozenset({5, 32, 33})
"""Windows: access denied (also: deletion pending), sharing violation, lock violation."""


def _timed(
    call: "Callable[Concatenate[ShareFiles, P], T]",
) -> "Callable[Concatenate[ShareFiles, P], T]":
    """Remember when the call began, for as long as it goes on."""

    @wraps(call)
    def timed(self: "ShareFiles", /, *args: P.args, **kwargs: P.kwargs) -> T:
        me = threading.current_thread()
        self._calls[me] = self._mono()
        try:
            return call(self, *args, **kwargs)
        finally:
            self._calls.pop(me, None)

    return timed


class ShareFiles:
    """A folder on a share; implements ``ports.Files``.

    Args:
        root: The spool's folder on this machine.
        modes: Permissions for what is made here; ignored on Windows. They are set on a file before
            its first byte is written. A share that refuses them refuses each file and each folder
            (which is then there, but reported as an error), so ``init`` is the first to fail.
        sleep: Waits that many seconds; for tests.
        mono: Seconds of a clock that never goes back; for tests.
        native: What is asked instead of the operating system; for tests.

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
        mono: Callable[[], float] = time.monotonic,
        native: Native | None = None,
    ) -> None:
        self.root = root
        self._native = native or OsNative(root, modes)
        self._sleep = sleep
        self._mono = mono
        self._calls: dict[threading.Thread, float] = {}
        """When each thread's call began that goes on now."""

    def _goes_on(self, _what: object = None) -> None:
        """A long call of this thread has just got on: it does not hang."""
        self._calls[threading.current_thread()] = self._mono()

    def oldest_call_s(self, aside: frozenset[str] = frozenset()) -> float:
        """See ``ports.Files``."""
        me, calls = threading.current_thread(), list(self._calls.items())
        began = [at for one, at in calls if one is not me and one.name not in aside]
        return self._mono() - min(began) if began else 0.0

    @_timed
    def names(self, folder: str) -> tuple[str, ...]:
        """List a folder; see ``ports.Files``."""
        return tuple(self._do(lambda: self._native.names(folder), f"{folder}/".lstrip("/")))

    @_timed
    def read(self, path: str, *, bytes_max: int) -> bytes:
        """Read a whole file, opened afresh; see ``ports.Files``."""
        try:
            data = self._read(path, bytes_max + 1)
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            # NFS: somebody replaced it between its opening and its reading, as a heartbeat is all the time.
            data = self._read(path, bytes_max + 1)
        if len(data) > bytes_max:
            raise OSError(errno.EFBIG, f"longer than {bytes_max} bytes", path)
        return data

    def _read(self, path: str, bytes_max: int) -> bytes:
        with self._open(path) as stream:
            return stream.read(bytes_max)

    @_timed
    def write_new(self, path: str, data: bytes, *, lasting: bool = True) -> None:
        """Create a file; see ``ports.Files``. After an error a part of it may be there: remove it."""
        with self._create(path, lasting=lasting) as stream:
            stream.write(data)

    @_timed
    def write_all_new(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Create many files; see ``ports.Files``."""
        for begin in range(0, len(files), _OPEN_MAX):
            with ExitStack() as stack:
                for path, data in files[begin : begin + _OPEN_MAX]:
                    stream = stack.enter_context(self._create(path))
                    stream.write(data)
                    self._native.send(stream)
                    self._goes_on()

    @_timed
    def link(self, source: str, target: str) -> None:
        """Make a hard link; see ``ports.Files``."""
        self._do(lambda: self._native.link(source, target), source, target)

    @_timed
    def rename(self, source: str, target: str, *, apart: bool = False) -> None:
        """Move a file; see ``ports.Files``."""
        for ask_first in (False, True):
            if ask_first:  # either may be the one that is stale
                self._native.ask_name(source)
                self._native.ask_name(target)
            self._do(lambda: self._native.replace(source, target), source, target)
            if apart or not self._native.is_same(source, target):
                return
        raise FileExistsError(errno.EEXIST, f"it is the same file as {source}", target)

    @_timed
    def unlink(self, path: str) -> None:
        """Remove a file; see ``ports.Files``."""
        self._do(lambda: self._native.unlink(path), path)

    @_timed
    def mkdir(self, folder: str) -> None:
        """Make one folder, exclusively; see ``ports.Files``."""
        self._do(lambda: self._native.mkdir(folder), folder)
        self._native.permit(folder)

    @_timed
    def rmdir(self, folder: str) -> None:
        """Remove an empty folder; see ``ports.Files``."""
        self._do(lambda: self._native.rmdir(folder), folder)

    @_timed
    def stat(self, path: str) -> Stat:
        """Look at one entry, a symlink itself included; see ``ports.Files``."""
        self._ask(path)
        return self._do(lambda: self._native.stat(path))  # asked already: "not found" is believed

    @_timed
    def store(self, local: Path, path: str) -> None:
        """Copy a local file to the share; see ``ports.Files``. Errors as for ``write_new``."""
        with local.open("rb") as source, self._create(path) as target:
            unsynced = 0
            while chunk := source.read(CHUNK_BYTES):
                target.write(chunk)
                unsynced += len(chunk)
                # At the end alone all of it would be sent by one call, which may take minutes.
                if unsynced >= _SYNC_BYTES:
                    self._native.sync(target)
                    unsynced = 0
                self._goes_on()

    @_timed
    def fetch(self, path: str, local: Path) -> Digest:
        """Copy to a local file, replacing it; see ``ports.Files``. After an error a part is there."""
        with self._open(path) as source, local.open("wb") as target:
            return measure(source, lambda chunk: self._goes_on(target.write(chunk)))

    @_timed
    def digest(self, path: str) -> Digest:
        """Read a file back, from the share where the platform can; see ``ports.Files``."""
        with self._open(path) as source:
            self._native.reread(source)  # else the writer is told what lies in its own memory
            return measure(source, self._goes_on)

    def _open(self, path: str) -> BinaryIO:
        return self._do(lambda: self._open_to_read(path), path)

    def _open_to_read(self, path: str) -> BinaryIO:
        for wait_s in self.second_name_waits_s:
            try:
                return self._native.open(path)
            except OSError as error:
                # EAGAIN: the file server, whose own disk this is, gave a client a lease on the file, and calls it back now.
                if error.errno not in (errno.EINVAL, errno.EAGAIN):
                    raise
            self._sleep(wait_s)
        return self._native.open(path)

    @contextmanager
    def _create(self, path: str, *, lasting: bool = True) -> Iterator[BinaryIO]:
        """A new file; synced and closed, errors raised, after the body."""
        with self._do(lambda: self._native.create(path), path) as stream:
            yield stream
            (self._native.sync if lasting else self._native.send)(stream)

    def _do(self, call: Callable[[], T], *paths: str) -> T:
        """Do one operation: "not found" is believed after asking for the folders of *paths*, and Windows is given time."""
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
            if not paths:
                raise
            for path in paths:
                self._ask(path)
        return call()

    def _ask(self, path: str) -> None:
        """Ask the server for the folder that holds *path*, or for the first that is missing."""
        folder = path.rpartition("/")[0]
        try:
            self._native.ask(folder)
        except FileNotFoundError:
            parts = parts_of(folder)
            with suppress(FileNotFoundError):  # the operation itself, done again, will tell
                for end in range(len(parts) + 1):
                    self._native.ask("/".join(parts[:end]))


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
