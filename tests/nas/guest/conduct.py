"""Inside the machine: carry out ``/box/orders.json``, one protocol after the other.

The tests run at the client "desk" and put their workers on the others. What they find lies in ``/box/results.jsonl``; that the machine came
to the end of its orders is told by ``/box/carried-out``.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.nas.guest import share

BOX = Path("/box")


def main():
    """Run every order, each to its own limit."""
    orders = json.loads((BOX / "orders.json").read_text())
    share.mount_desk()
    for order in orders["runs"]:
        for client in share.workers():
            share.mount(client, order["protocol"])
        code = run_tests(order, orders)
        sys.stdout.write(f"{order['protocol']}: pytest ended with {code}\n")
    (BOX / "carried-out").touch()


def run_tests(order, orders):
    """Run pytest at the desk; its exit code, or None if it had to be ended."""
    clients = " ".join(f"{one}={share.holder(one)}" for one in share.workers())
    protocol = order["protocol"]
    environment = {
        **os.environ, "SCENE_MOUNT": share.MOUNT, "SCENE_CLIENTS": clients, "SCENE_PROTOCOL": protocol,
        "SCENE_TESTS": " ".join(order["tests"]), "SCENE_PACE": str(orders["pace"]),
        "SCENE_PATIENCE": str(orders["patience"]), "SCENE_LIMIT_S": str(orders["test_limit_s"]),
        **orders["environment"],
    }  # fmt: skip
    command = [
        "nsenter", "-t", share.holder("desk"), "-m", "-u", "-n", "--wdns=/repo", "--", sys.executable, "-m", "pytest",
        "-q", "-p", "no:cacheprovider",
        "-p", "tests.nas.guest.plugin", f"--basetemp=/scenes/{protocol}", *order["files"],
    ]  # fmt: skip
    popen = subprocess.Popen(command, cwd="/repo", env=environment, start_new_session=True)
    try:
        return popen.wait(order["limit_s"])
    except subprocess.TimeoutExpired:
        os.killpg(popen.pid, signal.SIGKILL)
        return None


if __name__ == "__main__":
    main()
