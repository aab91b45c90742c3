"""What ComfyUI tells while it works: its websocket's messages, and the progress that follows from them.

Guarantees: never needed: without a socket (the library is not installed, the server refuses, the connection drops) ``wait`` just waits,
and tries again
now and then. What was sent while there was no connection is not sent again: the truth is the history's.

Source: ComfyUI 0.3.64, ``server.py`` (``/ws``, ``encode_bytes``, ``send_image``).
"""

import contextlib
import importlib
import json
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from spoolworker.backends.comfyui.graph import Nodes, is_link

_OPEN_S = 5.0
_AGAIN_S = 10.0
_MESSAGE_BYTES_MAX = 64 << 20
_PREVIEW, _PREVIEW_WITH_METADATA = 1, 4
_NUMBER_BYTES = 4


@dataclass(frozen=True)
class Event:
    """One message: a type and its data, or a picture of the work as it stands."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    picture: bytes | None = None


class _Connection(Protocol):
    def recv(self, timeout: float | None = None) -> str | bytes: ...


def read_event(message: str | bytes) -> Event | None:
    """Read one message; ``None`` for a kind that is of no use here."""
    if isinstance(message, bytes):
        picture = _picture(message)
        return Event("preview", picture=picture) if picture else None
    try:
        told = json.loads(message)
    except ValueError:
        return None
    if not isinstance(told, dict) or not isinstance(told.get("data"), dict):
        return None
    return Event(str(told.get("type")), told["data"])


def _picture(message: bytes) -> bytes | None:
    if len(message) <= 2 * _NUMBER_BYTES:
        return None
    kind, number = struct.unpack_from(">II", message)
    if kind == _PREVIEW:  # the number is its format; the bytes say it too
        return message[2 * _NUMBER_BYTES :]
    if kind == _PREVIEW_WITH_METADATA:  # the number is the metadata's length
        return message[2 * _NUMBER_BYTES + number :] or None
    return None


class Live:
    """The websocket of one client id.

    Args:
        url: Like ``ws://127.0.0.1:8188/ws?clientId=...``; ``None``: only wait.
        headers: What logs in.
        tls_ca: A file of certificates to trust.
        clock: Seconds.
    """

    def __init__(
        self,
        url: str | None,
        headers: Mapping[str, str],
        *,
        tls_ca: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._headers = dict(headers)
        self._tls_ca = tls_ca
        self._clock = clock
        self._connection: _Connection | None = None
        self._stack = contextlib.ExitStack()
        self.problem: str | None = None
        """Why there was no connection when one was last tried."""
        self._try_at = 0.0

    @property
    def is_connected(self) -> bool:
        """True while messages can come."""
        return self._connection is not None

    def connect(self) -> None:
        """Connect if there is no connection and it is time to try."""
        if self._connection is not None or self._url is None or self._clock() < self._try_at:
            return
        self._try_at = self._clock() + _AGAIN_S
        try:
            client = importlib.import_module("websockets.sync.client")
        except ImportError as error:
            self._url, self.problem = None, str(error)
            return
        secure = self._url.startswith("wss:")
        context = ssl.create_default_context(cafile=self._tls_ca) if secure else None
        try:
            self._connection = self._stack.enter_context(
                client.connect(
                    self._url,
                    additional_headers=self._headers,
                    proxy=None,  # one of the environment breaks 127.0.0.1
                    compression=None,
                    open_timeout=_OPEN_S,
                    close_timeout=1,
                    max_size=_MESSAGE_BYTES_MAX,
                    ssl=context,
                )
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, polling does without
            self.problem = type(error).__name__  # its text may repeat what logs in

    def wait(self, seconds: float, stop: threading.Event) -> Event | None:
        """The next message within so many seconds; without a connection just wait, or until *stop* is set."""
        self.connect()
        if self._connection is None:
            stop.wait(seconds)
            return None
        try:
            return read_event(self._connection.recv(timeout=seconds))
        except TimeoutError:
            return None
        except Exception as error:  # noqa: BLE001 - however the connection ended
            self.problem = type(error).__name__
            self.close()
            return None

    def close(self) -> None:
        """Close the connection, if there is one."""
        self._connection = None
        with contextlib.suppress(Exception):  # it is over either way
            self._stack.close()


class Progress:
    """How far one prompt is, 0 to 1, node by node; a node that samples counts as many as it has steps.

    Args:
        nodes: The workflow.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._weights = {key: _weight(node["inputs"]) for key, node in nodes.items()}
        self._done: dict[str, float] = dict.fromkeys(nodes, 0.0)
        self._node: str | None = None

    @property
    def node(self) -> str | None:
        """The node at work."""
        return self._node

    @property
    def fraction(self) -> float:
        """From 0 to 1."""
        whole = sum(self._weights.values())
        return sum(self._weights[key] * done for key, done in self._done.items()) / whole

    def take(self, event: Event) -> None:
        """Learn from one message of this prompt."""
        data = event.data
        if event.type == "execution_cached":
            for key in data.get("nodes") or ():
                self._set(str(key), 1.0)
        elif event.type == "executing":
            node = str(data["node"]) if data.get("node") is not None else None
            if self._node not in (None, node):  # the same again: told anew after a reconnect
                self._set(str(self._node), 1.0)
            self._node = node
        elif event.type == "executed":
            self._set(str(data.get("node")), 1.0)
        elif event.type == "progress":
            self._set(str(data.get("node")), _ratio(data))
        elif event.type == "progress_state":
            nodes = data.get("nodes")
            for key, state in nodes.items() if isinstance(nodes, dict) else ():
                finished = state.get("state") == "finished"
                self._set(str(key), 1.0 if finished else _ratio(state))

    def _set(self, key: str, done: float) -> None:
        if key in self._done:
            self._done[key] = max(self._done[key], min(1.0, done))


class LoadTime:
    """How long the nodes that load models were at work, as far as the socket tells.

    A loader reads the file into the machine's memory; what the first sampler then takes to bring it to the card is not told apart. A
    node that the server had cached is not run, and takes no time.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: float | None = None
        self._loaded_s = 0.0
        self._heard = False

    @property
    def seconds(self) -> float | None:
        """``None`` if nothing was heard of any node."""
        return self._loaded_s if self._heard else None

    def take(self, event: Event, nodes: Nodes) -> None:
        """Learn from one message of a prompt."""
        if event.type != "executing":
            return
        self._heard = True
        now = self._clock()
        if self._since is not None:
            self._loaded_s += now - self._since
        node = nodes.get(str(event.data.get("node")))
        self._since = now if node and "Loader" in node["class_type"] else None


def _ratio(data: Mapping[str, Any]) -> float:
    value, most = data.get("value"), data.get("max")
    if not isinstance(value, int | float) or not isinstance(most, int | float) or most <= 0:
        return 0.0
    return max(0.0, value / most)


def _weight(inputs: Mapping[str, Any]) -> float:
    steps = inputs.get("steps")
    return 1.0 + steps if isinstance(steps, int) and not is_link(steps) and steps > 0 else 1.0
