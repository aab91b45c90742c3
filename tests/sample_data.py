"""Where StableNew's sample data lies: beside the project, in ``../shared/data/stablenew``. It is not ours to copy in.

Without it the tests that need it are skipped and say so; in continuous integration (``CI`` is set) they fail.
"""

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "../shared/data/stablenew"


def stablenew(path: str) -> Path:
    """A file or folder of the sample data."""
    found = FOLDER / path
    if not found.exists():
        said = f"StableNew's sample data is not at {found}"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said, allow_module_level=True)
    return found
