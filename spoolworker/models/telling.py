"""The configured folders in words, for people who look at a worker: how many models, how large, and which digests are known.

Guarantees: no model file is opened; what is not known of a file is told as such.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spoolworker.models.hashes import HashCache, short_hash
from spoolworker.models.scan import KINDS, Kind
from spoolworker.models.watch import Found, look

_GB = 2**30
_SHOWN_MAX = 8


@dataclass(frozen=True)
class FolderSeen:
    """One folder, and what is known of its files."""

    kind: Kind
    folder: Path
    found: Found

    @property
    def said(self) -> str:
        """One line: how many files, how large, and of how many the digest is known."""
        files = self.found.files
        size_gb = sum(file.bytes for file, _ in files) / _GB
        known = sum(digests is not None for _, digests in files)
        count = f"{len(files)} file{'' if len(files) == 1 else 's'}"
        return (
            f"{self.kind} in '{self.folder}': {count}, {size_gb:.1f} GB, SHA-256 known of {known}"
        )

    @property
    def names(self) -> str:
        """Its first files, each with the short hash that WebUI shows, where it is known."""
        told = []
        for file, digests in self.found.files[:_SHOWN_MAX]:
            short = short_hash(self.kind, digests) if digests else None
            told.append(f"{file.name} [{short}]" if short else file.name)
        more = len(self.found.files) - _SHOWN_MAX
        return ", ".join(told) + (f" and {more} more" if more > 0 else "")


def folders_seen(
    folders: Mapping[Kind, Sequence[Path]], cache: HashCache
) -> tuple[FolderSeen, ...]:
    """Look into each configured folder."""
    every = [(kind, folder) for kind in KINDS for folder in folders.get(kind, ())]
    return tuple(
        FolderSeen(kind, folder, look({kind: (folder,)}, cache) or Found())
        for kind, folder in every
    )


def together(seen: Sequence[FolderSeen]) -> Found:
    """What all of them hold."""
    return Found(
        tuple(file for one in seen for file in one.found.files),
        tuple(problem for one in seen for problem in one.found.problems),
    )
