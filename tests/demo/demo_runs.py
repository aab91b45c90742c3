"""How the tests run the demo, and what came of it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (
    sys.executable, "-c",
    "from spoolctl.cli import app, demo; demo.LIMIT_S = 240.0; raise SystemExit(app.main())", "demo",
)  # fmt: skip
"""With more time than people give it: a machine may have others to serve."""
TIMEOUT_S = 300


@dataclass(frozen=True)
class Run:
    exit_code: int
    told: dict[str, Any]
    complaints: str
    home: Path
