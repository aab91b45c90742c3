"""Puts the folders of ``spool_world`` and ``sample_data`` on the path of every test: pytest adds only each test's own."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "spool")]


@pytest.fixture(autouse=True, scope="session")
def _no_index_of_this_user(tmp_path_factory):
    """Indexes made by a run are its own: spools of one id share one, also with a run beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPOOL_INDEX", str(tmp_path_factory.mktemp("indexes")))
        yield
