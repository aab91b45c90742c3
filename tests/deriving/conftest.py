"""What the tests of deriving begin with."""

import pytest
from deriving_farm import Farm


@pytest.fixture
def farm(tmp_path):
    return Farm(tmp_path / "scratch")
