"""One virtual machine as an ordinary process: boot it, give it its orders, read what it writes, end it.

Emulated (QEMU's TCG), so that it runs where no hardware help is to be had, and alike everywhere. User Mode Linux, which would
be quicker, does not start on every kernel.

Guarantees: the machine's process ends with ``close``, at the latest when this process ends, however it does; every wait has
a limit. The machine has no network to the outside: it sees the folder ``box``, and a copy of the repository.
"""

import compileall
import contextlib
import json
import py_compile
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

from tests.nas.image import REPOSITORY

BOOT_LIMIT_S = 400  # a free machine needs 20
CODE = ("spoolctl", "spoolworker", "tests", "schemas", "pyproject.toml")


class Failed(Exception):
    """The machine did not boot, or ended before its time."""


class Machine:
    """A booted machine; a context manager."""

    def __init__(self, image, *, clients=3, shell=False, memory_mb=3072):
        self._folder = Path(tempfile.mkdtemp(prefix="spool-nas-"))
        self.box = self._folder / "box"
        self.box.mkdir()
        self.console = self._folder / "console.log"
        self._image, self._clients = image, clients
        self._shell, self._memory_mb = shell, memory_mb
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self, orders):
        """Begin to boot; ``orders`` is what ``guest/conduct.py`` shall do."""
        (self.box / "orders.json").write_text(json.dumps(orders))
        _pack_code(self._folder / "code.tar")
        with (self._folder / "export.img").open("wb") as disk:
            disk.truncate(8 << 30)
        with self.console.open("wb") as console:
            end = None if self._shell else console
            self._process = subprocess.Popen(
                self._command(), stdin=None if self._shell else subprocess.DEVNULL,
                stdout=end, stderr=end, start_new_session=not self._shell,
            )  # fmt: skip

    def _command(self):
        drive = "if=virtio,format=raw,file="
        shell = f"nas_clients={self._clients} nas_shell={int(self._shell)}"
        # setpriv: also a killed parent takes the machine with it.
        return [
            "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64",
            "-accel", "tcg,thread=multi,tb-size=512", "-smp", "2", "-m", str(self._memory_mb),
            "-cpu", "max,la57=off", "-M", "q35", "-nodefaults", "-nic", "none", "-display", "none",
            "-no-reboot", "-serial", "mon:stdio" if self._shell else "stdio",
            "-kernel", str(self._image / "vmlinuz"), "-initrd", str(self._image / "initrd"),
            "-append", f"console=ttyS0 quiet mitigations=off audit=0 {shell}",
            "-drive", f"{drive}{self._image / 'disk.img'},snapshot=on",
            "-drive", f"{drive}{self._folder / 'code.tar'},readonly=on",
            "-drive", f"{drive}{self._folder / 'export.img'},cache=unsafe",
            "-virtfs", f"local,path={self.box},mount_tag=box,security_model=none",
        ]  # fmt: skip

    def wait_for_boot(self):
        until = time.monotonic() + BOOT_LIMIT_S
        while not (self.box / "up").exists():
            if self._process.poll() is not None or time.monotonic() > until:
                raise Failed(f"the machine did not boot; its console ends:\n{self.last_words()}")
            time.sleep(0.1)
        return (self.box / "up").read_text().strip()

    def wait(self, limit_s, on_tick=lambda: None):
        """Wait for the orders to be carried out; False past the limit."""
        until = time.monotonic() + limit_s
        while self._process.poll() is None:
            if time.monotonic() > until:
                return False
            on_tick()
            time.sleep(0.2)
        on_tick()
        return True

    def end(self):
        """How its process ended."""
        code = self._process.poll()
        return "goes on" if code is None else f"ended with {code}"

    def last_words(self, characters=3000):
        texts = [path.read_text(errors="replace") for path in (self.console, self.box / "log")
                 if path.exists()]  # fmt: skip
        return "\n".join(text[-characters:] for text in texts)

    def close(self):
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=20)
        shutil.rmtree(self._folder, ignore_errors=True)


def _pack_code(path):
    """The repository's code with its bytecode, which would take the machine half a minute to compile."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch)
        for name in CODE:
            source = REPOSITORY / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, tree / name, ignore=ignored)
            else:
                shutil.copy(source, tree / name)
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(tree, quiet=2, invalidation_mode=unchecked)
        with tarfile.open(path, "w") as tar:
            tar.add(tree, ".")
        with path.open("ab") as disk:  # a disk has whole sectors
            disk.write(bytes(-path.stat().st_size % 4096))
