"""The virtual machine's disk: Debian with its own kernel, an NFS server, Samba, Python and this project's dependencies.

Built once into a folder of its own; a changed recipe or dependency gives another folder. Needs root and Debian's packages;
where either is missing it raises ``Unavailable``, which says what. Removes nothing but its own unfinished build.
"""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SUITE, PYTHON = "bookworm", "3.11"
PACKAGES = (
    "linux-image-amd64 busybox-static python3 nfs-kernel-server nfs-common rpcbind samba cifs-utils "
    "iproute2 iptables kmod libfaketime procps util-linux mount e2fsprogs"
)
WHEELS = ("pytest>=8.0", "smbprotocol>=1.10")
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "qemu-system-x86_64": "qemu-system-x86",
    "mke2fs": "e2fsprogs",
    "cpio": "cpio",
}
MODULES_AT_BOOT = ("virtio_pci", "virtio_blk", "ext4")
BUILD_LIMIT_S = 900

INITRD = """#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc p /proc; $b mount -t devtmpfs d /dev
for m in /modules/*.ko; do $b insmod $m; done
for i in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/vda ] && break; $b sleep 1; done
$b mount -t ext4 /dev/vda /root; $b mount --move /dev /root/dev; $b umount /proc
exec $b switch_root /root /nas-init
"""
FIRST = """#!/bin/bash
# The repository comes as a tar on the second disk: what is tested is never part of the image.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc; mount -t sysfs sys /sys
mount -t tmpfs -o mode=755 tmpfs /repo; tar -C /repo -xf /dev/vdb
exec bash /repo/tests/nas/guest/init
"""


class Unavailable(Exception):
    """This machine cannot build or run the virtual machine; the text says why."""


def image_folder():
    """Where the image for this recipe lies, or would lie."""
    home = os.environ.get("SPOOL_NAS_CACHE") or Path.home() / ".cache" / "spool-nas"
    recipe = (SUITE, PYTHON, PACKAGES, _wheels(), MODULES_AT_BOOT, INITRD, FIRST)
    return Path(home) / f"image-{hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]}"


def ensure_image(say=print, *, install=True):
    """Give the folder with ``disk.img``, ``vmlinuz`` and ``initrd``, built now if it is not there.

    Args:
        say: Told what takes long.
        install: Debian's packages that are missing here are installed; tests must not do that unasked.

    Raises:
        Unavailable: It is not there and cannot be built here.
    """
    folder = image_folder()
    _need_tools(install=install)
    if (folder / "disk.img").exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    say(f"building {folder} (once; about two minutes)")
    with tempfile.TemporaryDirectory(prefix="building-", dir=folder.parent) as scratch:
        done = Path(scratch) / "done"
        done.mkdir()
        _build(Path(scratch) / "root", done)
        done.rename(folder)
    return folder


def _wheels():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *WHEELS]


def _need_tools(*, install):
    if platform.machine() != "x86_64" or sys.platform != "linux":
        raise Unavailable("the virtual machine needs x86-64 Linux")
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if not missing:
        return
    if not install or os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unavailable(f"not installed; as root on Debian: apt-get install {' '.join(missing)}")
    _run("apt-get", "update", "-q")
    _run("apt-get", "install", "-qy", "--no-install-recommends", *missing)


def _run(*command, **keys):
    try:
        subprocess.run(
            command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=BUILD_LIMIT_S, **keys,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        tail = error.stdout.decode(errors="replace")[-1500:]
        raise Unavailable(f"'{shlex.join(map(str, command))[:200]}' failed:\n{tail}") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"'{command[0]}' did not end in {BUILD_LIMIT_S} s") from None


def _build(root, done):
    if os.geteuid() != 0:
        raise Unavailable(
            "the image is not built yet, and only root can build it: python -m tests.nas build"
        )
    include = ",".join(PACKAGES.split())
    # INITRD=No: the kernel's own scripts would spend half a minute on an initrd that boots slowly.
    _run("mmdebstrap", "--variant=minbase", f"--include={include}", SUITE, root,
         env={**os.environ, "INITRD": "No"})  # fmt: skip
    _install_wheels(root)
    for folder in ("repo", "box", "export", "scenes", "mnt/nas", "mnt/smb"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    first = root / "nas-init"
    first.write_text(FIRST)
    first.chmod(0o755)
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    shutil.copy(kernel, done / "vmlinuz")
    _make_initrd(root, kernel.name.removeprefix("vmlinuz-"), done)
    _run("truncate", "-s", "4G", done / "disk.part")
    _run("mke2fs", "-q", "-t", "ext4", "-d", root, done / "disk.part")
    (done / "disk.part").rename(done / "disk.img")


def _install_wheels(root):
    """The host's pip fetches, so that the machine needs neither pip nor a network."""
    site = root / "opt" / "site"
    _run(sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", site,
         "--root-user-action=ignore", "--python-version", PYTHON, "--only-binary=:all:",
         *_wheels())  # fmt: skip
    _run("chroot", root, "python3", "-m", "compileall", "-q", "/opt/site")


def _make_initrd(root, version, done):
    """Ten kernel modules and busybox: a whole Debian initrd takes longer to unpack than the rest of the boot."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch)
        for folder in ("bin", "modules", "proc", "dev", "root"):
            (tree / folder).mkdir()
        shutil.copy(root / "bin" / "busybox", tree / "bin" / "busybox")
        shown = [
            subprocess.check_output(
                ["chroot", root, "modprobe", "-S", version, "--show-depends", module], text=True
            )
            for module in MODULES_AT_BOOT
        ]
        lines = dict.fromkeys(line for one in shown for line in one.splitlines())
        paths = [line.split()[1] for line in lines if line.startswith("insmod")]
        for number, path in enumerate(paths):
            shutil.copy(root / path.lstrip("/"), tree / "modules" / f"{number:02d}.ko")
        init = tree / "init"
        init.write_text(INITRD)
        init.chmod(0o755)
        pack = f"find . | cpio -o -H newc --quiet | gzip -1 > {shlex.quote(str(done / 'initrd'))}"
        _run("sh", "-c", pack, cwd=tree)
