"""A service on localhost that takes what apprise's own json:// sends, and keeps it."""

import base64
import json
import threading
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class Service:
    """What arrived, and what the service says to it."""

    url: str = ""
    messages: list = field(default_factory=list)
    refuses: bool = False
    refuses_pictures: bool = False

    def pictures(self, number=-1):
        return [base64.b64decode(one["base64"]) for one in self.messages[number]["attachments"]]

    def titles(self):
        return [one["title"] for one in self.messages]

    def answer(self, message):
        if self.refuses or (self.refuses_pictures and message["attachments"]):
            return 503
        self.messages.append(message)
        return 200


@contextmanager
def served():
    """A service that runs."""
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            self.send_response(service.answer(json.loads(self.rfile.read(length))))
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    service.url = (
        f"json://person:hunter2-secret@127.0.0.1:{server.server_address[1]}/hooks/t0ken-secret"
    )
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session", autouse=True)
def apprise_is_loaded():
    """Its services warn of what they import themselves (imghdr), which is theirs to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            import apprise
        except ImportError:
            return
        apprise.Apprise.instantiate("json://localhost")


@pytest.fixture
def service():
    """One that runs."""
    pytest.importorskip(
        "apprise", reason="apprise is not installed (pip install 'spoolctl[notify]')"
    )
    with served() as one:
        yield one
