"""A file server in memory, and what its clients left under way: requests that it does later, files that somebody holds open.

A name only leads to a file; who holds the file by a handle goes on holding it, wherever it is moved.
"""

from collections.abc import Callable
from dataclasses import dataclass

from spoolctl.spool.memory import MemoryFiles
from spoolctl.spool.memory_tree import Entry, File, Folder
from spoolctl.spool.native import parts_of
from tests.hostile.fates import Request


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
        """True if somebody reads it just now."""
        return any(one is file for one in self.held_open)
