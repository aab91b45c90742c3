"""Names: how a file's name in the spool says which job it is.

A record's file is called ``[RANK+]NAME[~LABEL].yaml`` (also ``.yml`` and ``.json``).
``NAME`` is the job's identity. ``RANK`` is a person's wish to sort it elsewhere. ``LABEL`` is the attempt the job is
in or due for; it is shown to people and makes rename targets unique, and *nothing reads it*.

Guarantees: the same file name gives the same job on every machine, for ever; names that differ
only in case or Unicode form are one job (SMB cannot tell them apart); a name is legal on NTFS,
SMB and POSIX; no label, put on or taken off, makes a file another job's. Does not guarantee: that
nobody uses a name twice; the pinned record decides that.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass, replace

from spoolctl.spool.errors import BadRecord

NAME_CHARS_MAX = 120
FILE_NAME_BYTES_MAX = 255
"""In UTF-8; what ext4, XFS and Samba take at most (NTFS: as many UTF-16 units, which is never less)."""
LABEL_MAX = 999_999_999
SUFFIXES = (".yaml", ".yml", ".json")
SHELF_OF_SINGLES = "singles"

_LEGAL = re.compile(r"[a-z0-9_][a-z0-9._-]*\Z")
_LABELS = re.compile(r"(?:~[1-9][0-9]{0,8})+\Z")
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.|\Z)"
)
_PLAIN_RECORD = re.compile(r"[a-z0-9_][^\n]*\.(?:yaml|yml|json)\Z", re.ASCII | re.IGNORECASE)
_DIGEST = re.compile(r"-[0-9a-f]{10}\Z", re.ASCII)
_WORKER = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")
_IGNORED_NAMES = {"thumbs.db", "desktop.ini", "@eadir", "readme.txt", "lost+found", "$recycle.bin"}
_IGNORED_ENDS = (".tmp", ".part", ".partial", ".crdownload", ".swp", ".bak", "~", ".lock")


def is_ignored(file_name: str) -> bool:
    """True for names that are none of ours: temporary files, thumbnails, dot files, lock files."""
    lowered = file_name.lower()
    return (
        lowered.startswith((".", "~$", "$"))
        or lowered in _IGNORED_NAMES
        or lowered.endswith(_IGNORED_ENDS)
    )


def is_legal(name: str) -> bool:
    """True if *name* can be a job's name as it stands, without being folded."""
    return (
        len(name) <= NAME_CHARS_MAX
        and _LEGAL.match(name) is not None
        and not name.endswith(".")
        and ".." not in name
        and not any(is_device(part) for part in name.split("."))
    )


def is_device(part: str) -> bool:
    """True if Windows takes this part of a path for a device, whatever stands behind its first dot."""
    return _DEVICE.match(part.lower()) is not None


def fold(stem: str) -> str:
    """Return the job's name for what a person typed: without case, NFC, legal on every file system.

    A stem that is legal but for its case keeps its letters. Any other gets a short digest of its
    own text, so that ``My Job`` and ``my-job`` stay two jobs. The result is never a path.

    Case is folded, not lowered: a Greek word in capitals lowers to another text than the same word in
    small letters, whose last letter has a form of its own. Decomposed before and composed after, as the
    Unicode standard defines caseless matching (section 3.13, D145).
    """
    caseless = unicodedata.normalize("NFC", unicodedata.normalize("NFD", stem).casefold())
    if is_legal(caseless):
        return caseless
    plain = unicodedata.normalize("NFKD", caseless).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: NAME_CHARS_MAX - 20] or "job"
    text = caseless.encode("utf-8", "surrogatepass")  # a name that is not UTF-8 still has one job
    return f"{slug}-{hashlib.sha256(text).hexdigest()[:10]}"


def slug(text: str, *, chars_max: int = 24) -> str:
    """A short readable form of *text* for use inside a name: ``[a-z0-9-]``, possibly empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:chars_max].strip("-")


def shelf(name: str) -> str:
    """The shelf under ``results/`` on which a job lies: its name up to the last dot.

    A pure function of the name, because two actors that computed two paths would own one attempt twice.
    """
    return name.rpartition(".")[0] or SHELF_OF_SINGLES


def group_of(name: str, label: str | None) -> str:
    """The group that a job belongs to: its record's ``group``, else the shelf of its name, which jobs that were submitted together share.

    All jobs that came alone and name no group are one group, ``singles``, which never ends.
    """
    return label or shelf(name)


def is_worker_name(text: str) -> bool:
    """True for a worker's name: up to 40 of ``a-z 0-9 -``, not beginning with a dash, no device name."""
    return _WORKER.match(text) is not None and not is_device(text)


@dataclass(frozen=True)
class FileName:
    """A record's file name, taken apart. ``str()`` puts it together again."""

    name: str
    """The job this file is: folded, the key of its results folder."""
    shown: str
    """The stem as the person wrote it, without rank and (last) label; kept through every move."""
    rank: str = ""
    label: int | None = None
    suffix: str = ".yaml"

    def __str__(self) -> str:
        rank = f"{self.rank}+" if self.rank else ""
        label = f"~{self.label}" if self.label is not None else ""
        return f"{rank}{self.shown}{label}{self.suffix}"

    def labelled(self, attempt: int | None) -> "FileName":
        """The same job's file, labelled with the attempt it is in or due for."""
        return replace(self, label=attempt)


def parse_file_name(file_name: str) -> FileName | None:
    """Take a record's file name apart; None if it is not one (other suffix, or ignored)."""
    if is_ignored(file_name):
        return None
    lowered = file_name.lower()
    suffix = next((end for end in SUFFIXES if lowered.endswith(end)), None)
    if suffix is None:
        return None
    stem = file_name[: -len(suffix)]
    labels = _LABELS.search(stem)
    bare = stem[: labels.start()] if labels else stem
    rank, _, base = bare.rpartition("+")
    if not base.strip():  # "a+.yaml": a plus with nothing behind it makes no rank
        rank, base = "", bare
    if not base.strip():
        return None
    before, _, last = (labels.group() if labels else "").rpartition("~")
    # A plus with nothing before it makes no rank either, but "+a.yaml" is job "a" like "0+a.yaml". A second
    # label was put on by hand; it stays, and with any of them the file is the same job's.
    start = len(rank) + 1 if rank else 0
    return FileName(
        name=fold(base),
        shown=bare[start:] + before,
        rank=rank,
        label=int(last) if last else None,
        suffix=file_name[-len(suffix) :],
    )


def is_record_name(file_name: str) -> bool:
    """``parse_file_name(file_name) is not None``, at a tenth of its price: for who counts, or passes over, thousands."""
    plain = _PLAIN_RECORD.match(file_name) is not None
    return plain or parse_file_name(file_name) is not None


def may_be_of(file_name: str, name: str) -> bool:
    """False if a file called so is surely not that job's: for who looks for one job among thousands of files."""
    if not file_name.isascii() or _DIGEST.search(name):
        return True  # what it is called after folding need not be seen in what it is called before
    return name in file_name.lower()


def check_file_name(file: FileName) -> None:
    """Refuse a record's file name that could not be kept through every move.

    Raises:
        BadRecord: It is not UTF-8, or longer than ``FILE_NAME_BYTES_MAX`` with the longest label on it.
    """
    try:
        size = len(str(file.labelled(LABEL_MAX)).encode())
    except UnicodeEncodeError:
        raise BadRecord(
            "the file's name is not UTF-8 text", hint="rename it and drop it anew"
        ) from None
    if size > FILE_NAME_BYTES_MAX:
        most = FILE_NAME_BYTES_MAX - len(f"~{LABEL_MAX}")
        raise BadRecord(
            f"the file's name is too long: with the longest label it has {size} bytes, "
            f"and some servers take {FILE_NAME_BYTES_MAX}",
            hint=f"a shorter name; without a label it may have {most} bytes",
        )


def rank_of_priority(priority: int) -> str:
    """The rank prefix by which a plain name sort honours a priority (0 last, 50 none, 99 first).

    Names given by us begin with the year ("20..."), so "00".."19" sort before and "50".."99" behind.
    """
    if priority == 50:  # noqa: PLR2004 - the default of Job.priority
        return ""
    return f"{(99 - priority) * 19 // 48:02d}" if priority > 50 else f"{99 - priority:02d}"  # noqa: PLR2004
