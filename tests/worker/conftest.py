"""What several tests of the worker begin with."""

import pytest
from execution_rig import Rig


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)
