"""Small files that look like models, for tests of what a worker finds in its folders."""

import hashlib
import json
from pathlib import Path

from spoolworker.models import Digests, ModelFile


def safetensors(metadata, tensors):
    header = json.dumps({"__metadata__": metadata}).encode()
    return len(header).to_bytes(8, "little") + header + tensors


def sha(data):
    return hashlib.sha256(data).hexdigest()


def put(folder, name, data=b"weights"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def seen(path, kind="checkpoints"):
    """The file as a scan sees it."""
    stat = path.stat()
    return ModelFile(kind, path.name, path, stat.st_size, stat.st_mtime_ns)


def known(kind, name, digest="a", size=10):
    """A file of a folder and its digest, made up."""
    file = ModelFile(kind, name, Path("/models") / name, size, 1)
    return file, Digests(digest * 64) if digest else None
