"""The grounds that a spool stands on: permissions, clock, locks, and how fast the share is."""

from collections.abc import Callable
from dataclasses import dataclass
from stat import S_ISVTX, S_IWGRP, S_IWOTH
from typing import Any

from spoolctl.spool import layout
from spoolctl.spool.doctor.findings import bad, note, ok, warning
from spoolctl.spool.doctor.ward import Owner, Ward
from spoolctl.spool.records import Finding

CLOCK_NOTED_S = 5.0
CLOCK_WARNED_S = 60.0
_SMB_SETTLES_S = 1.5
"""Until a Linux client over SMB asks for a folder's time again; before, it shows its own clock's."""
_TRIES = 20
_SECONDS_MAX = 2.0
_SLOW_PER_S = 10.0
_MODES_HINT = (
    "for several users: one group on all machines, and 'modes' in spool.yaml (files '0664', "
    "folders '2775', group), as 'spoolctl init "
    "--modes-files 0664 --modes-folders 2775 --group NAME' sets them"
)


def folders(ward: Ward) -> list[Finding]:
    """May this user make, move and remove files in every folder of the spool?"""
    wanted = layout.FOLDERS if ward.is_spool else ("",)
    closed, sticky, foreign = [], [], []
    user = ward.machine.user()
    for folder in wanted:
        try:
            owner = ward.machine.owner(folder)
        except FileNotFoundError:
            closed.append(f"{folder} (missing)")
            continue
        if not ward.machine.may_write(folder):
            closed.append(folder or "this folder")
        if owner is not None and owner.mode & S_ISVTX and user not in (0, owner.uid):
            sticky.append(folder or "this folder")
        if owner is not None and owner.uid != user:
            foreign.append(folder)
    if closed:
        said = f"this user may not write in {_some(closed)}: jobs there cannot be moved or run from here"
        return [bad("folders", said, f"make missing folders; {_MODES_HINT}", closed=closed)]
    if sticky:
        said = f"the sticky bit is set on {_some(sticky)}: what another user made there cannot be moved from here"
        return [bad("folders", said, "remove it: chmod -t on these folders", sticky=sticky)]
    whose = ", though another user made some" if foreign and ward.is_spool else ""
    what = "every folder of the spool" if ward.is_spool else "this folder"
    return [
        ok("folders", f"this user may make and move files in {what}{whose}", foreign=len(foreign))
    ]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - as many as fit a line
    return ", ".join(f"'{name}'" for name in names[:3]) + more


def permissions(ward: Ward, room: str) -> list[Finding]:
    """Can other users change what this one makes?"""
    folder, file = f"{room}/made", f"{room}/made/file"
    ward.files.mkdir(folder)
    ward.files.write_new(file, b"whose is it")
    of_file, of_folder = ward.machine.owner(file), ward.machine.owner(folder)
    if of_file is None or of_folder is None:
        return [
            note(
                "users",
                "permissions between users cannot be seen on Windows; 'spoolctl doctor --peer' tries them",
            )
        ]
    facts: dict[str, Any] = {
        "uid": of_file.uid,
        "gid": of_file.gid,
        "file": f"{of_file.mode:04o}",
        "folder": f"{of_folder.mode:04o}",
    }
    found = []
    user = ward.machine.user()
    if of_file.uid != user:
        said = f"what user {user} makes here belongs to user {of_file.uid}: the share maps users (root squash, or SMB's uid= option)"
        found.append(
            note(
                "users",
                said,
                "fine if all machines are mapped to users who may change each other's files",
                **facts,
            )
        )
    mount = ward.machine.mount()
    if mount is not None and mount.is_smb:
        said = "permissions shown on SMB are this machine's own; the server's decide. 'spoolctl doctor --peer' tries them"
        return [*found, note("users", said, **facts)]
    return [*found, _judge_modes(of_file, of_folder, facts)]


def _judge_modes(file: Owner, folder: Owner, facts: dict[str, Any]) -> Finding:
    shown = f"(files {facts['file']}, folders {facts['folder']}, group {file.gid})"
    if folder.mode & S_IWOTH:
        return ok("users", f"any user can move and remove what this one makes {shown}", **facts)
    if folder.mode & S_IWGRP and file.mode & S_IWGRP:
        return ok(
            "users",
            f"users of group {file.gid} can move and remove what this one makes {shown}",
            **facts,
        )
    said = f"only this user can move and remove what it makes {shown}: fine if all machines use the share as the same user"
    return note("users", said, _MODES_HINT, **facts)


@dataclass(frozen=True)
class ClockReading:
    """The share's clock against this machine's, at one moment."""

    ahead_s: float
    """How far this machine's wall clock is ahead of the share's."""
    share_minus_mono_s: float
    """What to add to this machine's monotonic clock to get the share's."""


def read_clock(ward: Ward, room: str) -> ClockReading:
    """Read the share's clock: make folders, look at their times, believe the quickest.

    Folders and not files, because SMB stamps a file with its writer's clock.
    """
    clock = ward.actor.clock
    made = []
    for number in range(3):
        folder = f"{room}/clock-{ward.actor.entropy.token()}-{number}"
        mono, utc_s = clock.mono(), clock.utc_s()
        ward.files.mkdir(folder)
        after = clock.mono()
        made.append((after - mono, folder, (mono + after) / 2, utc_s + (after - mono) / 2))
    mount = ward.machine.mount()
    if mount is not None and mount.is_smb:
        ward.sleep(_SMB_SETTLES_S)
    _, folder, mono, utc_s = min(made)
    share_s = ward.files.stat(folder).mtime_s
    return ClockReading(utc_s - share_s, share_s - mono)


def clock(ward: Ward, room: str) -> list[Finding]:
    """How far this machine's clock is off the share's."""
    return [
        judge_clock("clock", "this machine's clock", "the share's", read_clock(ward, room).ahead_s)
    ]


def judge_clock(about: str, mine: str, theirs: str, ahead_s: float) -> Finding:
    """What it means that two clocks differ by so much."""
    facts = {"ahead_s": round(ahead_s, 3)}
    side = "ahead of" if ahead_s > 0 else "behind"
    if abs(ahead_s) < CLOCK_NOTED_S:
        return ok(
            about, f"{mine} and {theirs} agree within {max(abs(ahead_s), 0.05):.2f} s", **facts
        )
    said = f"{mine} is {_span(abs(ahead_s))} {side} {theirs}: nothing is decided by that, but ages and moments that are shown mislead"
    hint = "let both machines set their clocks by the network (NTP); 'not_before' is judged by the share's clock"
    if abs(ahead_s) < CLOCK_WARNED_S:
        return note(about, said, hint, **facts)
    return warning(about, said, hint, **facts)


def _span(seconds: float) -> str:
    units = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))
    for length, unit in units:
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s"


def locks(ward: Ward, room: str) -> list[Finding]:
    """Does the share have locks, and do two on one file exclude each other?"""
    about, path = "locks", f"{room}/held.lock"
    hint = "NFS 3 needs rpc.statd and rpcbind on both sides; take 'nolock' and 'nobrl' out of the mount options"
    try:
        release = ward.machine.lock(path)
        second = ward.machine.lock(path)
    except OSError as error:
        said = f"the share refuses locks ({error.strerror or error}): a worker cannot take its name and does not start"
        return [
            bad(
                about,
                said,
                f"{hint}. The controller runs without: 'spoolctl controller run --no-lock'",
            )
        ]
    if release is None:
        return [
            bad(
                about,
                "the lock of a file that nobody has was refused: a worker cannot take its name and does not start",
                hint,
            )
        ]
    release()
    if second is not None:
        second()
        said = "two locks of one file are both granted: two controllers, or two workers of one name, notice each other late"
        return [warning(about, said, hint)]
    third = ward.machine.lock(path)
    if third is None:
        return [warning(about, "a lock that was released is still held", hint)]
    third()
    said = "a lock keeps others out and is free again when released; no job's fate rests on one"
    return [ok(about, said)]


def rate(ward: Ward, room: str) -> list[Finding]:
    """How many operations a second, one after the other."""
    files, folder = ward.files, f"{room}/rate"
    files.mkdir(folder)
    data = b"x" * 1024
    created, made = _rate(ward, lambda n: files.write_new(f"{folder}/{n}", data), _TRIES)
    rates = {
        "create": created,
        "read": _rate(ward, lambda n: files.read(f"{folder}/{n}", bytes_max=2048), made)[0],
        "rename": _rate(ward, lambda n: files.rename(f"{folder}/{n}", f"{folder}/{n}-moved"), made)[
            0
        ],
        "list": _rate(ward, lambda _n: files.names(folder), _TRIES)[0],
        "mkdir": _rate(ward, lambda n: files.mkdir(f"{folder}/d{n}"), _TRIES)[0],
    }
    known = {what: per_s for what, per_s in rates.items() if per_s is not None}
    told = (
        ", ".join(f"{what} {_number(per_s)}" for what, per_s in known.items()) or "too fast to tell"
    )
    slowest = min(known, key=lambda what: known[what], default=None)
    if slowest is None or known[slowest] >= _SLOW_PER_S:
        return [ok("rate", f"operations a second, one after the other: {told}", **known)]
    said = f"operations a second, one after the other: {told}. A job takes about 40, so it costs seconds here beside its own work"
    hint = "is it a wireless or far link, or a server that is busy? Folders with many files are slow to list on SMB"
    return [warning("rate", said, hint, **known)]


def _number(per_s: float) -> str:
    return f"{per_s:,.0f}" if per_s >= _SLOW_PER_S else f"{per_s:.1f}"


def _rate(ward: Ward, call: Callable[[int], object], tries: int) -> tuple[float | None, int]:
    """Calls a second (``None``: too fast to be measured), and how many were made before time was up."""
    start = ward.mono()
    done = 0
    while done < tries and (done == 0 or ward.mono() - start < _SECONDS_MAX):
        call(done)
        done += 1
    took_s = ward.mono() - start
    return (round(done / took_s, 1) if took_s > 0 else None), done
