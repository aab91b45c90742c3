"""This machine, for the doctor: the adapter behind ``ward.Machine``.

Guarantees: ``exists_by_name`` asks for the name and nothing else, which is what makes a cache show itself; ``lock`` never waits.
Does not know: mount options on Windows and macOS, where only the kind of file system is told.
"""

import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from spoolctl.spool.doctor.mounts import Mount, find_mount
from spoolctl.spool.doctor.ward import Owner, Space

_MOUNTINFO = Path("/proc/self/mountinfo")
_MARKS = {
    ".stfolder": "Syncthing",
    ".dropbox": "Dropbox",
    ".dropbox.cache": "Dropbox",
    ".owncloudsync.log": "Nextcloud or ownCloud",
    ".nextcloudsync.log": "Nextcloud",
    ".tmp.drivedownload": "Google Drive",
    ".sync": "Resilio Sync",
}
"""What synchronising programs leave in the folder that they keep, or above it."""


class ThisMachine:
    """What this machine tells of one folder.

    Args:
        root: The folder.
    """

    on_windows = sys.platform == "win32"

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def mount(self) -> Mount | None:
        """See ``ward.Machine``."""
        real = os.path.realpath(self._root)
        try:
            return find_mount(_MOUNTINFO.read_text(errors="surrogateescape"), real)
        except OSError:
            return _by_psutil(real)

    def synced_by(self) -> str | None:
        """See ``ward.Machine``."""
        for folder in (self._root, *self._root.parents):
            if folder.name.lower().startswith(("onedrive", "icloud drive")):
                return folder.name
            for mark, program in _MARKS.items():
                if (folder / mark).exists():
                    return program
        return None

    def space(self) -> Space:
        """See ``ward.Machine``."""
        files_free = None
        if sys.platform != "win32":
            told = os.statvfs(self._root)
            # Btrfs, ZFS over NFS and SMB tell 0 of 0 files: not counted.
            files_free = told.f_favail if told.f_files else None
        return Space(shutil.disk_usage(self._root).free, files_free)

    def exists_by_name(self, path: str) -> bool:
        """See ``ward.Machine``."""
        try:
            (self._root / path).lstat()
        except FileNotFoundError:
            return False
        return True

    def create(self, folder: str, name: str) -> None:
        """See ``ward.Machine``."""
        os.close(os.open(self._root / folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))

    def remove(self, folder: str, name: str) -> None:
        """See ``ward.Machine``."""
        (self._root / folder / name).unlink()

    def owner(self, path: str) -> Owner | None:
        """See ``ward.Machine``."""
        if sys.platform == "win32":
            return None
        found = (self._root / path).lstat()
        return Owner(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))

    def user(self) -> int | None:
        """See ``ward.Machine``."""
        return None if sys.platform == "win32" else os.geteuid()

    def may_write(self, folder: str) -> bool:
        """See ``ward.Machine``."""
        return os.access(self._root / folder, os.W_OK | os.X_OK)

    def lock(self, path: str) -> Callable[[], None] | None:
        """See ``ward.Machine``."""
        lock = FileLock(self._root / path, mode=0o666, is_singleton=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        except NotImplementedError as error:
            raise OSError(str(error)) from None
        return lambda: lock.release(force=True)


def _by_psutil(real: str) -> Mount | None:
    """On systems without mountinfo: the drive or mount point, with few options or none."""
    if real.startswith("\\\\"):
        share = "\\".join(real.split("\\")[:4])
        return Mount(share, "smb", share, ("remote",))
    best: Mount | None = None
    for one in psutil.disk_partitions(all=True):
        folder = one.mountpoint.rstrip("\\/") or one.mountpoint
        inside = os.path.normcase(real).startswith(os.path.normcase(folder))
        if inside and (best is None or len(folder) > len(best.folder)):
            best = Mount(folder, one.fstype.lower(), one.device, tuple(one.opts.split(",")))
    return best
