"""Puts the folder of ``spool_world`` on the path of every test: pytest adds only each test's own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "spool"))
