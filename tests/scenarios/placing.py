"""Where a scene's spool lies and where its processes run.

Usually: in the test's temporary folder, on this machine. ``tests/nas`` runs the same scenes in its virtual machine: there the
spool lies on a real mount, each worker runs on another client with a mount of its own, and all is slower; it says so by:

    SCENE_MOUNT     the folder, on the mount, in which spools are made
    SCENE_CLIENTS   ``name=pid ...``: a process in each client's namespaces
    SCENE_PACE      how many times slower the spool's own times are
    SCENE_PATIENCE  how many times longer a test waits before it fails
"""

import functools
import itertools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

MOUNT = os.environ.get("SCENE_MOUNT")
CLIENTS = dict(one.split("=") for one in os.environ.get("SCENE_CLIENTS", "").split())
PACE = float(os.environ.get("SCENE_PACE", "1"))
PATIENCE = float(os.environ.get("SCENE_PATIENCE", "1"))
_PACED = ("heartbeat_s", "lease_s", "sweep_s", "poll_s", "settle_s", "reject_after_s")


def paced(settings):
    """A spool's settings, at this machine's pace."""
    return {key: value * PACE if key in _PACED else value for key, value in settings.items()}


def root_for(folder):
    """Where the spool of a scene in this temporary folder lies."""
    if MOUNT is None:
        return folder / "spool"
    return Path(MOUNT) / "-".join(folder.parts[-3:])


class Placing:
    """Gives each name a machine: another client of the mount for each, or this one."""

    def __init__(self):
        self._next = itertools.cycle(CLIENTS)
        self._places = {}

    def put(self, name, client):
        """Have *name* run on this client."""
        self._places[name] = client

    def client(self, name):
        """On which client *name* runs, also in its next life; None without clients."""
        if CLIENTS and name not in self._places:
            self._places[name] = next(self._next)
        return self._places.get(name)

    def prefix(self, name, *, elsewhere):
        """What to put before a command so that it runs there."""
        client = self.client(name)
        if client is not None:
            return ["nsenter", "-t", CLIENTS[client], "-m", "-u", "-n", "-p", "--"]
        if not elsewhere:
            return []
        needs_another_machine()
        return ["unshare", "-p", "-f", "--mount-proc", "--kill-child"]


@functools.cache
def needs_another_machine():
    """Skip where no process can be given a table of process ids of its own, which is another machine to its observers."""
    asked = ["unshare", "-p", "-f", "--mount-proc", "true"]
    if shutil.which("unshare") is None or subprocess.call(asked, stderr=subprocess.DEVNULL):
        pytest.skip("another machine is played by 'unshare --pid', which is not permitted here")
