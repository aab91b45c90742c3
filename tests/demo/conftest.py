"""One real run of the demo, shared by all tests that look at what it left."""

import json
import subprocess

import pytest
from demo_runs import COMMAND, TIMEOUT_S, Run


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("demo") / "run"
    done = subprocess.run(
        [*COMMAND, "--into", str(home), "--json"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Run(done.returncode, json.loads(done.stdout), done.stderr, home)
