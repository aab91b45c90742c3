import pytest
from ollama_standin import StandIn


@pytest.fixture
def server():
    with StandIn() as standin:
        yield standin
