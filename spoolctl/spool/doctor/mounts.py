"""How a folder is mounted, and which mount options a spool should have. Pure: reads text, asks nothing.

The advice follows measurements of NFS 4.2, NFS 3 and SMB on Linux (FORMAT.md, "Assumptions about the share"). The options are those of
nfs(5) and mount.cifs(8), as proc(5) prints them in ``/proc/self/mountinfo``: defaults are mostly left out there.
"""

import re
from dataclasses import dataclass
from typing import Any

from spoolctl.spool.doctor.findings import bad, note, ok, warning
from spoolctl.spool.records import Finding

ABOUT = "mount"
NFS = ("nfs", "nfs4")
SMB = ("cifs", "smb3", "smbfs", "smb")
_LINUX_SMB = ("cifs", "smb3")
_CLUSTER = ("ceph", "glusterfs", "fuse.glusterfs", "fuse.ceph", "lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "fuse.juicefs",
            "fuse.moosefs", "afs")  # fmt: skip
_FROM_HOST = ("9p", "virtiofs", "vboxsf", "fuse.vmhgfs-fuse", "drvfs", "prl_fs")
_STORES = (
    "rclone",
    "s3fs",
    "goofys",
    "gcsfuse",
    "blobfuse",
    "onedriver",
    "google-drive",
    "dropbox",
    "davfs",
    "onedrive",
)
"""Object stores and clouds behind FUSE: what they show is a cache, and "make it unless it is there" is decided in it."""
_MEMORY = ("tmpfs", "ramfs")
_FRESH_S = 3
"""Directory attributes that are kept no longer than this do no harm to anybody who looks by name."""


@dataclass(frozen=True)
class Mount:
    """One mount as this machine has it."""

    folder: str
    kind: str
    """The file system's type: nfs4, cifs, ext4, ..."""
    source: str
    options: tuple[str, ...]

    @property
    def is_nfs(self) -> bool:
        """True for any NFS."""
        return self.kind in NFS

    @property
    def is_smb(self) -> bool:
        """True for any SMB, and for what Windows calls a network drive."""
        return self.kind in SMB or "remote" in self.options

    @property
    def is_fuse(self) -> bool:
        """True for a program behind FUSE; ``fuseblk`` is a local disk."""
        return self.kind == "fuse" or self.kind.startswith("fuse.")

    def value(self, option: str) -> str | None:
        """What an option is set to; '' if it is set without a value, ``None`` if it is not told."""
        for one in self.options:
            key, _, value = one.partition("=")
            if key == option:
                return value
        return None

    def seconds(self, *options: str) -> int | None:
        """The largest number that any of these options has; ``None`` if none is told."""
        told = [value for one in options if (value := self.value(one)) and value.isdecimal()]
        return max(map(int, told)) if told else None


def find_mount(mountinfo: str, path: str) -> Mount | None:
    """The mount that holds an absolute path, by the text of ``/proc/self/mountinfo`` (proc(5)); the last of several wins."""
    best: Mount | None = None
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(" - ")
        left, right = before.split(" "), after.split(" ")
        if not dash or len(left) < 6 or len(right) < 3:  # noqa: PLR2004 - fields of proc(5)
            continue
        folder = _plain(left[4])
        inside = path == folder or path.startswith(folder.rstrip("/") + "/")
        if inside and (best is None or len(folder) >= len(best.folder)):
            options = dict.fromkeys((*left[5].split(","), *right[2].split(",")))
            best = Mount(folder, right[0], _plain(right[1]), tuple(options))
    return best


def _plain(text: str) -> str:
    """A field of mountinfo without its octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def is_network(mount: Mount) -> bool:
    """True if other machines are behind this mount."""
    return mount.is_nfs or mount.is_smb or mount.is_fuse or mount.kind in (*_CLUSTER, *_FROM_HOST)


def advise(mount: Mount | None) -> list[Finding]:
    """What a mount means for a spool, and which of its options to change."""
    if mount is None:
        hint = "'net use' (Windows) or 'mount' (macOS) shows it; the other checks hold without"
        return [note(ABOUT, "how this folder is mounted cannot be told on this system", hint)]
    found = _readable(mount)
    if mount.is_nfs:
        return [*found, *_nfs(mount)]
    if mount.is_smb:
        return [*found, *_smb(mount)]
    return [*found, _other(mount)]


def _readable(mount: Mount) -> list[Finding]:
    if "ro" not in mount.options:
        return []
    hint = f"mount '{mount.folder}' with rw (a look with 'spoolctl status' needs no more than this)"
    return [bad(ABOUT, "mounted read-only: nothing can be submitted or run from here", hint)]


def _nfs(mount: Mount) -> list[Finding]:
    version = (
        mount.value("vers") or mount.value("nfsvers") or ("4" if mount.kind == "nfs4" else "?")
    )
    found = [ok(ABOUT, f"NFS {version}, {mount.source}, on '{mount.folder}'", **_facts(mount))]
    if mount.value("soft") is not None or mount.value("softerr") is not None:
        found.append(warning(
            "mount: soft",
            "a 'soft' NFS mount gives errors while the server restarts (up to 90 s with NFS 4), "
            "for requests that it may still carry out: "
            "attempts are given up for no reason",
            "mount with 'hard' instead of 'soft': operations then wait, and workers are made for that",
        ))  # fmt: skip
    local = mount.value("local_lock")
    if mount.value("nolock") is not None or local in ("all", "flock"):
        found.append(warning(
            "mount: locks",
            "locks stay on this machine "
            f"({'nolock' if local is None else f'local_lock={local}'}): others do not see them, so two controllers "
            "or two workers of one name notice each other late; no job is run twice by that",
            "take 'nolock' and 'local_lock' out of the mount options",
        ))  # fmt: skip
    if mount.value("nocto") is not None:
        found.append(warning(
            "mount: nocto",
            "with 'nocto' opening a file does not ask the server, and heartbeats are read by "
            "opening them: live workers may look dead",
            "take 'nocto' out of the mount options",
        ))  # fmt: skip
    if version.startswith("3"):
        found.append(note(
            "mount: version",
            "NFS 3 never frees the lock of a machine that lost its network, until that machine "
            "starts anew; NFS 4 does after 90 to 180 s. "
            "Jobs do not depend on it",
            "mount with 'vers=4.2' if the server has it",
        ))  # fmt: skip
    found.append(_nfs_names(mount))
    found.append(note(
        "export: sync",
        "whether the server exports with 'sync' cannot be seen from a client; with 'async' (or "
        "ZFS sync=disabled) a crash of the server may "
        "take back what it had acknowledged",
        "look on the server: 'exportfs -v' should say sync, which is the default",
    ))  # fmt: skip
    return found


def _nfs_names(mount: Mount) -> Finding:
    looked_up = mount.value("lookupcache") or "all"
    kept_s = mount.seconds("acdirmin", "acdirmax", "actimeo")
    if (
        mount.value("noac") is not None
        or looked_up == "none"
        or (kept_s is not None and kept_s <= _FRESH_S)
    ):
        return ok(
            "mount: names",
            "names are fresh: what one machine makes, the others find by its name at once",
        )
    return note(
        "mount: names",
        "a name that is asked for directly may be answered from a cache up to "
        f"{60 if kept_s is None else kept_s} s old. The spool does not "
        "rely on it (it lists folders first), but your own scripts, and file managers, may see old states",
        "mount with 'actimeo=1' or 'lookupcache=none': both are cheap for a spool",
        lookupcache=looked_up,
    )


def _smb(mount: Mount) -> list[Finding]:
    version = f" {mount.value('vers')}" if mount.value("vers") else ""
    found = [ok(ABOUT, f"SMB{version}, {mount.source}, on '{mount.folder}'", **_facts(mount))]
    kept_s = mount.seconds("actimeo", "acregmax", "acdirmax")
    if kept_s is not None and kept_s > 1:
        found.append(warning(
            "mount: actimeo",
            f"attributes are kept for {kept_s} s; on SMB even a fresh listing does not help, so "
            "this machine sees everything that much later",
            "mount with 'actimeo=1', the default; never more",
            actimeo=kept_s,
        ))  # fmt: skip
    kept_open_s = mount.seconds("closetimeo")
    if mount.kind in _LINUX_SMB and kept_open_s != 0:
        found.append(warning(
            "mount: closetimeo",
            "this machine keeps files open for a second after they were closed; with several machines at work an open can hang for good "
            "then (seen with Linux 6.1 and Samba 4.17). A worker that it happens to ends with code 75",
            "mount with 'closetimeo=0' (Linux 6.1 and later), or use NFS on Linux",
            closetimeo=kept_open_s,
        ))  # fmt: skip
    if mount.value("cache") == "loose":
        found.append(warning(
            "mount: cache",
            "with 'cache=loose' this machine reads files from its own memory although others have changed them",
            "mount with 'cache=strict', the default",
        ))  # fmt: skip
    if mount.value("nobrl") is not None or mount.value("nolock") is not None:
        found.append(warning(
            "mount: locks",
            "locks are not sent to the server ('nobrl'), so other machines do not see them; no "
            "job is run twice by that",
            "take 'nobrl' out of the mount options",
        ))  # fmt: skip
    found.append(note(
        "mount: locks",
        "a lock on SMB is lost within seconds if its holder's network fails, and locks taken "
        "over NFS and over SMB do not see each other with "
        "Samba's defaults. No job depends on a lock",
        "only if the share is also used over NFS, and you want them to: 'oplocks = no', 'level2 "
        "oplocks = no' and 'smb2 leases = no' in Samba",
    ))  # fmt: skip
    return found


def _other(mount: Mount) -> Finding:
    said = f"{mount.kind}, {mount.source}, on '{mount.folder}'"
    facts = _facts(mount)
    kind = mount.kind.removeprefix("fuse.")
    if mount.is_fuse and any(store in kind for store in _STORES):
        return bad(
            ABOUT, f"{said}: a window on an online store. Two machines can both be told that they made the same folder there",
            "use an NFS export or an SMB share", **facts,
        )  # fmt: skip
    if mount.kind in _CLUSTER:
        return note(
            ABOUT,
            f"{said}: a shared file system that was not measured",
            "prove it with 'spoolctl doctor --peer'",
            **facts,
        )
    if mount.kind in _FROM_HOST or mount.is_fuse:
        return warning(
            ABOUT, f"{said}: neither NFS nor SMB, and not measured; such mounts often keep what they show in a cache of their own",
            "use NFS or SMB if you can, and prove it with 'spoolctl doctor --peer' in any case", **facts,
        )  # fmt: skip
    if mount.kind in _MEMORY:
        return warning(
            ABOUT,
            f"{said}: lies in this machine's memory and is gone when it restarts",
            "use a disk",
            **facts,
        )
    return note(
        ABOUT, f"{said}: a disk of this machine. Fine for one machine, or if this machine is the server",
        "other machines need the same folder over NFS or SMB; run 'spoolctl doctor --peer' from there and here", **facts,
    )  # fmt: skip


def _facts(mount: Mount) -> dict[str, Any]:
    return {
        "type": mount.kind,
        "source": mount.source,
        "folder": mount.folder,
        "options": list(mount.options),
    }
