"""For pytest inside the machine: writes every result at once, bounds every test, and gives ``tests/nas/scenes`` its fixtures."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.nas.guest import share
from tests.scenarios.conftest import open_scene, scene  # noqa: F401 - fixtures

BOX = Path("/box")
TEST_LIMIT_S = 300


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
    def give_up(*_):
        raise TimeoutError(f"not done after {TEST_LIMIT_S} s")

    limit_s = int(os.environ.get("SCENE_LIMIT_S", TEST_LIMIT_S))
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(limit_s)
    outcome = yield
    signal.alarm(0)
    if outcome.excinfo is not None and "tmp_path" in item.funcargs:
        kept = BOX / "failed" / f"{os.environ['SCENE_PROTOCOL']}-{item.name}-{time.time():.0f}"
        shutil.copytree(item.funcargs["tmp_path"], kept, symlinks=True, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("scratch", "mounted-too"))  # fmt: skip


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
