"""All that one machine can find out about a share by itself, in one pass of a few seconds."""

from collections.abc import Callable
from functools import partial

from spoolctl.spool.doctor import exclusive, grounds, mounts, sights
from spoolctl.spool.doctor.findings import bad, reason, tried
from spoolctl.spool.doctor.space import judge_space
from spoolctl.spool.doctor.ward import Ward, own_desk
from spoolctl.spool.records import Finding

CHECKS: tuple[tuple[str, Callable[[Ward, str], list[Finding]]], ...] = (
    ("folder once", exclusive.exclusive_folder),
    ("file once", exclusive.exclusive_file),
    ("publish once", exclusive.hard_link),
    ("rename", exclusive.rename),
    ("seen", sights.visibility),
    ("locks", grounds.locks),
    ("clock", grounds.clock),
    ("users", grounds.permissions),
    ("names", sights.names),
    ("name case", sights.name_case),
    ("rate", grounds.rate),
)
"""What is tried in a folder of the doctor's own: the word that a failure is told under, and the check."""


def examine(ward: Ward) -> list[Finding]:
    """Look at a share from this machine alone. An error of the share is a finding, never an exception."""
    found = [
        *tried("mount", lambda: mounts.advise(ward.machine.mount())),
        *tried("synchronised", lambda: _synchronised(ward)),
        *tried("space", lambda: _space(ward)),
        *tried("folders", lambda: grounds.folders(ward)),
    ]
    try:
        with own_desk(ward) as desk:
            for number, (about, check) in enumerate(CHECKS):
                found += tried(about, partial(_in_room, ward, check, f"{desk}/room-{number}"))
    except OSError as error:
        hint = "see that the share is mounted, and that this user may write here"
        found.append(bad("write", f"cannot make a folder in '{ward.base}': {reason(error)}", hint))
    return found


def _in_room(ward: Ward, check: Callable[[Ward, str], list[Finding]], room: str) -> list[Finding]:
    ward.files.mkdir(room)
    return check(ward, room)


def _synchronised(ward: Ward) -> list[Finding]:
    program = ward.machine.synced_by()
    if program is None:
        return []
    said = f"this folder is kept in step by {program}: each machine would decide alone what runs, and find out later"
    return [bad("synchronised", said, "use a share (NFS or SMB) that all machines mount")]


def _space(ward: Ward) -> list[Finding]:
    space = ward.machine.space()
    return judge_space("space", space.free_bytes, space.files_free, where="the share")
