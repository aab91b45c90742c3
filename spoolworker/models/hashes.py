"""SHA-256 of model files, remembered on this machine, and the short hashes that WebUI shows.

Guarantees: what is remembered is of a file of that path, size and time of change; a file that changed while it was read is not
remembered; the cache on disk is whole or not there, and one that cannot be read is made anew. Does not notice a file whose contents were
changed while size and time stayed the same.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeGuard

from spoolworker.models.scan import Kind, ModelFile

ENTRIES_MAX = 20_000
_BLOCK_BYTES = 1 << 20
_HEADER_BYTES_MAX = 100_000_000
"""The longest that the safetensors library itself reads."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHORT_CHARS: dict[Kind, int] = {"checkpoints": 10, "vaes": 10, "loras": 12, "embeddings": 12}


@dataclass(frozen=True)
class Digests:
    """Of one file."""

    sha256: str
    lora: str | None = None
    """What WebUI goes by for a LoRA (see ``short_hash``); ``None`` for all others, and for a file that is not what it is called."""


def short_hash(kind: Kind, digests: Digests) -> str | None:
    """The short hash that WebUI shows of such a file; ``None`` for those of which it shows none.

    Checkpoints and VAEs: the first 10 digits of the SHA-256; embeddings: 12. LoRAs: the first 12 of ``sshs_model_hash`` in the file's
    metadata, which kohya's trainer leaves there, else of the SHA-256 of the file without its header; of a file that is no safetensors, of
    the whole. So it is in lower case, as in the infotext's ``Lora hashes``.

    Source: AUTOMATIC1111 1.10.1: ``modules/sd_models.py`` (``CheckpointInfo``), ``modules/sd_vae.py`` (``get_loaded_vae_hash``),
    ``modules/textual_inversion/textual_inversion.py`` (``set_hash``), ``extensions-builtin/Lora/network.py`` (``NetworkOnDisk``) and
    ``modules/hashes.py`` (``addnet_hash_safetensors``). The eight digits of older versions, of 64 KB in the midst of the file, are left
    out.
    """
    chars = _SHORT_CHARS.get(kind)
    whole = digests.lora if kind == "loras" else digests.sha256
    return whole[:chars] if whole and chars else None


def read_digests(
    file: ModelFile, *, is_stopped: Callable[[], bool] = lambda: False
) -> Digests | None:
    """Read the whole file; some seconds for a large one, minutes on a slow share.

    Args:
        file: As it was seen.
        is_stopped: Asked at each MB; once it says true the reading ends.

    Returns:
        ``None`` if the file is no longer as it was seen, or changed meanwhile, or if it was stopped.

    Raises:
        OSError: It cannot be read.
    """
    whole, body, at = hashlib.sha256(), hashlib.sha256(), 0
    with file.path.open("rb") as stream:
        if not _is_as_seen(stream, file):
            return None
        begins, said = _lora_body(stream, file) if file.kind == "loras" else (None, None)
        stream.seek(0)
        while block := stream.read(_BLOCK_BYTES):
            at += len(block)
            if is_stopped() or at > file.bytes:  # it grows, perhaps as fast as it is read
                return None
            whole.update(block)
            if begins is not None:
                body.update(block[max(0, begins - (at - len(block))) :])
        if at != file.bytes or not _is_as_seen(stream, file):
            return None
    return Digests(whole.hexdigest(), said or (body.hexdigest() if begins is not None else None))


def _is_as_seen(stream: BinaryIO, file: ModelFile) -> bool:
    now = os.fstat(stream.fileno())
    return (now.st_size, now.st_mtime_ns) == (file.bytes, file.mtime_ns)


def _lora_body(stream: BinaryIO, file: ModelFile) -> tuple[int | None, str | None]:
    """Where what is hashed of a LoRA begins, and the hash that its own metadata say; a file that is not what it is called has neither."""
    if file.path.suffix.lower() != ".safetensors":
        return 0, None
    length = int.from_bytes(stream.read(8), "little")
    if not 0 < length <= min(_HEADER_BYTES_MAX, file.bytes - 8):
        return None, None
    try:
        metadata = json.loads(stream.read(length)).get("__metadata__", {})
        said = metadata.get("sshs_model_hash")
    except (ValueError, RecursionError, AttributeError):
        return None, None
    return 8 + length, said if isinstance(said, str) and _SHA256.fullmatch(said) else None


class HashCache:
    """What is known of this machine's files, in memory and in one JSON file. For one thread.

    Args:
        file: On a local disk; of one worker alone.
        on_fault: Told in one line when it cannot be read or written; the work goes on without.
    """

    def __init__(self, file: Path, on_fault: Callable[[str], None]) -> None:
        self._file = file
        self._on_fault = on_fault
        self._known = _read(file, on_fault)
        self._is_new = False

    def get(self, file: ModelFile) -> Digests | None:
        """What is known of that file as it is now."""
        found = self._known.get(str(file.path))
        if found is None or found[:2] != (file.bytes, file.mtime_ns):
            return None
        return found[2]

    def keep(self, file: ModelFile, digests: Digests) -> None:
        """Remember; on disk with the next ``save``."""
        self._known[str(file.path)] = (file.bytes, file.mtime_ns, digests)
        self._is_new = True

    def save(self, there: Iterable[ModelFile]) -> None:
        """Write it if there is anything new.

        Args:
            there: What the last scan found. Others are forgotten only when there are too many: a share that is away for an hour must
                not cost a night of reading.
        """
        if not self._is_new:
            return
        if len(self._known) > ENTRIES_MAX:
            paths = {str(one.path) for one in there}
            self._known = {path: known for path, known in self._known.items() if path in paths}
        told = {
            path: {"bytes": size, "mtime_ns": mtime_ns, "sha256": one.sha256, "lora": one.lora}
            for path, (size, mtime_ns, one) in self._known.items()
        }
        temporary = self._file.with_suffix(".tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps({"version": 1, "files": told}), encoding="ascii")
            temporary.replace(self._file)
        except OSError as error:
            self._on_fault(f"'{self._file}' cannot be written: {error.strerror or error}")
        else:
            self._is_new = False


_Known = dict[str, tuple[int, int, Digests]]


def _read(file: Path, on_fault: Callable[[str], None]) -> _Known:
    """What is remembered; nothing of what somebody spoilt."""
    try:
        told = json.loads(file.read_bytes())["files"].items()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        on_fault(f"'{file}' cannot be read, and is made anew: {error!r}"[:300])
        return {}
    return {path: known for path, one in told if (known := _entry(one)) is not None}


def _entry(one: object) -> tuple[int, int, Digests] | None:
    if not isinstance(one, dict):
        return None
    size, mtime_ns, sha256, lora = (one.get(k) for k in ("bytes", "mtime_ns", "sha256", "lora"))
    if not isinstance(size, int) or not isinstance(mtime_ns, int):
        return None
    if not _is_digest(sha256) or not (lora is None or _is_digest(lora)):
        return None
    return size, mtime_ns, Digests(sha256, lora)


def _is_digest(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None
