"""Free space: what it means for images that have to be delivered. Pure."""

from spoolctl.spool.doctor.findings import bad, ok, warning
from spoolctl.spool.records import Finding

IMAGE_BYTES = 2_000_000
"""About what a finished image takes."""
BAD_BYTES = 100 * IMAGE_BYTES
LOW_BYTES = 2_500 * IMAGE_BYTES
FILES_LOW = 10_000
RETAIN_LESS = "free some space, or set 'retention' in spool.yaml so that old images are removed"


def judge_space(
    about: str, free_bytes: int, files_free: int | None, *, where: str, hint: str = RETAIN_LESS
) -> list[Finding]:
    """What free space means.

    Args:
        about: The finding's word.
        free_bytes: What this user may still write.
        files_free: How many files can still be made; ``None`` if that is not limited.
        where: "the share", or a folder.
        hint: What to do if it is little.
    """
    facts = {"free_bytes": free_bytes, "files_free": files_free}
    said = f"{where} has {free_bytes / 1e9:.1f} GB left, about {free_bytes // IMAGE_BYTES:,} images of 2 MB"
    found = [ok(about, said, **facts)]
    if free_bytes < BAD_BYTES:
        found = [bad(about, f"{said}: results cannot be delivered soon", hint, **facts)]
    elif free_bytes < LOW_BYTES:
        found = [warning(about, said, hint, **facts)]
    if files_free is not None and files_free < FILES_LOW:
        found.append(
            warning(
                about,
                f"{where} can take only {files_free:,} more files, and a job makes about ten",
                hint,
                **facts,
            )
        )
    return found
