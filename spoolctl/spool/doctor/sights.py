"""How soon is something seen, under which names can it lie, and are two spellings one name?"""

from collections.abc import Callable
from contextlib import suppress

from spoolctl.spool.doctor.findings import bad, note, ok, reason, warning
from spoolctl.spool.doctor.ward import Ward
from spoolctl.spool.records import Finding, Settings

POLL_S = 0.05
LIMIT_ALONE_S = 5.0
AT_ONCE_S = 0.5
FRESH_S = 3.0
"""A bare name that is right this soon misleads nobody."""
BARE = "seen by name"
"""The one look that the spool does without."""
_MOUNT_HINT = "NFS: mount with 'actimeo=1' or 'lookupcache=none'; SMB: 'actimeo=1', never more. 'spoolctl doctor --peer' measures it anew"
_LONGEST = 255
_OWN = (
    "0+a-job~3.yaml",
    ".0123456789abcdef.tmp",
    "_a.b-c.0001.yaml",
    "tower-0-20261120t220000z-01234567.session",
    "w" * 200,
)
"""Names as the spool gives them, and as people get by its rules."""
_FOREIGN = (
    "a:b",
    "a*b",
    "a?b",
    'a"b',
    "a<b",
    "a|b",
    "a\\b",
    "dot.",
    "blank ",
    "con",
    "nul.txt",
    "\u00e9t\u00e9",
)


def visibility(ward: Ward, room: str) -> list[Finding]:
    """How soon this machine itself sees what it did, at a second look."""
    files, folder = ward.files, f"{room}/see"
    path, fresh = f"{folder}/new", f"{folder}/fresh"
    files.mkdir(folder)
    ward.machine.exists_by_name(path)  # a cache may remember from now on that it is not there
    files.write_new(path, b"old")
    seen = {
        "seen in listing": _until(ward, lambda: "new" in files.names(folder)),
        BARE: _until(ward, lambda: ward.machine.exists_by_name(path)),
    }
    files.write_new(fresh, b"new")
    files.rename(fresh, path)
    seen["content replaced"] = _until(ward, lambda: files.read(path, bytes_max=16) == b"new")
    files.unlink(path)
    seen["removed"] = _until(ward, lambda: "new" not in files.names(folder))
    slow = [
        found
        for about, delay_s in seen.items()
        if (
            found := judge_delay(about, "what this machine does itself", delay_s, ward.settings)
        ).severity
        != "ok"
        or (delay_s or 0) >= 1
    ]
    if slow:
        return slow
    said = "this machine sees its own changes at once, in listings, by name and in content; what others see, 'doctor --peer' tells"
    return [ok("seen", said, seconds=seen)]


def _until(ward: Ward, seen: Callable[[], bool]) -> float | None:
    """Seconds until *seen*; ``None`` if it was not within ``LIMIT_ALONE_S``."""
    start = ward.mono()
    while True:
        if seen():
            return round(ward.mono() - start, 3)
        if ward.mono() - start >= LIMIT_ALONE_S:
            return None
        ward.sleep(POLL_S)


def judge_delay(about: str, what: str, delay_s: float | None, settings: Settings) -> Finding:
    """What it means that something is seen so late.

    Args:
        about: The kind of look; ``BARE`` is the one that the spool does not rely on.
        what: What is to be seen, and by whom, in words.
        delay_s: Seconds; ``None`` if it was not seen within the time that the check took.
        settings: The spool's, by which a delay is too long or not.
    """
    facts = {"seconds": None if delay_s is None else round(delay_s, 3)}
    said = f"{what} was not seen while we looked"
    if delay_s is not None:
        said = f"{what} is seen {'at once' if delay_s < AT_ONCE_S else f'after {delay_s:.1f} s'}"
    if delay_s is not None and delay_s < min(FRESH_S, settings.heartbeat_s):
        return ok(about, said, **facts)
    if about == BARE:
        said += ", by its name alone. The spool lists folders first and is not misled; scripts of your own may be"
        return note(about, said, _MOUNT_HINT, **facts)
    if delay_s is None or delay_s >= settings.lease_s / 3:
        said += f": workers that live would be taken for dead (the lease is {settings.lease_s:g} s)"
        hint = f"{_MOUNT_HINT}; a folder that a program synchronises is no share"
        return bad(about, said, hint, **facts)
    if delay_s >= settings.heartbeat_s:
        said += f", later than a heartbeat ({settings.heartbeat_s:g} s): status lags, and stopping a job takes longer"
        return warning(about, said, _MOUNT_HINT, **facts)
    said += f"; a heartbeat comes every {settings.heartbeat_s:g} s, so nothing suffers"
    return ok(about, said, **facts)


def judge_both(
    about: str, here_s: float | None, there_s: float | None, settings: Settings
) -> list[Finding]:
    """As ``judge_delay``, of two machines: what this one sees late of the other, and the other of this one."""
    here = judge_delay(about, "what the other machine does", here_s, settings)
    there = judge_delay(about, "over there, what this machine does", there_s, settings)
    if here.severity != there.severity:
        return [here, there]
    worst_s = None if here_s is None or there_s is None else max(here_s, there_s)
    both = judge_delay(about, "on both machines, what the other does", worst_s, settings)
    return [
        both.model_copy(
            update={"facts": {"seconds": worst_s, "here_s": here_s, "there_s": there_s}}
        )
    ]


def name_case(ward: Ward, room: str) -> list[Finding]:
    """Are two spellings one name?"""
    files, folder = ward.files, f"{room}/case"
    files.mkdir(folder)
    files.write_new(f"{folder}/job", b"lower")
    try:
        files.write_new(f"{folder}/JOB", b"upper")
    except FileExistsError:
        said = "'job' and 'JOB' are one file here, as on Windows; the spool's own names are lower case and jobs' names are folded"
        return [ok("name case", said, case_sensitive=False)]
    kept = files.read(f"{folder}/job", bytes_max=16) == b"lower"
    both = {"job", "JOB"} <= set(files.names(folder))
    if not (kept and both):
        said = "making 'JOB' changed the file 'job': the share tells names apart when it makes files, but not when it keeps them"
        return [bad("name case", said, "do not put a spool here", case_sensitive=None)]
    said = "'job' and 'JOB' are two files here; the spool treats them as one job on every machine"
    return [ok("name case", said, case_sensitive=True)]


def names(ward: Ward, room: str) -> list[Finding]:
    """Does the share keep the spool's own names as they are, and what does it do to others?"""
    folder = f"{room}/names"
    ward.files.mkdir(folder)
    fates = {name: _fate(ward, folder, name) for name in _OWN}
    lost = [name for name, fate in fates.items() if fate != "kept"]
    found = []
    if lost:
        said = f"the share does not keep a name like '{lost[0][:40]}' ({fates[lost[0]]}), which a spool needs"
        hint = "an encrypting file system may take 143 characters only: use another folder"
        found.append(bad("names", said, hint, fates=fates))
    elif _fate(ward, folder, "l" * _LONGEST) != "kept":
        said = f"the share refuses names of {_LONGEST} characters; files with very long names cannot be dropped here"
        found.append(note("names", said, "keep files' names below 140 characters"))
    if (
        ward.machine.on_windows
    ):  # there the system itself decides, and opening some of these names opens a device
        return found or [ok("names", "the spool's own names are kept as they are")]
    foreign = {name: _fate(ward, folder, name) for name in _FOREIGN}
    changed = [name for name, fate in foreign.items() if fate == "changed"]
    refused = [name for name, fate in foreign.items() if fate.startswith("refused")]
    if changed:
        told = " ".join(f"'{name}'" for name in changed)
        said = f"the share shows some odd names differently than they were given: {told}. The spool gives no such names"
        found.append(
            note(
                "odd names",
                said,
                "rename files that are called so before you drop them here",
                changed=changed,
            )
        )
    if not found:
        more = f"; it refuses {len(refused)} odd ones that the spool never gives" if refused else ""
        found.append(
            ok("names", f"the spool's own names are kept as they are{more}", refused=refused)
        )
    return found


def _fate(ward: Ward, folder: str, name: str) -> str:
    """``kept``, ``changed`` or ``refused: ...``: what became of a file of that name."""
    try:
        ward.machine.create(folder, name)
    except (OSError, ValueError) as error:
        return f"refused: {reason(error) if isinstance(error, OSError) else error}"
    fate = "kept" if name in ward.files.names(folder) else "changed"
    with suppress(OSError):  # under another name it goes with the folder
        ward.machine.remove(folder, name)
    return fate
