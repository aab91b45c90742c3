"""Pictures by their place in the index: never a path that somebody sent, and never a file outside of the spool.

Guarantees: what is served lies in ``results/`` or ``groups/`` of the spool, behind links and all, and is a file of a kind that
browsers show as a picture. A thumbnail that nobody made yet is made here and kept in memory, not on the share: making those is
the controller's.
"""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Lock

from spoolctl.groups.thumbs import FOLDER, NoPicture, thumb_name, thumb_of
from spoolctl.index import Image
from spoolctl.spool import SpoolError, group_folder, layout

KINDS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
}
"""What browsers show, by suffix. No SVG, which can bear scripts."""
_THUMBS_KEPT = 500
_THUMB_BYTES_MAX = 1 << 20


class NoSuchPicture(SpoolError):
    """There is no picture to show."""

    exit_code = 20
    hint = "retention may have taken it; 'spoolctl show JOB' tells"


@dataclass(frozen=True)
class Picture:
    """A file to be sent."""

    path: Path
    media_type: str


class Pictures:
    """Pictures of the spool at *root*."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def image(self, image: Image) -> Picture:
        """The image itself.

        Raises:
            NoSuchPicture: It is not there, lies elsewhere, or is none that a browser shows.
            OSError: The share did not tell.
        """
        path = inside(self._root, image.path or "")
        kind = KINDS.get(path.suffix.lower())
        if kind is None:
            raise NoSuchPicture(f"'{image.path}' is no picture that a browser shows")
        return Picture(path, kind)

    def thumb(self, image: Image) -> bytes:
        """A JPEG of it, at most 320 pixels a side; errors as for ``image``."""
        name = thumb_name(image.job, image.image_index)
        try:
            made = inside(
                self._root, f"{layout.GROUPS}/{group_folder(image.group)}/{FOLDER}/{name}"
            )
        except NoSuchPicture:  # the controller has not made it yet
            return self._make(image)
        return made.read_bytes() if made.stat().st_size <= _THUMB_BYTES_MAX else self._make(image)

    def _make(self, image: Image) -> bytes:
        key = image.sha256 or image.path or ""
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        try:
            data = thumb_of(self.image(image).path)
        except NoPicture as error:
            raise NoSuchPicture(f"'{image.path}' cannot be shown: {error}") from None
        with self._lock:
            self._made[key] = data
            while len(self._made) > _THUMBS_KEPT:
                self._made.popitem(last=False)
        return data


def inside(root: Path, path: str) -> Path:
    """The file at a *path* of ``results/`` or ``groups/``, relative to the spool at *root*.

    Raises:
        NoSuchPicture: There is none, or the path leads elsewhere.
        OSError: The share did not tell.
    """
    top, *rest = PurePosixPath(path).parts or ("",)
    plain = not set(path) & set("\\:\0") and ".." not in rest
    if not (plain and rest and top in (layout.RESULTS, layout.GROUPS)):
        raise NoSuchPicture(f"'{path}' is no place of pictures")
    try:
        found = root.joinpath(top, *rest).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        raise NoSuchPicture(f"'{path}' is not there") from None
    if not found.is_relative_to((root / top).resolve()) or not found.is_file():
        raise NoSuchPicture(f"'{path}' leads out of '{top}/'")
    return found
