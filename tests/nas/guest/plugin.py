"""For pytest inside the machine: writes every result at once, bounds every test, and gives ``tests/nas/scenes`` its fixtures."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.nas.guest import share
from tests.scenarios.conftest import open_scene, scene  # noqa: F401 - fixtures

BOX = Path("/box")
_PROCESSES = """
for one in /proc/[0-9]*; do
  [ -n "$(tr -d '\\0' < $one/cmdline)" ] || continue
  echo "$(basename $one) $(cut -d' ' -f3 $one/stat) $(tr '\\0' ' ' < $one/cmdline | cut -c-300)"
  for thread in $one/task/*; do echo "  $(cat $thread/comm) $(tr '\\n' ' ' < $thread/stack)"; done
done
dmesg | tail -40
"""
"""Who lives when a test has failed, and where in the kernel each of its threads waits: a client may hang there for good."""


def pytest_collection_modifyitems(items):
    """Only what was ordered: each order is the beginning of a test's name."""
    ordered = tuple(os.environ["SCENE_TESTS"].split())
    items[:] = [item for item in items if item.nodeid.startswith(ordered)]


def pytest_runtest_logreport(report):
    if report.when != "call" and report.passed:
        return
    result = {
        "protocol": os.environ["SCENE_PROTOCOL"], "test": report.nodeid, "outcome": report.outcome,
        "seconds": round(report.duration, 1), "when": report.when, "text": report.longreprtext[-20_000:],
    }  # fmt: skip
    with (BOX / "results.jsonl").open("a") as file:
        file.write(json.dumps(result) + "\n")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    limit_s = int(os.environ["SCENE_LIMIT_S"])

    def give_up(*_):
        raise TimeoutError(f"not done after {limit_s} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(limit_s)
    outcome = yield
    signal.alarm(0)
    if "tmp_path" not in item.funcargs:
        return
    if outcome.excinfo is not None:
        keep(item, "failed")
    elif os.environ.get("SCENE_KEEP"):
        keep(item, "kept")


def keep(item, folder):
    """Copy a test's logs and its spools out of the machine; a file that moved meanwhile may be missing."""
    logs = item.funcargs["tmp_path"]
    kept = BOX / folder / f"{os.environ['SCENE_PROTOCOL']}-{item.name.replace(' ', '-')}"
    kept.mkdir(parents=True)
    try:
        (kept / "processes.txt").write_text(share.run("sh", "-c", _PROCESSES))
    except (OSError, subprocess.SubprocessError) as error:
        # A machine that hangs may not tell even that; said here, it hid what the test had failed of.
        (kept / "processes.txt").write_text(f"not told: {error}")
    ignored = shutil.ignore_patterns("scratch", "mounted-too", "*.png")
    for source in (logs, *Path(share.MOUNT).glob(f"*-{logs.name}-*")):
        with contextlib.suppress(shutil.Error):
            shutil.copytree(source, kept / source.name, symlinks=True, ignore=ignored)


@pytest.fixture
def protocol():
    """By which protocol the share is mounted: nfs4, nfs3 or smb."""
    return os.environ["SCENE_PROTOCOL"]


@pytest.fixture(autouse=True)
def network():
    """Whatever a test left cut is whole again for the next."""
    yield
    for client in share.workers():
        share.run("ip", "link", "set", f"v{client}", "up")
        share.inside(client, "iptables-legacy", "-F")
