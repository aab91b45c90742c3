"""What one client remembers of the share, and believes for as long as its mount says: names, listings, lengths and times, contents.

Everything is remembered by the folder or the file itself, not by its path, as kernels do: a name leads to what it led to.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from spoolctl.spool.memory_tree import Entry, File, Folder
from spoolctl.spool.ports import Stat
from tests.hostile.mounts import Mount


class Absent(Enum):
    """There is no such name."""

    ABSENT = auto()


ABSENT: Final = Absent.ABSENT


def stat_of(entry: Entry) -> Stat:
    """What the server tells of an entry."""
    if isinstance(entry, Folder):
        return Stat(0, entry.mtime_s, is_folder=True)
    return Stat(len(entry.data), entry.mtime_s, is_folder=False)


@dataclass
class _Known:
    """What is remembered of one folder, each with the moment until which it is believed."""

    folder: Folder
    names: dict[str, tuple[Entry | None, float]] = field(default_factory=dict)
    files: dict[str, tuple[Entry, float]] = field(default_factory=dict)
    """Which file a name was last known to lead to; that it cannot be opened any more does not end this (measured on cifs)."""
    contents: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    listing: tuple[list[str], float] | None = None


class Caches:
    """The memory of one client."""

    def __init__(self, mount: Mount, now_s: Callable[[], float]) -> None:
        self._mount, self._now_s = mount, now_s
        self._folders: dict[int, _Known] = {}
        self._looks: dict[int, tuple[Entry, Stat, float]] = {}

    def name(self, folder: Folder, name: str) -> Entry | Absent | None:
        """What the name led to; ``ABSENT`` if nothing was there; None if that is not remembered."""
        entry, until = self._of(folder).names.get(name, (None, 0.0))
        if not self._fresh(until):
            return None
        return ABSENT if entry is None else entry

    def used_elsewhere(self, folder: Folder, name: str) -> Entry | None:
        """What the name led to, for one who now finds that very file under another name; None if that is not remembered."""
        entry, until = self._of(folder).files.get(name, (None, 0.0))
        return entry if self._fresh(until) else None

    def asked(self, folder: Folder, name: str) -> None:
        """The server was asked for this very name, whatever was remembered."""
        self._of(folder).files.pop(name, None)

    def listing(self, folder: Folder) -> list[str] | None:
        """The folder's last listing, if it is given again."""
        last = self._of(folder).listing
        return list(last[0]) if last is not None and self._fresh(last[1]) else None

    def content(self, folder: Folder, name: str) -> bytes | None:
        """What was read under the name, if it is given again."""
        data, until = self._of(folder).contents.get(name, (b"", 0.0))
        return data if self._fresh(until) else None

    def look(self, entry: Entry, *, asked: bool) -> Stat:
        """Length and time of an entry: as they are if the server was *asked* just now, else perhaps as they were."""
        kept = self._looks.get(id(entry))
        if not asked and kept is not None and kept[0] is entry and self._fresh(kept[2]):
            return kept[1]
        told = stat_of(entry)
        if self._mount.attributes_s:
            self._looks[id(entry)] = (entry, told, self._until(self._mount.attributes_s))
        return told

    def listed(self, folder: Folder, names: list[str], entries: dict[str, Entry]) -> None:
        """Remember what a listing told."""
        known = self._of(folder)
        self.opened(folder)
        if self._mount.presence_s:
            until = self._until(self._mount.presence_s)
            known.names.update({name: (entries[name], until) for name in names})
        if self._mount.same_file_s:
            until = self._until(self._mount.same_file_s)
            known.files.update({name: (entries[name], until) for name in names})
        if self._mount.listings_s:
            known.listing = (list(names), self._until(self._mount.listings_s))

    def opened(self, folder: Folder) -> None:
        """The folder was opened: where that asks the server, nothing older is believed."""
        if self._mount.listing_refreshes:
            known = self._of(folder)
            known.names.clear()
            known.files.clear()
            known.contents.clear()

    def read(self, folder: Folder, name: str, file: File) -> None:
        """Remember what was read: opening it asked for its length and time, too."""
        self._looks.pop(id(file), None)
        if self._mount.contents_s:
            until = self._until(self._mount.contents_s)
            self._of(folder).contents[name] = (file.data, until)

    def note(self, folder: Folder, name: str, entry: Entry | None, *, changed: bool) -> None:
        """Remember what a name leads to (None: to nothing); *changed*: by this client's own doing."""
        known = self._of(folder)
        if changed:
            known.listing = None
            known.contents.pop(name, None)
        for_s = self._mount.absence_s if entry is None else self._mount.presence_s
        known.names.pop(name, None)
        if for_s:
            known.names[name] = (entry, self._until(for_s))
        if changed:
            known.files.pop(name, None)
        if self._mount.same_file_s and entry is not None:
            known.files[name] = (entry, self._until(self._mount.same_file_s))

    def _of(self, folder: Folder) -> _Known:
        known = self._folders.get(id(folder))
        if known is None or known.folder is not folder:
            known = self._folders[id(folder)] = _Known(folder)
        return known

    def _fresh(self, until: float) -> bool:
        return self._now_s() < until

    def _until(self, seconds: float) -> float:
        return self._now_s() + seconds
