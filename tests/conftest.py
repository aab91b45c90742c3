"""Puts the folders of ``spool_world`` and ``sample_data`` on the path of every test: pytest adds only each test's own."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "spool")]
