"""Pictures by their place in the index: never a path that somebody sent, and never a file outside of the spool.

Guarantees: what is served lies in ``results/`` or ``groups/`` of the spool, behind links and all, and begins as a picture of its kind does.
That is judged of the file that is open, not of its name: whoever may write to the share could put a link to another file in its place
between a look and the opening. A thumbnail that nobody made yet is made here, two at a time, and kept in memory, not on the share: making
those is the controller's.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Lock, Semaphore
from typing import BinaryIO

from spoolctl.groups.thumbs import FOLDER, NoPicture, thumb_name, thumb_of
from spoolctl.index import Image
from spoolctl.spool import SpoolError, group_folder, layout

_PNG, _JPEG = (b"\x89PNG\r\n\x1a\n", 0), (b"\xff\xd8\xff", 0)
KINDS: dict[str, tuple[str, tuple[bytes, int]]] = {
    ".png": ("image/png", _PNG),
    ".jpg": ("image/jpeg", _JPEG),
    ".jpeg": ("image/jpeg", _JPEG),
    ".webp": ("image/webp", (b"WEBP", 8)),
    ".gif": ("image/gif", (b"GIF8", 0)),
    ".avif": ("image/avif", (b"ftyp", 4)),
}
"""What browsers show, by suffix: its media type, and the bytes by which such a file is known, and where they stand. No SVG, which can bear
scripts."""
_THUMBS_KEPT = 500
_THUMB_BYTES_MAX = 1 << 20
_AT_ONCE = 2
"""How many images are opened at once to be made small: one of 8192 x 8192 pixels takes some 250 MB meanwhile."""
_CHUNK_BYTES = 1 << 20


class NoSuchPicture(SpoolError):
    """There is no picture to show."""

    exit_code = 20
    hint = "retention may have taken it; 'spoolctl show JOB' tells"


@dataclass(frozen=True)
class Picture:
    """A file to be sent. Whoever takes one sends or closes it."""

    file: BinaryIO
    media_type: str
    length: int
    """In bytes, when it was opened."""

    def chunks(self) -> Iterator[bytes]:
        """The whole file, which is closed then; bytes that were added meanwhile are left out."""
        with self.file as file:
            left = self.length
            while left and (chunk := file.read(min(left, _CHUNK_BYTES))):
                left -= len(chunk)
                yield chunk


class Pictures:
    """Pictures of the spool at *root*."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()
        self._making = Semaphore(_AT_ONCE)

    def image(self, image: Image) -> Picture:
        """The image itself.

        Raises:
            NoSuchPicture: It is not there, lies elsewhere, or is none that a browser shows.
            OSError: The share did not tell.
        """
        return opened(self._root, image.path or "")

    def preview(self, path: str) -> Picture:
        """What a running attempt looks like; *path* and errors as for ``opened``."""
        return opened(self._root, path)

    def thumb(self, image: Image) -> bytes:
        """A JPEG of it, at most 320 pixels a side; errors as for ``image``."""
        name = thumb_name(image.job, image.image_index)
        path = f"{layout.GROUPS}/{group_folder(image.group)}/{FOLDER}/{name}"
        try:
            made = opened(self._root, path)
        except NoSuchPicture:  # the controller has not made it yet
            return self._thumb_made_here(image)
        if made.length > _THUMB_BYTES_MAX:
            made.file.close()
            return self._thumb_made_here(image)
        return b"".join(made.chunks())

    def _thumb_made_here(self, image: Image) -> bytes:
        key = image.sha256 or image.path or ""
        with self._making:
            with self._lock:
                if key in self._made:
                    self._made.move_to_end(key)
                    return self._made[key]
            try:
                with inside(self._root, image.path or "") as file:
                    data = thumb_of(file)
            except NoPicture as error:
                raise NoSuchPicture(f"'{image.path}' cannot be shown: {error}") from None
        with self._lock:
            self._made[key] = data
            while len(self._made) > _THUMBS_KEPT:
                self._made.popitem(last=False)
        return data


def opened(root: Path, path: str) -> Picture:
    """A picture of the spool at *root*.

    Raises:
        NoSuchPicture: It is not there, lies elsewhere, or is none that a browser shows.
        OSError: The share did not tell.
    """
    media_type, (mark, at) = KINDS.get(PurePosixPath(path).suffix.lower(), ("", (b"", 0)))
    file = inside(root, path)
    try:
        if not mark or not file.read(at + len(mark)).endswith(mark):
            raise NoSuchPicture(f"'{path}' is no picture that a browser shows")  # noqa: TRY301 - closes the file, like any error
        file.seek(0)
        return Picture(file, media_type, os.fstat(file.fileno()).st_size)
    except BaseException:
        file.close()
        raise


def inside(root: Path, path: str) -> BinaryIO:
    """A file of ``results/`` or ``groups/``, open; *path* is relative to the spool at *root*.

    Raises:
        NoSuchPicture: There is none, or the path leads elsewhere.
        OSError: The share did not tell.
    """
    top, *rest = PurePosixPath(path).parts or ("",)
    plain = not set(path) & set("\\:\0") and ".." not in rest
    if not (plain and rest and top in (layout.RESULTS, layout.GROUPS)):
        raise NoSuchPicture(f"'{path}' is no place of pictures")
    named = root.joinpath(top, *rest)
    file = None
    try:
        if not named.is_file():  # a pipe would keep who opens it for ever
            raise NoSuchPicture(f"'{path}' is not there")  # noqa: TRY301 - as of a name that is not there
        file = named.open("rb")
        # Only now: what the name led to before may be another file.
        found = named.resolve(strict=True)
        is_it = os.path.samestat(found.stat(), os.fstat(file.fileno()))
        if not (is_it and found.is_relative_to((root / top).resolve())):
            raise NoSuchPicture(f"'{path}' leads out of '{top}/'")  # noqa: TRY301 - closes the file, like any error
    except BaseException as error:
        if file is not None:
            file.close()
        if isinstance(
            error, FileNotFoundError | NotADirectoryError | RuntimeError
        ):  # the last: links in a circle
            raise NoSuchPicture(f"'{path}' is not there") from None
        raise
    return file
