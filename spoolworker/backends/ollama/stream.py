"""One long call whose answer comes line by line, and that can be broken off at any moment.

Ollama stops a generation when its connection closes; that is the only way to stop one. The connection is therefore ours from its
begin: while a model loads there is no answer yet, and ``requests`` gives no hold on a connection that has none. Closed is it by
``shutdown``, since a mere ``close`` does not wake a thread that reads.

Guarantees: the request is sent once; no proxy is used; the credentials stand in no message. Lines come through a queue, so that who waits
for them can look up at any time.
"""

import contextlib
import http.client
import json
import queue
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from spoolworker.backends.server import NoAnswer, Server

_LINE_BYTES_MAX = 4 << 20
"""The last line tells the whole context as numbers; anything longer is no Ollama."""
_SAID_BYTES_MAX = 16_000
_OK = 200


class Refused(Exception):
    """The server answered with another status than 200."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.body = body


class Stream:
    """A POST on its way.

    Args:
        server: Address and credentials.
        path: Behind the address.
        body: Sent as JSON.
        tls_ca: As for ``Server``.
        connect_s: Longest time to connect, in seconds.
    """

    def __init__(
        self,
        server: Server,
        path: str,
        body: Mapping[str, Any],
        *,
        tls_ca: str | None = None,
        connect_s: float = 5.0,
    ) -> None:
        self._server = server
        self._path = path
        self._tls_ca = tls_ca
        self._connect_s = connect_s
        self._lines: queue.SimpleQueue[bytes | Exception | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(
            target=self._run, args=(json.dumps(body).encode(),), name="ollama", daemon=True
        )
        self._thread.start()

    def line(self, wait_s: float) -> bytes | None:
        """The next line, without waiting longer than so.

        Returns:
            The line; ``b""`` once the answer is at its end; ``None`` if there was none in time.

        Raises:
            NoAnswer: The connection failed, or broke in the midst of the answer.
            Refused: The answer is a refusal.
        """
        try:
            got = self._lines.get(timeout=wait_s)
        except queue.Empty:
            return None
        if got is None or isinstance(got, Exception):
            self._lines.put(got)  # also for who asks again
        if isinstance(got, Exception):
            raise got
        return got or b""

    def close(self) -> None:
        """Break the connection off; does nothing to an answer that is at its end."""
        self._closing.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(self._connect_s)

    def _run(self, body: bytes) -> None:
        connection = self._connection()
        try:
            self._read(connection, body)
            self._lines.put(None)
        except Refused as refused:
            self._lines.put(refused)
        except ConnectionRefusedError:
            self._lines.put(self._no_answer("refused"))
        except (OSError, http.client.HTTPException, ValueError):
            # The last: what ``ssl`` says of a socket that was shut down while it was read.
            self._lines.put(self._no_answer("reset" if self._socket else "refused"))
        finally:
            connection.close()

    def _read(self, connection: http.client.HTTPConnection, body: bytes) -> None:
        connection.connect()
        self._socket = connection.sock
        if self._closing.is_set():
            return
        connection.sock.settimeout(None)
        headers = {"Content-Type": "application/json", **self._server.headers}
        prefix = urlsplit(self._server.address).path
        connection.request("POST", prefix + self._path, body, headers)
        with connection.getresponse() as answer:
            if answer.status != _OK:
                said = answer.read(_SAID_BYTES_MAX).decode(errors="replace")
                raise Refused(answer.status, said)
            while line := answer.readline(_LINE_BYTES_MAX):
                if line.strip():
                    self._lines.put(line)

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._server.address)
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=self._tls_ca)
            return http.client.HTTPSConnection(
                host, parts.port, timeout=self._connect_s, context=context
            )
        return http.client.HTTPConnection(host, parts.port, timeout=self._connect_s)

    def _no_answer(self, how: str) -> NoAnswer:
        where = f"{self._server.name} at {self._server.address}"
        if how == "refused":
            return NoAnswer("refused", f"{where} cannot be reached: nothing answers there")
        return NoAnswer("reset", f"{where} went away in the midst of '{self._path}'")
