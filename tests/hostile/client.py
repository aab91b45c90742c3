"""A file server in memory, and its clients as they are: with caches, handles and half-done renames. For tests.

``Client`` takes the operating system's place under the real ``ShareFiles``. Every request that would leave the machine is first shown to
``decide``, which may let others act before it returns, and says what becomes of it. What a cache answers is not shown to anybody: that is
what makes it a lie.

Not modelled: attribute caches of open files, locks, permissions, folders that are renamed.
"""

import errno
import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from spoolctl.spool.memory import Crashed, MemoryFiles
from spoolctl.spool.memory_tree import Entry, File, Folder, refuse
from spoolctl.spool.native import parts_of
from spoolctl.spool.ports import Stat
from tests.hostile.mounts import HONEST, Mount
from tests.hostile.requests import DIES, ERRNO, REPEATED_ERRNO, Fate, Request

Decide = Callable[[Request], Fate]
SHARING_VIOLATION = 32


def always_done(_request: Request) -> Fate:
    return Fate.DONE


@dataclass
class Late:
    """A request that the server carries out after whoever sent it gave up or died."""

    request: Request
    effect: Callable[[], object]


@dataclass
class Handle:
    """An open file, and where it was when it was last looked for."""

    file: File
    path: str


class Server:
    """The share itself, with what clients left under way. ``share`` is an honest view of it, for whoever prepares and judges."""

    def __init__(self, share: MemoryFiles, *, folds_case: bool = False) -> None:
        self.share = share
        self.tree = share._tree
        self.folds_case = folds_case
        self.late: list[Late] = []
        self.held_open: list[File] = []

    def carry_out(self, late: Late) -> None:
        """Do what a client asked for long ago; nobody hears the answer."""
        self.late.remove(late)
        try:
            late.effect()
        except OSError:
            pass

    def real(self, path: str) -> str:
        """The path as its entries are spelt, where case does not matter."""
        if not self.folds_case:
            return path
        found: Entry = self.tree.root
        spelt = []
        for part in parts_of(path, windows=False):
            entries = found.entries if isinstance(found, Folder) else {}
            name = next((n for n in entries if n.lower() == part.lower()), part)
            spelt.append(name)
            found = entries.get(name, File(b"", 0.0))
        return "/".join(spelt)

    def where(self, handle: Handle) -> str | None:
        """Where the file that a handle leads to lies now; None if it was removed."""
        try:
            if self.tree.entry(handle.path) is handle.file:
                return handle.path
        except OSError:
            pass
        stack: list[tuple[str, Folder]] = [("", self.tree.root)]
        while stack:
            prefix, folder = stack.pop()
            for name, entry in folder.entries.items():
                if entry is handle.file:
                    handle.path = prefix + name
                    return handle.path
                if isinstance(entry, Folder):
                    stack.append((f"{prefix}{name}/", entry))
        return None

    def is_held_open(self, file: Entry) -> bool:
        return any(one is file for one in self.held_open)


@dataclass
class _Known:
    """What a client remembers of one folder."""

    folder: Folder
    names: dict[str, tuple[Entry | None, float]] = field(default_factory=dict)
    listing: tuple[list[str], float] | None = None


class _Writing(io.BytesIO):
    def __init__(self, file: File, path: str) -> None:
        super().__init__()
        self.file, self.path = file, path


class _Reading(io.BytesIO):
    """Bytes as they were when the file was opened; tells when it is closed."""

    def __init__(self, data: bytes, closing: Callable[[], None]) -> None:
        super().__init__(data)
        self._closing = closing

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._closing()


class Client:
    """One machine's view of the share; implements ``native.Native``.

    Attributes:
        observed: Called with everything that this client learns, in order; its whole future depends on nothing else.
        dead: True once its process died: every further call raises ``Crashed``.
    """

    def __init__(self, server: Server, mount: Mount = HONEST, decide: Decide = always_done) -> None:
        self.server, self.mount, self.decide = server, mount, decide
        self.observed: Callable[[Any], None] = lambda _what: None
        self.dead = False
        self.handles: list[Handle] = []
        self._known: dict[int, _Known] = {}

    # Native

    def names(self, folder: str) -> list[str]:
        known = self._know(self._folder(folder))
        if known.listing is not None and self._fresh(known.listing[1]):
            return self._learn(list(known.listing[0]))
        first = self._send(
            Request("names", folder), lambda: dict(self.server.tree.folder(folder).entries)
        )
        listed = sorted(first)
        if self.mount.torn_listings and len(listed) > 1:
            rest = self._send(
                Request("names.rest", folder), lambda: dict(self.server.tree.folder(folder).entries)
            )
            middle = listed[len(listed) // 2]
            listed = [n for n in listed if n < middle] + sorted(n for n in rest if n >= middle)
            first |= rest
        if self.mount.listing_refreshes:
            known.names.clear()
        if self.mount.presence_s:
            until = self._now() + self.mount.presence_s
            known.names.update({n: (first[n], until) for n in listed})
        if self.mount.listings_s:
            known.listing = (listed, self._now() + self.mount.listings_s)
        return self._learn(listed)

    def ask(self, folder: str) -> None:
        known = self._know(self._folder(folder))
        if self.mount.listing_refreshes:
            known.names.clear()
        self._learn(("asked", folder))

    def stat(self, path: str) -> Stat:
        found = self._cached(path)
        if found is None:
            found = self._send(Request("stat", path), lambda: self._entry(path))
            self._remember(path, found)
        if isinstance(found, Folder):
            return self._learn(Stat(0, found.mtime_s, is_folder=True))
        return self._learn(Stat(len(found.data), found.mtime_s, is_folder=False))

    def open(self, path: str) -> io.BytesIO:
        cached = self._cached(path)

        def opened() -> File:
            file = (
                cached if cached is not None and self._exists(cached, path) else self._entry(path)
            )
            if isinstance(file, Folder):
                refuse(errno.EISDIR, path)
            if self.mount.open_files_bar:
                self.server.held_open.append(file)
            return file

        file = self._send(Request("open", path), opened)
        self._remember(path, file)
        return _Reading(self._learn(file.data), lambda: self._close(path, file))

    def reread(self, stream: object) -> None:
        pass

    def create(self, path: str) -> _Writing:
        if self._cached_or_none(path) is not None:
            refuse(errno.EEXIST, path)
        real = self.server.real

        def created() -> File:
            self.server.tree.create(real(path), b"")
            return self.server.tree.file(real(path))

        file = self._send(Request("create", path), created)
        self._remember(path, file, changed=True)
        return _Writing(file, path)

    def sync(self, stream: _Writing) -> None:
        data = stream.getvalue()

        def write(part: int = 1) -> None:
            stream.file.data = data[: len(data) // part]
            stream.file.mtime_s = self._now()

        self._send(Request("sync", stream.path), write, torn=lambda: write(2))

    def link(self, source: str, target: str) -> None:
        if self._cached_or_none(target) is not None:
            refuse(errno.EEXIST, target)
        real = self.server.real
        self._send(
            Request("link", source, target),
            lambda: self.server.tree.link(real(source), real(target)),
        )
        self._remember(target, self._entry_or_none(target), changed=True)

    def replace(self, source: str, target: str) -> None:
        self._cached(source)
        if self.mount.rename_by_handle:
            self._replace_by_handle(source, target)
        else:
            real = self.server.real
            self._send(
                Request("rename", source, target), lambda: self._rename(real(source), real(target))
            )
        self._remember(source, None, changed=True)
        self._remember(target, self._entry_or_none(target), changed=True)

    def unlink(self, path: str) -> None:
        self._cached(path)

        def removed() -> None:
            real = self.server.real(path)
            self._bar(self.server.tree.entry(real), path)
            self.server.tree.unlink(real)

        self._send(Request("unlink", path), removed)
        self._remember(path, None, changed=True)

    def mkdir(self, folder: str) -> None:
        if self._cached_or_none(folder) is not None:
            refuse(errno.EEXIST, folder)
        tree = self.server.tree
        self._send(
            Request("mkdir", folder),
            lambda: tree.add(self.server.real(folder), Folder(tree.now_s())),
        )
        self._remember(folder, self._entry_or_none(folder), changed=True)

    def permit(self, folder: str) -> None:
        pass

    def rmdir(self, folder: str) -> None:
        self._cached(folder)
        self._send(
            Request("rmdir", folder), lambda: self.server.tree.rmdir(self.server.real(folder))
        )
        self._remember(folder, None, changed=True)

    # Requests

    def _send(
        self,
        request: Request,
        effect: Callable[[], Any],
        *,
        torn: Callable[[], None] | None = None,
    ) -> Any:
        if self.dead:
            raise Crashed(f"{request} by a process that is dead")
        fate = self.decide(request)
        if self.dead:
            raise Crashed(f"{request} by a process that died meanwhile")
        try:
            if fate is Fate.BLIND:
                return {}
            if fate is Fate.DONE:
                answer = effect()
                self.observed(request)
                return answer
            self._fail(request, fate, effect, torn)
        except OSError as error:
            self._learn((str(request), error.errno))
            raise

    def _fail(
        self,
        request: Request,
        fate: Fate,
        effect: Callable[[], Any],
        torn: Callable[[], None] | None,
    ) -> NoReturn:
        if fate is Fate.REPEATED:
            effect()
            refuse(REPEATED_ERRNO[request.kind], request.path)
        if fate in (Fate.LATER, Fate.CRASH_LATER):
            self.server.late.append(Late(request, effect))
        if fate in (Fate.LOST_REPLY, Fate.CRASH_AFTER, Fate.TORN):
            try:
                (torn if fate is Fate.TORN and torn is not None else effect)()
            except OSError:
                pass  # whatever the server said, nobody heard it
        if fate in DIES:
            self.dead = True
            raise Crashed(f"{fate.value}: {request}")
        refuse(ERRNO[fate], request.path)

    def _replace_by_handle(self, source: str, target: str) -> None:
        tree, real = self.server.tree, self.server.real

        def opened() -> Handle:
            path = real(source)
            found = tree.entry(path)
            self._bar(found, source)
            if isinstance(found, Folder):
                refuse(errno.EISDIR, source)
            return Handle(found, path)

        handle = self._send(Request("rename.open", source, target), opened)
        self.handles.append(handle)

        def moved() -> None:
            now_at = self.server.where(handle)
            if now_at is None:
                refuse(errno.ENOENT, source)
            tree.rename(now_at, real(target))
            handle.path = real(target)

        try:
            self._send(Request("rename.set", source, target), moved)
        finally:
            self.handles.remove(handle)

    def _rename(self, source: str, target: str) -> None:
        self._bar(self.server.tree.entry(source), source)
        self.server.tree.rename(source, target)

    def _bar(self, entry: Entry, path: str) -> None:
        if self.server.is_held_open(entry):
            error = PermissionError(errno.EACCES, "sharing violation", path)
            error.winerror = SHARING_VIOLATION  # type: ignore[attr-defined]
            raise error

    def _close(self, path: str, file: File) -> None:
        if not self.mount.open_files_bar:
            return
        try:
            if not self.dead:
                self.decide(Request("close", path))
        finally:
            self.server.held_open[:] = [one for one in self.server.held_open if one is not file]

    # Caches

    def _now(self) -> float:
        return self.server.tree.now_s()

    def _fresh(self, until: float) -> bool:
        return self._now() < until

    def _know(self, folder: Folder) -> _Known:
        known = self._known.get(id(folder))
        if known is None or known.folder is not folder:
            known = self._known[id(folder)] = _Known(folder)
        return known

    def _folder(self, path: str) -> Folder:
        """Walk to a folder as this client's caches let it; a folder that is gone is found out at once, by ESTALE."""
        found = self.server.tree.root
        real = parts_of(self.server.real(path), windows=False)
        for end, part in enumerate(real, 1):
            if self._is_absent(found, part):
                refuse(errno.ENOENT, path)
            inner = found.entries.get(part)
            if inner is None:
                inner = self._look_up(found, "/".join(real[:end]), path)
            if not isinstance(inner, Folder):
                refuse(errno.ENOTDIR, path)
            found = inner
        return found

    def _look_up(self, folder: Folder, path: str, wanted: str) -> Entry:
        """Ask for a folder that was not there when this client came by; others may make it before the server hears of it."""
        name = path.rpartition("/")[2]
        inner = self._send(Request("stat", path), lambda: folder.entries.get(name))
        if inner is None:
            self._note(folder, name, None)
            refuse(errno.ENOENT, wanted)
        found: Entry = inner
        return found

    def _is_absent(self, folder: Folder, name: str) -> bool:
        entry, until = self._know(folder).names.get(name, (folder, 0.0))
        return entry is None and self._fresh(until)

    def _note(self, folder: Folder, name: str, entry: Entry | None) -> None:
        for_s = self.mount.absence_s if entry is None else self.mount.presence_s
        if for_s:
            self._know(folder).names[name] = (entry, self._now() + for_s)
        self.observed((name, entry is None))

    def _cached(self, path: str) -> Entry | None:
        """What the cache says is at *path*, None if it says nothing; raises its "not found"."""
        if self.dead:
            raise Crashed(f"{path} by a process that is dead")
        folder, _, name = path.rpartition("/")
        if not name:
            return None
        entry, until = self._know(self._folder(folder)).names.get(name, (None, 0.0))
        if not self._fresh(until):
            return None
        if entry is None:
            self._learn((path, errno.ENOENT))
            refuse(errno.ENOENT, path)
        return entry

    def _cached_or_none(self, path: str) -> Entry | None:
        try:
            return self._cached(path)
        except FileNotFoundError as error:
            if error.filename != path:  # the folder above it
                raise
            return None

    def _exists(self, entry: Entry, path: str) -> bool:
        """False for a file that was removed: the server says ESTALE, and the client looks the name up anew."""
        return isinstance(entry, Folder) or self.server.where(Handle(entry, path)) is not None

    def _entry(self, path: str) -> Entry:
        try:
            return self.server.tree.entry(self.server.real(path))
        except FileNotFoundError:
            self._remember(path, None)
            raise

    def _entry_or_none(self, path: str) -> Entry | None:
        try:
            return self.server.tree.entry(self.server.real(path))
        except OSError:
            return None

    def _remember(self, path: str, entry: Entry | None, *, changed: bool = False) -> None:
        folder, _, name = path.rpartition("/")
        try:
            found = self.server.tree.folder(self.server.real(folder))
        except OSError:
            return
        if changed:
            self._know(found).listing = None
        self._note(found, name, entry)

    def _learn(self, what: Any) -> Any:
        self.observed(what)
        return what


def names_of(error: OSError) -> str:
    """The error's symbol, for traces."""
    return errno.errorcode.get(error.errno or 0, os.strerror(error.errno or 0))
