"""The server ends when it is told to, without a word, whatever pages are open."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from serving import Client

from spoolctl.spool import SETTINGS_SCHEMA, Settings, create_spool
from spoolctl.spool.system import SystemClock


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a terminal are sent otherwise")
@pytest.mark.parametrize(
    "signals", [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)]
)
def test_it_ends_at_the_first_word_although_a_page_is_open(tmp_path, signals):
    """Once it waited for the page's events, which never end, and then showed seventy lines of what it had broken off."""
    root = tmp_path / "spool"
    now = datetime.fromtimestamp(SystemClock().utc_s(), tz=UTC)
    create_spool(root, Settings(schema_=SETTINGS_SCHEMA, spool_id="spool-test", created_at=now))
    command = [
        sys.executable,
        "-m",
        "spoolctl",
        "review",
        "--spool",
        str(root),
        "--port",
        "0",
        "--json",
    ]
    environment = {**os.environ, "SPOOL_INDEX": str(tmp_path / "index")}
    server = subprocess.Popen(
        command, cwd=Path(__file__).parents[2], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    try:
        url = json.loads(server.stdout.readline())["url"]
        asks = Client(int(url.rsplit(":", 1)[1].strip("/")))
        with asks.get("/api/live", stream=True) as events:
            assert next(events.iter_lines(decode_unicode=True)).startswith("event: ")
            for number in signals:
                server.send_signal(number)
            _, told = server.communicate(timeout=60)
        assert told == ""
        assert server.returncode in (130, -signal.SIGTERM, -signal.SIGINT)
    finally:
        server.kill()
        server.wait()
