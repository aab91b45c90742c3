"""How the tests run the demo, and what came of it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (
    sys.executable, "-c", "from spoolctl.cli.app import main; raise SystemExit(main())", "demo",
)  # fmt: skip
TIMEOUT_S = 60


@dataclass(frozen=True)
class Run:
    exit_code: int
    told: dict[str, Any]
    complaints: str
    home: Path
