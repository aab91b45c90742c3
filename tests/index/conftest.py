from pathlib import Path

import pytest
from ledgers import Ledgers

from spoolctl.index import Index


@pytest.fixture
def ledgers(tmp_path: Path) -> Ledgers:
    return Ledgers(tmp_path / "spool")


@pytest.fixture
def index(tmp_path: Path):
    with Index(tmp_path / "cache" / "index.sqlite") as found:
        yield found
