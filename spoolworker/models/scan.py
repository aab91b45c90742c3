"""Which model files lie in the folders that this machine's configuration names.

Guarantees: nothing is opened, only listed and measured; a folder or file that cannot be read is told and stops nothing; a link
that leads back to a folder above it is not followed. Does not look into files: a file is a model by its suffix alone.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

Kind = Literal["checkpoints", "loras", "vaes", "embeddings", "upscalers"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FILES_MAX = 50_000
"""Of all folders together; a drive named by mistake must not fill the memory."""
DEPTH_MAX = 32

_SUFFIXES = frozenset({".safetensors", ".ckpt", ".pt", ".pth", ".sft", ".gguf"})
_SUFFIXES_OF: Mapping[str, frozenset[str]] = {"embeddings": _SUFFIXES | {".bin"}}
_NOT_OURS = frozenset({"@eadir", "#recycle", "$recycle.bin"})
"""Folders in which network storage and Windows keep thumbnails and what was deleted."""


@dataclass(frozen=True)
class ModelFile:
    """One file, as it was when it was seen."""

    kind: Kind
    name: str
    """Relative to its folder, with '/', as ComfyUI names it."""
    path: Path
    bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Scan:
    """What one walk through the folders found."""

    files: tuple[ModelFile, ...] = ()
    """By kind, then in the order of the folders, then by name."""
    problems: tuple[str, ...] = ()
    """One line each: what could not be read."""


class _Stopped(Exception):
    pass


@dataclass
class _Walk:
    kind: Kind
    root: Path
    is_stopped: Callable[[], bool]
    problems: list[str] = field(default_factory=list)

    def files(self, folder: str, above: frozenset[str], prefix: str) -> Iterator[ModelFile]:
        """Depth first, names in order; *above* are the true paths of the folders that lead here."""
        if self.is_stopped():
            raise _Stopped
        true_path = os.path.normcase(os.path.realpath(folder))
        if true_path in above:
            return
        if len(above) == DEPTH_MAX:
            self.problems.append(f"'{folder}' is not read: more than {DEPTH_MAX} folders deep")
            return
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            self._tell(folder, error)
            return
        for entry in entries:
            # Dot files: also what macOS leaves beside each file on a share, like "._film.safetensors".
            if entry.name.startswith(".") or entry.name.casefold() in _NOT_OURS:
                continue
            name = f"{prefix}{entry.name}"
            try:
                if entry.is_dir():
                    yield from self.files(entry.path, above | {true_path}, f"{name}/")
                elif Path(entry.name).suffix.lower() in _SUFFIXES_OF.get(self.kind, _SUFFIXES):
                    # Not the listing's own words: on Windows it has old ones of a file that grows.
                    seen = Path(entry.path).stat()
                    if stat.S_ISREG(seen.st_mode):
                        yield ModelFile(
                            self.kind, name, Path(entry.path), seen.st_size, seen.st_mtime_ns
                        )
            except OSError as error:
                self._tell(entry.path, error)

    def _tell(self, path: str, error: OSError) -> None:
        self.problems.append(f"'{path}' cannot be read: {error.strerror or error}")


def scan_folders(
    folders: Mapping[Kind, Sequence[Path]], *, is_stopped: Callable[[], bool] = lambda: False
) -> Scan | None:
    """Walk through the folders.

    Args:
        folders: By kind; each may be on a share.
        is_stopped: Asked at each folder; once it says true the walk ends.

    Returns:
        What was found; ``None`` if it was stopped.
    """
    files: list[ModelFile] = []
    problems: list[str] = []
    for kind in KINDS:
        for root in folders.get(kind, ()):
            walk = _Walk(kind, root, is_stopped)
            try:
                for file in walk.files(str(root), frozenset(), ""):
                    if len(files) == FILES_MAX:
                        problems.append(
                            f"'{root}' is not read to its end: more than {FILES_MAX} files"
                        )
                        return Scan(tuple(files), (*problems, *walk.problems))
                    files.append(file)
            except _Stopped:
                return None
            problems += walk.problems
    return Scan(tuple(files), tuple(problems))
