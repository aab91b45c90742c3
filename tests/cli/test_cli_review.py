"""``spoolctl review`` before it serves: where, for whom, and what it says when it cannot."""

import importlib
import json
import socket
import threading

import pytest
import uvicorn

from spoolctl.cli import review as command
from spoolctl.cli.review import ENV_TOKEN


class Server:
    """What was to be served, and where; stands for a server that ends at once."""

    made: list = []
    waits = None
    """Whether what an accepted socket sends waits for what it sent before to be acknowledged."""

    @staticmethod
    def run(server, sockets):
        Server.made.append((server.config.app, sockets[0].getsockname()))
        with socket.create_connection(sockets[0].getsockname()), sockets[0].accept()[0] as taken:
            Server.waits = not taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


class Opened(list):
    """Links that were opened in the desk's browser, and how to wait for one."""

    def __init__(self):
        super().__init__()
        self.happened = threading.Event()

    def open(self, link):
        self.append(link)
        self.happened.set()


@pytest.fixture
def served(monkeypatch):
    monkeypatch.setattr(uvicorn.Server, "run", Server.run)
    monkeypatch.setattr(Server, "made", [])
    monkeypatch.delenv(ENV_TOKEN, raising=False)
    opened = Opened()
    monkeypatch.setattr(command.webbrowser, "open", opened.open)
    return opened


def test_it_serves_this_machine_alone_and_opens_the_desks_browser(bench, served):
    ran = bench("review", "--port", "0")
    ((app, (host, port)),) = Server.made
    assert (host, app._token) == ("127.0.0.1", None)
    assert ran.out.splitlines()[0] == f"http://127.0.0.1:{port}/"
    assert served.happened.wait(30)
    assert served == [f"http://127.0.0.1:{port}/"]


def test_a_browser_in_the_terminal_does_not_keep_the_page_from_being_served(
    bench, monkeypatch, served
):
    """It holds whoever opens it until a person leaves it, and waits itself for the page."""
    left = threading.Event()
    monkeypatch.setattr(command.webbrowser, "open", lambda _link: left.wait(60))
    try:
        assert bench("review", "--port", "0").code == 0
        assert len(Server.made) == 1
    finally:
        left.set()


def test_no_part_of_an_answer_waits_until_the_one_before_was_acknowledged(bench, served):
    bench("review", "--port", "0", "--no-browser")
    assert Server.waits is False


def test_for_programs_it_tells_the_address_and_opens_nothing(bench, served):
    told = json.loads(bench("review", "--port", "0", "--json").out)
    assert told["url"].startswith("http://127.0.0.1:")
    assert served == []


def test_on_the_network_it_asks_for_a_token_that_is_in_the_link(bench, served):
    ran = bench("review", "--host", "0.0.0.0", "--port", "0", "--no-browser")
    ((app, _),) = Server.made
    link = ran.out.splitlines()[0]
    assert link.endswith(f"/?token={app._token}")
    assert len(app._token) >= 30
    assert socket.gethostname() in link
    assert served == []


def test_the_token_may_be_the_same_each_time(bench, served, monkeypatch):
    monkeypatch.setenv(ENV_TOKEN, "the-couch-and-the-phone")
    bench("review", "--host", "0.0.0.0", "--port", "0", "--no-browser")
    assert Server.made[0][0]._token == "the-couch-and-the-phone"


@pytest.mark.parametrize(
    "token", ["", "short", "x" * 15, "with a blank in it", "0123456789abcdef&"]
)
def test_a_token_that_can_be_guessed_or_breaks_the_link_is_refused(
    bench, served, monkeypatch, token
):
    monkeypatch.setenv(ENV_TOKEN, token)
    ran = bench("review", "--host", "0.0.0.0", "--port", "0")
    assert ran.code == 2
    assert f"${ENV_TOKEN} is no good token" in ran.err
    assert not token or token not in ran.err


def test_a_port_that_is_taken_is_told_with_what_to_do(bench, served):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = bench("review", "--port", taken.getsockname()[1])
    assert ran.code == 2
    assert "cannot serve at 127.0.0.1, port" in ran.err
    assert "--port" in ran.err


def test_an_address_that_is_none_of_this_machine_is_told(bench, served):
    ran = bench("review", "--host", "192.0.2.1")
    assert (ran.code, served) == (2, [])
    assert "cannot serve at 192.0.2.1" in ran.err


def test_without_the_extra_it_says_how_to_get_it(bench, monkeypatch):
    real = importlib.import_module

    def without(name, *rest):
        if name == "spoolctl.review.serving":
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    ran = bench("review")
    assert ran.code == 2
    assert "the page needs 'uvicorn', which is not installed" in ran.err
    assert "pip install 'spoolctl[review]'" in ran.err


def test_a_fault_of_our_own_is_not_taken_for_a_missing_extra(bench, monkeypatch):
    real = importlib.import_module

    def broken(name, *rest):
        if name == "spoolctl.review.app":
            raise ModuleNotFoundError("No module named 'spoolctl.gone'", name="spoolctl.gone")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError):
        bench("review")
