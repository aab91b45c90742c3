"""What the tests of the ``command`` backend share: small programs that keep to the contract or break it, and runs of them."""

import sys
import threading

from spoolctl.spool import CommandWorkload, Job
from spoolworker.backends.base import Order, Watch
from spoolworker.backends.command import Command
from spoolworker.commands import AllowedCommand

BY_HAND_S = 60

PROLOGUE = """
import json, os, struct, subprocess, sys, threading, zlib
from pathlib import Path

OUT = Path(os.environ["SPOOL_OUTPUTS"])
record = json.load(sys.stdin)

def say(**told):
    print(json.dumps(told), flush=True)

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

def png(name, width=4, height=3, shade=200):
    rows = b"".join(b"\\0" + bytes([shade]) * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    (OUT / name).write_bytes(
        b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )

def for_ever():
    threading.Event().wait()

def child(**how):
    waits = [sys.executable, "-c", "import threading; threading.Event().wait()"]
    return subprocess.Popen(waits, **how).pid
"""


def program(tmp_path, body, name="program.py"):
    path = tmp_path / name
    path.write_text(PROLOGUE + body, encoding="utf-8")
    return path


def allowed(tmp_path, body, *more, **said):
    return AllowedCommand(run=(sys.executable, str(program(tmp_path, body)), *more), **said)


def workload(**said):
    return CommandWorkload(**{"kind": "command", "command": "draw", **said})


def order(tmp_path, work, *inputs):
    scratch = tmp_path / "work"
    scratch.mkdir(parents=True, exist_ok=True)
    job = None
    if isinstance(work, CommandWorkload):
        job = Job(schema_="spool.job/1", job_id="O'Hara; $(reboot)", workload=work)
    return Order((work,), inputs, scratch, "job-1", attempt="attic-1/job-1/1", job=job)


def run(tmp_path, body, *inputs, watch=None, work=None, clock=None, **said):
    more = {"clock": clock} if clock else {}
    made = Command({"draw": allowed(tmp_path, body, **said)}, **more)
    return made.run(order(tmp_path, work or workload(), *inputs), watch or Watch())


class Leaps:
    """A clock that leaps at every look."""

    def __init__(self, by):
        self.by, self.now = by, 0.0
        self.lock = threading.Lock()

    def __call__(self):
        with self.lock:
            self.now += self.by
            return self.now
