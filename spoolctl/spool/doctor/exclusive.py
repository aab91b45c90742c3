"""Does the share refuse what must be refused? Exclusive folders and files, publishing by hard link, replacing by rename; tried alone.

One client alone can only show that the server says no to the *same* client. Two at the same instant are tried by ``peer``.
"""

from collections.abc import Callable

from spoolctl.spool.doctor.findings import bad, ok, reason
from spoolctl.spool.doctor.ward import Ward
from spoolctl.spool.records import Finding

USE_ANOTHER = "do not put a spool here; use an NFS export or an SMB share (synchronised folders and online stores do not work)"
_BYTES_MAX = 1 << 16


def exclusive_folder(ward: Ward, room: str) -> list[Finding]:
    """A folder can be made once: every attempt of a job is taken so."""
    folder = f"{room}/once"
    ward.files.mkdir(folder)
    if _refused(lambda: ward.files.mkdir(folder)):
        return [
            ok(
                "folder once",
                "a folder that is there cannot be made again: attempts are taken by one worker only",
            )
        ]
    said = "the share makes one folder twice: two workers would both be told that a job is theirs"
    return [bad("folder once", said, USE_ANOTHER)]


def exclusive_file(ward: Ward, room: str) -> list[Finding]:
    """A file can be made exclusively (O_EXCL)."""
    path = f"{room}/file"
    ward.files.write_new(path, b"first")
    refused = _refused(lambda: ward.files.write_new(path, b"second"))
    if refused and ward.files.read(path, bytes_max=_BYTES_MAX) == b"first":
        return [ok("file once", "a file that is there cannot be made again (O_EXCL)")]
    said = "the share makes one file twice, and the second overwrites the first"
    return [bad("file once", said, USE_ANOTHER)]


def hard_link(ward: Ward, room: str) -> list[Finding]:
    """A file is published once: an own temporary, a hard link to a name that must not exist."""
    files, about = ward.files, "publish once"
    mine, other, final = f"{room}/mine", f"{room}/other", f"{room}/final"
    files.write_new(mine, b"mine")
    files.write_new(other, b"other")
    try:
        files.link(mine, final)
    except OSError as error:
        hint = "use NFS, or SMB on ZFS, ext4 or NTFS; not FAT or exFAT. With Samba or TrueNAS see that hard links are not switched off"
        said = f"the share makes no hard links ({reason(error)}): no verdict could be published"
        return [bad(about, said, hint)]
    if files.read(final, bytes_max=_BYTES_MAX) != b"mine":
        return [bad(about, "a hard link does not hold what was linked", USE_ANOTHER)]
    refused = _refused(lambda: files.link(other, final))
    if not refused or files.read(final, bytes_max=_BYTES_MAX) != b"mine":
        said = "a hard link replaces what is there: a verdict on a job could be overwritten"
        return [bad(about, said, USE_ANOTHER)]
    files.unlink(mine)
    if files.read(final, bytes_max=_BYTES_MAX) != b"mine":
        return [bad(about, "a hard link goes when the other name goes", USE_ANOTHER)]
    return [
        ok(
            about,
            "a hard link to a name that is taken is refused: verdicts are published once and stay",
        )
    ]


def rename(ward: Ward, room: str) -> list[Finding]:
    """A record moves by rename, and a heartbeat is replaced by one."""
    files, about = ward.files, "rename"
    old, new, fresh = f"{room}/old", f"{room}/new", f"{room}/fresh"
    files.write_new(old, b"a record")
    files.rename(old, new)
    listed = files.names(room)
    if "old" in listed or "new" not in listed:
        said = "after a rename the file is not under its new name only: jobs would be seen in two folders, or in none"
        return [bad(about, said, USE_ANOTHER)]
    files.write_new(fresh, b"replaced")
    try:
        files.rename(fresh, new)
    except OSError as error:
        said = f"a rename does not replace what is there ({reason(error)}): no heartbeat could be written twice"
        return [bad(about, said, USE_ANOTHER)]
    if files.read(new, bytes_max=_BYTES_MAX) != b"replaced":
        return [bad(about, "a rename onto a file leaves the old content", USE_ANOTHER)]
    return [
        ok(
            about,
            "a rename moves, and replaces, in one step: records and heartbeats are whole at any time",
        )
    ]


def _refused(call: Callable[[], None]) -> bool:
    try:
        call()
    except FileExistsError:
        return True
    return False
