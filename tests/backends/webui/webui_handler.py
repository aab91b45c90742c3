"""The stand-in's side of HTTP."""

import contextlib
import json
import socket
from http.server import BaseHTTPRequestHandler


def handler_of(standin):
    """A class of handlers that ask *standin* what to answer; ``(None, None)`` is to break the connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            super().setup()
            standin.connections.add(self.connection)

        def finish(self):
            standin.connections.discard(self.connection)
            super().finish()

        def log_message(self, *_):
            pass

        def do_GET(self):
            self._do("GET", None)

        def do_POST(self):
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._do("POST", raw)

        def _do(self, method, raw):
            with contextlib.suppress(ConnectionError):
                self._answer(method, raw)

        def _answer(self, method, raw):
            status, body = standin.answer(method, self.path, raw, self.headers)
            if status is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
