import pytest
from webui_standin import StandIn


@pytest.fixture
def server():
    with StandIn() as standin:
        yield standin
