"""A share, machines on it, and a clock that stands still unless somebody waits: two runs of the doctor meet in no time.

Runs are threads of which exactly one goes at a time; it goes until it sleeps, and the one that is due first goes next. So a
meeting is the same at every run of the tests, and a minute of it takes no minute.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from spoolctl.spool import Host
from spoolctl.spool.actor import Actor
from spoolctl.spool.doctor import Mount, Ward
from spoolctl.spool.doctor.ward import Owner, Space
from spoolctl.spool.layout import FOLDERS
from spoolctl.spool.memory import MemoryFiles
from spoolctl.spool.spool import default_settings

NFS = Mount("/mnt/nas", "nfs4", "nas:/tank", ("rw", "vers=4.2", "hard", "lookupcache=none"))
PLENTY = Space(900_000_000_000, None)
EPOCH_S = 1_700_000_000.0
OPERATION_S = 0.001


class Time:
    """Everybody's clock, and whose turn it is."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._turn = threading.Condition()
        self._due: dict[int, float] = {}
        self._running: int | None = None

    def spend(self, seconds: float) -> None:
        self.now_s += seconds

    def sleep(self, seconds: float) -> None:
        """Wait; alone, the clock just goes on."""
        me = threading.get_ident()
        if me not in self._due:
            self.now_s += seconds
            return
        with self._turn:
            self._due[me] = self.now_s + max(seconds, 0.0) + 1e-6
            self._hand_over()
            self._turn.wait_for(lambda: self._running == me)

    def _hand_over(self) -> None:
        self._running = min(self._due, key=lambda one: self._due[one], default=None)
        if self._running is not None:
            self.now_s = max(self.now_s, self._due[self._running])
        self._turn.notify_all()

    def together(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run calls side by side on this clock; returns what each gave, or the error that it ended with."""
        results: list[Any] = [None] * len(calls)
        ready = threading.Barrier(len(calls) + 1)

        def run(number: int, call: Callable[[], Any]) -> None:
            me = threading.get_ident()
            with self._turn:
                self._due[me] = self.now_s + number * 1e-3
            ready.wait()
            with self._turn:
                self._turn.wait_for(lambda: self._running == me)
            try:
                results[number] = call()
            except BaseException as error:  # noqa: BLE001 - a test looks at it
                results[number] = error
            finally:
                with self._turn:
                    del self._due[me]
                    self._hand_over()

        threads = [threading.Thread(target=run, args=one, daemon=True) for one in enumerate(calls)]
        for thread in threads:
            thread.start()
        ready.wait()
        with self._turn:
            self._hand_over()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "a run hangs"
        return results


@dataclass
class FakeClock:
    time: Time
    ahead_s: float = 0.0
    """Of the share's clock."""

    def mono(self) -> float:
        return self.time.now_s + 7_000.0 * (1 + self.ahead_s)

    def utc_s(self) -> float:
        return EPOCH_S + self.time.now_s + self.ahead_s


class FakeEntropy:
    def __init__(self, seed: int) -> None:
        self._next = seed << 32

    def token(self) -> str:
        self._next += 1
        return f"{self._next:016x}"

    def fraction(self) -> float:
        return 0.5


@dataclass
class FakeMachine:
    """Implements ``ward.Machine``; every field is what a test may make odd."""

    files: Any
    locked: set[str] = field(default_factory=set)
    on_windows: bool = False
    mounted: Mount | None = NFS
    program: str | None = None
    left: Space = PLENTY
    owners: dict[str, Owner] = field(default_factory=dict)
    uid: int | None = 1000
    unwritable: frozenset[str] = frozenset()
    bare: Callable[[str], bool] | None = None
    refuses: Callable[[str], bool] = lambda _name: False
    lock_error: OSError | None = None

    def mount(self) -> Mount | None:
        return self.mounted

    def synced_by(self) -> str | None:
        return self.program

    def space(self) -> Space:
        return self.left

    def exists_by_name(self, path: str) -> bool:
        if self.bare is not None:
            return self.bare(path)
        try:
            self.files.stat(path)
        except FileNotFoundError:
            return False
        return True

    def create(self, folder: str, name: str) -> None:
        if self.refuses(name):
            raise OSError(22, "Invalid argument")
        self.files.write_new(f"{folder}/{name}", b"")

    def remove(self, folder: str, name: str) -> None:
        self.files.unlink(f"{folder}/{name}")

    def owner(self, path: str) -> Owner | None:
        if self.uid is None:
            return None
        last = path.rpartition("/")[2]
        return (
            self.owners.get(path)
            or self.owners.get(last)
            or Owner(1000, 100, 0o775 if "file" not in last else 0o664)
        )

    def user(self) -> int | None:
        return self.uid

    def may_write(self, folder: str) -> bool:
        return folder not in self.unwritable

    def lock(self, path: str) -> Callable[[], None] | None:
        if self.lock_error is not None:
            raise self.lock_error
        if path in self.locked:
            return None
        self.locked.add(path)
        return lambda: self.locked.discard(path)


class Wrapped:
    """A share seen through a fault: what a subclass does not do otherwise, the share does."""

    def __init__(self, files: Any) -> None:
        self.inner = files

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Slow(Wrapped):
    """Every operation takes its time, so that rates can be told."""

    def __init__(self, files: Any, time: Time, seconds: float = OPERATION_S) -> None:
        super().__init__(files)
        self._time, self._seconds = time, seconds

    def __getattr__(self, name: str) -> Any:
        self._time.spend(self._seconds)
        return super().__getattr__(name)


class World:
    """One share."""

    def __init__(self, *, is_spool: bool = True) -> None:
        self.time = Time()
        self.share = MemoryFiles(lambda: EPOCH_S + self.time.now_s)
        self.is_spool = is_spool
        self.locked: set[str] = set()
        self.told: list[str] = []
        self.dead: set[int] = set()
        if is_spool:
            for folder in FOLDERS:
                self.share.put(folder, None)
        self._runs = 0

    def ward(
        self,
        machine: str = "attic",
        *,
        wrap: Callable[[Any], Any] = lambda files: files,
        ahead_s: float = 0.0,
        host_id: str | None = None,
        operation_s: float = OPERATION_S,
        **odd: Any,
    ) -> Ward:
        """One run of the doctor on a machine of that name."""
        self._runs += 1
        seen = self.share.view()
        files = wrap(Slow(seen, self.time, operation_s))
        host = Host(
            machine,
            host_id or f"id of {machine}",
            f"boot of {host_id or machine}",
            100 + self._runs,
            5.0,
        )
        entropy = FakeEntropy(self._runs)
        actor = Actor(
            "doctor", "person-ada", files, FakeClock(self.time, ahead_s), entropy, host,
            default_settings(EPOCH_S, "0" * 16), is_alive=lambda pid, _started: pid not in self.dead,
        )  # fmt: skip
        local = FakeMachine(files, odd.pop("locked", self.locked), **odd)
        return Ward(actor, local, self.time.sleep, self.told.append, self.is_spool)


def by_about(findings: list[Any]) -> dict[str, Any]:
    """Findings by what they are about; the worst of several."""
    order = ("ok", "note", "warning", "bad")
    found: dict[str, Any] = {}
    for one in sorted(findings, key=lambda one: order.index(one.severity)):
        found[one.about] = one
    return found


def severities(findings: list[Any]) -> dict[str, str]:
    """The worst severity of each."""
    return {about: one.severity for about, one in by_about(findings).items()}


class TwiceMade(Wrapped):
    """Makes a folder although it is there."""

    def mkdir(self, folder):
        try:
            self.inner.mkdir(folder)
        except FileExistsError:
            return


class Overwrites(Wrapped):
    """Makes a file although it is there."""

    def write_new(self, path, data):
        try:
            self.inner.write_new(path, data)
        except FileExistsError:
            self.inner.unlink(path)
            self.inner.write_new(path, data)


class LinkReplaces(Wrapped):
    """A hard link onto a name that is taken replaces it."""

    def link(self, source, target):
        try:
            self.inner.link(source, target)
        except FileExistsError:
            self.inner.unlink(target)
            self.inner.link(source, target)
