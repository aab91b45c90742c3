"""Image files: their size, and WebUI's ``parameters`` text added to what ComfyUI saved.

Guarantees: pixels and every chunk of the server's PNG stay byte for byte; one chunk is put in behind the header, as WebUI's readers
expect it. Rejected:
opening and saving it anew with Pillow, which takes a second for a large image, compresses it differently and drops what it does not know.
Does not guarantee that the picture is whole: whoever takes it decodes it.
"""

import io
import zlib
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = len(_SIGNATURE) + 4 + 4 + 13 + 4
"""Behind the IHDR chunk: its length, name, 13 bytes and checksum."""
_FORMATS = ("PNG", "JPEG", "WEBP")


def as_png(data: bytes, name: str) -> tuple[bytes, bool]:
    """The file as a PNG, and whether it had to be made one: a still JPEG or WebP loses nothing by it.

    Raises:
        BackendError: ``output_corrupt``: it is no image, or a moving one.
    """
    if data.startswith(_SIGNATURE):
        return data, False
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if getattr(image, "n_frames", 1) != 1:
                message = f"'{name}' is a moving picture, which is no image output"
                raise BackendError(Code.OUTPUT_CORRUPT, message)
            out = io.BytesIO()
            image.convert("RGBA" if image.mode in ("RGBA", "LA", "PA") else "RGB").save(out, "PNG")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        message = f"'{name}' cannot be read as an image: {error}"
        raise BackendError(Code.OUTPUT_CORRUPT, message) from error
    return out.getvalue(), True


def with_text(png: bytes, text: str) -> bytes:
    """The PNG with *text* as its ``parameters``."""
    info = PngInfo()
    info.add_text("parameters", text)  # chooses tEXt or iTXt as WebUI does, which uses the same
    chunks = b"".join(_chunk(kind, data) for kind, data, *_ in info.chunks)
    return png[:_HEADER_END] + chunks + png[_HEADER_END:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")


def size_of(data: bytes, name: str) -> tuple[int, int]:
    """Width and height as the file's header tells them.

    Raises:
        BackendError: ``output_corrupt``.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        message = f"'{name}' cannot be read as an image: {error}"
        raise BackendError(Code.OUTPUT_CORRUPT, message) from error


def size_of_file(path: Path) -> tuple[int, int]:
    """Width and height of a local image that a stage begins with.

    Raises:
        BackendError: ``bad_job`` or ``input_missing``.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise BackendError(Code.INPUT_MISSING, f"there is no file '{path}'") from error
    try:
        return size_of(data, path.name)
    except BackendError as error:
        raise BackendError(Code.BAD_JOB, str(error)) from error
