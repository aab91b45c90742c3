import pytest
from comfyui_rig import Rig
from comfyui_standin import StandIn


@pytest.fixture
def standin(tmp_path):
    server = StandIn(tmp_path / "server")
    yield server
    server.close()


@pytest.fixture
def rig(tmp_path, standin):
    return Rig(tmp_path, standin.url)
