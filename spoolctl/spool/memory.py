"""A share in memory that many actors use at once, failing at numbered operations; for tests.

Guarantees: one tree with POSIX meaning (hard links, exclusive creation, folder mtimes by the
share's own clock), seen through any number of views. Each view numbers its operations from 0, so
that a test can let exactly the n-th one fail, lose its reply, crash the actor, or let somebody else
act just before it. Each operation is atomic, also between threads.
Does not guarantee: what caches do. Every look is fresh and a rename has one winner; ``blind`` is
the only lie that a view tells.
"""

import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import NoReturn, TypeVar

from spoolctl.spool.digests import sha256_of
from spoolctl.spool.memory_tree import Folder, Tree, refuse
from spoolctl.spool.native import parts_of
from spoolctl.spool.ports import Digest, Stat

T = TypeVar("T")


class Fault(Enum):
    """What happens to an operation instead of its plain outcome."""

    BEFORE = "before"
    """Nothing is done; ``EIO``."""
    LOST_REPLY = "lost reply"
    """It is done; ``EIO``."""
    LOST_REPLY_EXISTS = "lost reply, exists"
    """It is done; then the error that its repetition gives: ``EEXIST`` (mkdir, link, write_new,
    store), ``ENOENT`` (rename, unlink, rmdir), ``EIO`` (others); or else its own error."""
    FULL = "full"
    """write_new, store, mkdir and link do nothing: ``ENOSPC``. Others, taking no space, work."""
    CRASH = "crash"
    """Nothing is done and the actor dies: ``Crashed``, from each later operation too."""
    CRASH_AFTER = "crash after"
    """It is done, then the actor dies."""
    TORN = "torn"
    """write_new and store leave the first half of the bytes, then the actor dies; others: as
    ``CRASH``."""


class Blind(Enum):
    """How a view fails to see a folder."""

    FAILS = "fails"
    """Its listing raises ``EIO``."""
    EMPTY = "empty"
    """Its listing comes back empty."""


class Crashed(BaseException):
    """The actor is dead. Not an ``Exception``, so that nothing but the test itself catches it."""


_TAKES_SPACE = frozenset({"write_new", "store", "mkdir", "link"})
_REPEATED = dict.fromkeys(_TAKES_SPACE, errno.EEXIST) | dict.fromkeys(
    ("rename", "unlink", "rmdir"), errno.ENOENT
)


class MemoryFiles:
    """One client's view of a share in memory; implements ``ports.Files``.

    Args:
        now_s: The share's clock (seconds since the epoch) that stamps everything; else a constant.
        share: The share to look at, if not a new one. Tests call ``view`` instead.

    Attributes:
        trace: Each operation so far, its name and its paths; its index is the operation's number.
        on_operation: Called with name and first path before each operation takes effect, so that a
            test can let another view act at exactly that point. Not called again from within.
    """

    def __init__(
        self, now_s: Callable[[], float] | None = None, *, share: Tree | None = None
    ) -> None:
        self._tree = share or Tree(now_s or (lambda: 1_700_000_000.0))
        self.trace: list[tuple[str, ...]] = []
        self.on_operation: Callable[[str, str], None] | None = None
        self._hooked = False
        self._once: dict[int, Fault] = {}
        self._onward: dict[int, Fault] = {}
        self._blind: dict[str, Blind] = {}
        self._crashed = False

    def oldest_call_s(self, aside: frozenset[str] = frozenset()) -> float:  # noqa: ARG002 - the port's
        """Nothing hangs in memory."""
        return 0.0

    # What tests do with a share. None of this is an operation.

    @property
    def operations(self) -> int:
        """How many operations this view has begun; the next one bears this number."""
        return len(self.trace)

    def view(self) -> "MemoryFiles":
        """Another client of the same share: no faults, nothing blind, operations counted from 0."""
        return MemoryFiles(share=self._tree)

    survivor = view
    """Who finds what a crashed actor left."""

    def set_clock(self, now_s: Callable[[], float]) -> None:
        """Let *now_s* be the share's clock from now on, for all views."""
        self._tree.now_s = now_s

    def fail(self, at: int, fault: Fault, *, onward: bool = False) -> None:
        """Plan *fault* for this view's operation number *at*, or for all from that one on.

        A fault for one operation goes before those onward; of these the last to begin counts.
        """
        (self._onward if onward else self._once)[at] = fault

    def heal(self) -> None:
        """Forget all planned faults. A crashed view stays crashed."""
        self._once.clear()
        self._onward.clear()

    def blind(self, folder_prefix: str, how: Blind) -> None:
        """Let this view's listings of a folder and all below ('': all) fail, until ``sees``."""
        self._blind[folder_prefix] = how

    def sees(self) -> None:
        """End every blindness of this view."""
        self._blind.clear()

    def put(self, path: str, data: bytes | None) -> None:
        """Lay down a file, replacing what is there, or a folder (None), and missing parents."""
        with self._tree.lock:
            parts = parts_of(path, windows=False)
            folders = parts if data is None else parts[:-1]
            for end in range(1, len(folders) + 1):
                with suppress(FileExistsError):
                    self._tree.add("/".join(parts[:end]), Folder(self._tree.now_s()))
            if data is not None:
                with suppress(FileNotFoundError):
                    self._tree.unlink(path)
                self._tree.create(path, data)

    def tree(self) -> dict[str, bytes | None]:
        """Everything on the share by path, sorted: a file's bytes, None for a folder."""
        found: dict[str, bytes | None] = {}

        def collect(folder: Folder, prefix: str) -> None:
            for name, entry in folder.entries.items():
                if isinstance(entry, Folder):
                    found[prefix + name] = None
                    collect(entry, f"{prefix}{name}/")
                else:
                    found[prefix + name] = entry.data

        with self._tree.lock:
            collect(self._tree.root, "")
        return dict(sorted(found.items()))

    # The port. Errors and meaning as in ports.Files.

    def names(self, folder: str) -> tuple[str, ...]:
        """See ``ports.Files``."""
        return self._do("names", lambda: self._listing(folder), folder)

    def read(self, path: str, *, bytes_max: int) -> bytes:
        """See ``ports.Files``."""
        return self._do("read", lambda: self._tree.read(path, bytes_max), path)

    def write_new(self, path: str, data: bytes, *, lasting: bool = True) -> None:  # noqa: ARG002 - memory has no power cuts
        """See ``ports.Files``."""
        self._write("write_new", lambda: data, path)

    def write_all_new(self, files: Sequence[tuple[str, bytes]]) -> None:
        """See ``ports.Files``; each is an operation of its own, which may fail."""
        for path, data in files:
            self.write_new(path, data)

    def link(self, source: str, target: str) -> None:
        """See ``ports.Files``."""
        self._do("link", lambda: self._tree.link(source, target), source, target)

    def rename(self, source: str, target: str, *, apart: bool = False) -> None:
        """See ``ports.Files``."""
        del apart  # there is no cache here that could be wrong
        self._do("rename", lambda: self._tree.rename(source, target), source, target)

    def unlink(self, path: str) -> None:
        """See ``ports.Files``."""
        self._do("unlink", lambda: self._tree.unlink(path), path)

    def mkdir(self, folder: str) -> None:
        """See ``ports.Files``."""
        self._do("mkdir", lambda: self._tree.add(folder, Folder(self._tree.now_s())), folder)

    def rmdir(self, folder: str) -> None:
        """See ``ports.Files``."""
        self._do("rmdir", lambda: self._tree.rmdir(folder), folder)

    def stat(self, path: str) -> Stat:
        """See ``ports.Files``."""
        return self._do("stat", lambda: self._tree.stat(path), path)

    def store(self, local: Path, path: str) -> None:
        """See ``ports.Files``."""
        self._write("store", local.read_bytes, path)

    def fetch(self, path: str, local: Path) -> Digest:
        """See ``ports.Files``."""

        def copy() -> Digest:
            data = self._tree.file(path).data
            local.write_bytes(data)
            return _digest(data)

        return self._do("fetch", copy, path)

    def digest(self, path: str) -> Digest:
        """See ``ports.Files``."""
        return self._do("digest", lambda: _digest(self._tree.file(path).data), path)

    # Faults.

    def _listing(self, folder: str) -> tuple[str, ...]:
        entries = tuple(self._tree.folder(folder).entries)
        for prefix, how in self._blind.items():
            if prefix in ("", folder) or folder.startswith(f"{prefix}/"):
                return () if how is Blind.EMPTY else refuse(errno.EIO, folder)
        return entries

    def _write(self, operation: str, read: Callable[[], bytes], path: str) -> None:
        def create(part: int) -> None:
            data = read()
            self._tree.create(path, data[: len(data) // part])

        self._do(operation, lambda: create(1), path, torn=lambda: create(2))

    def _planned(self, number: int) -> Fault | None:
        onward = [at for at in self._onward if at <= number]
        return self._once.get(number) or (self._onward[max(onward)] if onward else None)

    def _do(
        self,
        operation: str,
        effect: Callable[[], T],
        *paths: str,
        torn: Callable[[], None] | None = None,
    ) -> T:
        if self._crashed:
            raise Crashed(f"{operation} by an actor that is dead")
        with self._tree.lock:
            number = self.operations
            self.trace.append((operation, *paths))
        if self.on_operation is not None and not self._hooked:
            self._hooked = True
            try:
                self.on_operation(operation, paths[0])
            finally:
                self._hooked = False
        fault = self._planned(number)
        with self._tree.lock:
            if fault is None or (fault is Fault.FULL and operation not in _TAKES_SPACE):
                return effect()
            return self._fail(fault, operation, paths[-1], effect, torn)

    def _fail(
        self,
        fault: Fault,
        operation: str,
        path: str,
        effect: Callable[[], object],
        torn: Callable[[], None] | None,
    ) -> NoReturn:
        """Do as much of *effect* as *fault* lets happen, then raise what the actor gets to see."""
        if fault is Fault.BEFORE:
            refuse(errno.EIO, path)
        if fault is Fault.FULL:
            refuse(errno.ENOSPC, path)
        if fault is Fault.LOST_REPLY_EXISTS:
            effect()
            refuse(_REPEATED.get(operation, errno.EIO), path)
        with suppress(OSError):  # whatever the server said, nobody heard it
            if fault in (Fault.LOST_REPLY, Fault.CRASH_AFTER):
                effect()
            elif fault is Fault.TORN and torn is not None:
                torn()
        if fault is Fault.LOST_REPLY:
            refuse(errno.EIO, path)
        self._crashed = True
        raise Crashed(f"{fault.value} at {operation} {path}")


def _digest(data: bytes) -> Digest:
    return Digest(len(data), sha256_of(data))
