"""One call to a server over HTTP, and what each way of not being answered means."""

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from spoolctl.spool import Code, UsageError
from spoolworker.backends.base import BackendError
from spoolworker.backends.server import NoAnswer, Running, Server


class Answers:
    """A server that does with each path what its name says."""

    def __enter__(self):
        told = self.headers = []
        self.silence = threading.Event()
        silence = self.silence

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                told.append(dict(self.headers))
                status, body = 200, b'{"fine": true}'
                if self.path == "/silent":
                    silence.wait()
                elif self.path == "/reset":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                elif self.path == "/text":
                    body = b"hello"
                elif self.path == "/moved":
                    status = 302
                elif self.path == "/forbidden":
                    status, body = 401, b"who are you?"
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/fine")
                self.send_header(
                    "Content-Length", str(len(body) + (5 if self.path == "/cut" else 0))
                )
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.silence.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def answers():
    with Answers() as server:
        yield server


def test_an_answer_comes_as_json(answers):
    assert Server("it", answers.address).json("GET", "/fine") == {"fine": True}


@pytest.mark.parametrize(
    ("path", "how", "code"),
    [
        ("/reset", "reset", Code.BACKEND_DIED),
        ("/silent", "silent", Code.BACKEND_UNREACHABLE),
        ("/cut", "reset", Code.BACKEND_DIED),
    ],
)
def test_no_answer_tells_how(answers, path, how, code):
    with pytest.raises(NoAnswer) as caught:
        Server("it", answers.address).call("GET", path, timeout_s=0.2)

    assert (caught.value.how, caught.value.code) == (how, code)


def test_where_nothing_listens_nothing_was_sent():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

        with pytest.raises(NoAnswer) as caught:
            Server("it", f"127.0.0.1:{port}").call("GET", "/fine")

    assert caught.value.how == "refused"
    assert (
        str(caught.value)
        == f"it at http://127.0.0.1:{port} cannot be reached: nothing answers there"
    )


def test_an_unknown_host_cannot_be_reached():
    with pytest.raises(NoAnswer) as caught:
        Server("it", "http://no-such-host.invalid").call("GET", "/")

    assert caught.value.how == "refused"


def test_other_credentials_are_wanted(answers):
    with pytest.raises(BackendError) as caught:
        Server("it", answers.address, login="me:s3cret").call("GET", "/forbidden")

    assert caught.value.code is Code.BACKEND_UNAUTHORISED
    assert caught.value.log_tail == "who are you?"
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("how", "header"),
    [
        ({"login": "me:s3cret"}, "Basic bWU6czNjcmV0"),
        ({"token": "abc"}, "Bearer abc"),
        ({}, None),
    ],
)
def test_logging_in(answers, how, header):
    Server("it", answers.address, **how).call("GET", "/fine")

    assert answers.headers[0].get("Authorization") == header


def test_a_login_in_the_address_is_taken_out_of_it(answers):
    server = Server("it", f"http://me:s3cret@{answers.address}/")
    server.call("GET", "/fine")

    assert server.address == f"http://{answers.address}"
    assert answers.headers[0]["Authorization"] == "Basic bWU6czNjcmV0"


def test_proxies_of_the_environment_are_not_used(answers, monkeypatch):
    # One for http made every call to 127.0.0.1 fail.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert Server("it", answers.address).json("GET", "/fine") == {"fine": True}


def test_a_redirect_is_an_answer_and_not_followed(answers):
    assert Server("it", answers.address).call("GET", "/moved").status_code == 302
    assert len(answers.headers) == 1


def test_what_is_no_json_comes_from_another_kind_of_server(answers):
    with pytest.raises(BackendError) as caught:
        Server("it", answers.address).json("GET", "/text")

    assert caught.value.code is Code.BACKEND_REJECTED
    assert caught.value.log_tail == "hello"


@pytest.mark.parametrize(
    "address", ["", "http://", "ftp://host", "http://host:port", "http://host/?x=1", "http://[::1"]
)
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(UsageError):
        Server("it", address)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("127.0.0.1:7860", "http://127.0.0.1:7860"),
        ("https://host/prefix/", "https://host/prefix"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_address_is_kept_without_its_end(address, kept):
    assert Server("it", address).address == kept


def test_a_running_call_tells_when_it_is_over_and_what_came_of_it():
    go = threading.Event()
    running = Running(lambda: go.wait() and "done")
    assert not running.wait(0)
    go.set()

    assert running.result() == "done"
    assert running.wait(0)


def test_a_running_calls_error_is_raised_where_its_result_is_asked_for():
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Running(fail).result()
