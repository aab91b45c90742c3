"""Committed images with a manifest each, as StableNew's scanner of its output folder finds them.

Guarantees: an image is a copy, read back and found as it was committed; its manifest comes after it, so that the scanner meets no manifest
without its image; what is there already is never overwritten, even if StableNew has written its review into it; done again, it does what
is left. Nothing outside the results of the spool is read, nothing outside the folder written.
Does not guarantee that StableNew groups them: it wants three or more that differ in what it compares.

Hard links were rejected: what another program does to its file would be done to the commit.

Source of the format: StableNew2, ``src/learning/output_scanner.py``: ``**/manifests/*.json``, each beside ``../<stem>.png``; it reads
``generation`` whole, and of ``config`` nothing.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from spoolctl.corpus.files import LOCK_TIMEOUT_S, locked
from spoolctl.index import Image
from spoolctl.spool import Actor, ShareUnusable, UsageError, is_legal, shelf

MANIFESTS: Final = "manifests"
_TEMPORARY = ".spool-export.tmp"
"""One name is enough under a lock, and what a crash left is overwritten. No scanner takes it for an image or a manifest."""
_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp"})


@dataclass(frozen=True)
class LaidOut:
    """Counts of images: laid out now, there before, no longer on the share, not as they were committed."""

    made: int
    already: int
    gone: int
    changed: int


def lay_out(
    actor: Actor,
    root: Path,
    images: Iterable[Image],
    folder: Path,
    *,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
) -> LaidOut:
    """Lay images out in *folder*, as ``<shelf>/<job>-<image>.png`` with ``<shelf>/manifests/<job>-<image>.json``.

    Args:
        actor: Who reads the spool.
        root: The spool's folder as this machine has it.
        images: Which, from the index.
        folder: Where to; made if only it is missing. ``output/<any name>`` of StableNew is meant.
        lock_timeout_s: How long to wait for another export.

    Raises:
        UsageError: There is no folder to make it in, or it lies in the spool.
        StateForbids: Another export does not end.
        ShareUnusable: Reading or writing failed; the next call goes on.
    """
    if folder.resolve().is_relative_to(root.resolve()):
        raise UsageError(
            f"cannot lay images out in '{folder}': it lies in the spool",
            hint="name a folder of StableNew's, such as output/spool",
        )
    if not folder.parent.is_dir():
        raise UsageError(
            f"cannot lay images out in '{folder}': there is no folder '{folder.parent}'",
            hint="name a folder of StableNew's, such as output/spool",
        )
    counts: Counter[str] = Counter()
    with locked(folder, timeout_s=lock_timeout_s):
        try:
            folder.mkdir(exist_ok=True)
            for image in images:
                counts[_lay_out(actor, image, folder)] += 1
        except OSError as error:
            raise ShareUnusable(f"cannot lay images out in '{folder}': {error}") from error
        finally:
            (folder / _TEMPORARY).unlink(missing_ok=True)
    return LaidOut(counts["made"], counts["already"], counts["gone"], counts["changed"])


def manifest(image: Image, path: Path) -> dict[str, Any]:
    """What StableNew's readers are told of an image that lies at *path*."""
    seed = int(image.seed) if image.seed else -1
    return {
        "stage": image.stage or "txt2img",
        "timestamp": (image.ended or "").replace("-", "").replace(":", "").replace("T", "_"),
        "job_id": image.job_id or image.job,
        "run_id": path.parent.name,
        "name": path.stem,
        "path": str(path),
        "output_path": str(path),
        "model": image.model or "",
        "actual_seed": seed,
        "generation": {
            "stage": image.stage or "txt2img",
            "prompt": image.prompt,
            "negative_prompt": image.negative_prompt,
            "model": image.model or "",
            "vae": "",
            "sampler_name": image.sampler or "",
            "scheduler": image.scheduler or "",
            "steps": image.steps or 0,
            "cfg_scale": image.cfg_scale or 0.0,
            "width": image.width or 0,
            "height": image.height or 0,
            "seed": seed,
        },
        "spool": {
            "run_id": image.run_id, "job": image.job, "image_index": image.image_index, "group": image.group,
            "worker": image.worker, "path": image.path, "sha256": image.sha256,
        },
    }  # fmt: skip


def _lay_out(actor: Actor, image: Image, folder: Path) -> str:
    source = _source(image)
    if source is None:
        return "gone"
    stem = f"{image.job}-{image.image_index:04d}"
    path = folder / shelf(image.job) / f"{stem}{source.suffix}"
    beside = path.parent / MANIFESTS / f"{stem}.json"
    if beside.exists():
        return "already"
    temporary = folder / _TEMPORARY
    if not path.exists():
        try:
            found = actor.files.fetch(str(source), temporary)
        except FileNotFoundError:
            return "gone"
        if found.sha256 != image.sha256:
            return "changed"
        _put(temporary, path)
    told = manifest(image, path.absolute())
    temporary.write_text(json.dumps(told, indent=2, allow_nan=False), encoding="utf-8")
    _put(temporary, beside)
    return "made"


def _put(temporary: Path, path: Path) -> None:
    """Whole under its name: on the disk first, so that no crash leaves an empty file there."""
    with temporary.open("r+b") as file:
        os.fsync(file.fileno())
    path.parent.mkdir(exist_ok=True)
    temporary.rename(path)


def _source(image: Image) -> PurePosixPath | None:
    """Where the image lies in the spool; ``None`` if the ledger, which people can edit, leads elsewhere."""
    source = PurePosixPath(image.path or "")
    inside = source.parts[:1] == ("results",) and ".." not in source.parts
    known = is_legal(image.job) and source.suffix in _SUFFIXES
    return source if inside and known and "\\" not in str(source) else None
