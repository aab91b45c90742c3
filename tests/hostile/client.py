"""A client of a file server as it is: with caches, handles and half-done renames. For tests.

``Client`` takes the operating system's place under the real ``ShareFiles``. Every request that would leave the machine is first shown to
``decide``, which may let others act before it returns, and says what becomes of it. What a cache answers is not shown to anybody: that is
what makes it a lie.

Not modelled: locks, permissions, folders that are renamed, files that are written in place, names that a protocol cannot spell.
"""

import errno
import io
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from spoolctl.spool.memory import Crashed
from spoolctl.spool.memory_tree import Entry, File, Folder, refuse
from spoolctl.spool.native import parts_of
from spoolctl.spool.ports import Stat
from tests.hostile.caches import ABSENT, Caches
from tests.hostile.fates import DIES, ERRNO, REPEATED_ERRNO, Fate, Request
from tests.hostile.mounts import HONEST, Mount
from tests.hostile.server import Handle, Late, Server

T = TypeVar("T")
Decide = Callable[[Request], Fate]
SHARING_VIOLATION = 32


def always_done(_request: Request) -> Fate:
    """Nothing fails."""
    return Fate.DONE


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
        self._caches = Caches(mount, self._now)

    # Native

    def names(self, folder: str) -> list[str]:
        found = self._folder(folder)
        again = self._caches.listing(found)
        if again is not None:
            return self._learn(again)
        first = self._list("names", folder)
        listed = sorted(first)
        if self.mount.torn_listings and len(listed) > 1:
            rest = self._list("names.rest", folder)
            middle = listed[len(listed) // 2]
            listed = [n for n in listed if n < middle] + sorted(n for n in rest if n >= middle)
            first |= rest
        self._caches.listed(found, listed, first)
        return self._learn(listed)

    def _list(self, kind: str, folder: str) -> dict[str, Entry]:
        tree, real = self.server.tree, self.server.real
        found: dict[str, Entry] = self._send(
            Request(kind, folder), lambda: dict(tree.folder(real(folder)).entries)
        )
        return found

    def ask(self, folder: str) -> None:
        self._caches.opened(self._folder(folder))
        self._learn(("asked", folder))

    def stat(self, path: str) -> Stat:
        found = self._cached(path)
        asked = found is None
        if found is None:
            found = self._send(Request("stat", path), lambda: self._entry(path))
            self._remember(path, found)
        return self._learn(self._caches.look(found, asked=asked))

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
        return _Reading(self._learn(self._content(path, file)), lambda: self._close(path, file))

    def _content(self, path: str, file: File) -> bytes:
        folder, name = self.server.tree.slot(self.server.real(path))
        remembered = self._caches.content(folder, name)
        if remembered is None:
            self._caches.read(folder, name, file)
        return file.data if remembered is None else remembered

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

    def send(self, stream: _Writing) -> None:
        self.sync(stream)  # all at once: what this server has got, it keeps

    def sync(self, stream: _Writing) -> None:
        data = stream.getvalue()

        def write(part: int = 1) -> None:
            stream.file.data = data[: len(data) // part]
            ahead_s = self.mount.clock_s if self.mount.stamps_files else 0.0
            stream.file.mtime_s = self._now() + ahead_s

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
        if self.is_same(source, target):
            return  # nobody is asked
        if self.mount.rename_by_handle:
            self._replace_by_handle(source, target)
        else:
            real = self.server.real
            self._send(
                Request("rename", source, target), lambda: self._rename(real(source), real(target))
            )
        self._remember(source, None, changed=True)
        self._remember(target, self._entry_or_none(target), changed=True)

    def is_same(self, path: str, other: str) -> bool:
        """As far as this client remembers; without this lie nobody is asked, for that would only make searches longer."""
        if not self.mount.same_file_s:
            return False
        parts_of(other, windows=False)
        folder, _, name = self.server.real(other).rpartition("/")
        remembered = self._caches.used_elsewhere(self._folder(folder), name)
        if remembered is None:
            return False
        try:
            found = self._cached(path)
            if found is None:
                found = self._send(Request("stat", path), lambda: self._entry(path))
        except FileNotFoundError:
            return False
        return found is remembered

    def ask_name(self, path: str) -> None:
        found = self._send(Request("stat", path), lambda: self._entry_or_none(path))
        self._caches.asked(*self.server.tree.slot(self.server.real(path)))
        self._remember(path, found)

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
            tree.slot(path)  # the root is nobody's to move
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

    def _folder(self, path: str) -> Folder:
        """Walk to a folder as this client's caches let it; a folder that is gone is found out at once, by ESTALE."""
        found = self.server.tree.root
        real = parts_of(self.server.real(path), windows=False)
        for end, part in enumerate(real, 1):
            if self._caches.name(found, part) is ABSENT:
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

    def _cached(self, path: str) -> Entry | None:
        """What the cache says is at *path*, None if it says nothing; raises its "not found"."""
        if self.dead:
            raise Crashed(f"{path} by a process that is dead")
        folder, _, name = self.server.real(path).rpartition("/")
        if not name:
            return None
        found = self._caches.name(self._folder(folder), name)
        if found is ABSENT:
            self._learn((path, errno.ENOENT))
            refuse(errno.ENOENT, path)
        return found

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
        folder, _, name = self.server.real(path).rpartition("/")
        try:
            found = self.server.tree.folder(folder)
        except OSError:
            return
        self._note(found, name, entry, changed=changed)

    def _note(
        self, folder: Folder, name: str, entry: Entry | None, *, changed: bool = False
    ) -> None:
        self._caches.note(folder, name, entry, changed=changed)
        self.observed((name, entry is None))

    def _learn(self, what: T) -> T:
        self.observed(what)
        return what


__all__ = ["Client", "Decide", "Late", "Server", "always_done"]
