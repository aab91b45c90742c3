"""A stand-in for Ollama over real HTTP, written from its source (``server/routes.go``, ``server/sched.go``, ``api/types.go``).

It refuses what the real one refuses, and is silent where the real one is: options it does not know are ignored, ``llava`` is
``llava:latest``, a prompt that is too long is cut unless ``truncate`` is false. Each test turns the knobs it needs. Nothing here waits for
time: a generation that is held goes on when the test says so, or ends when its client is gone.
"""

import contextlib
import hashlib
import json
import select
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BY_HAND_S = 30
WORDS = ("a", "lighthouse", "above", "the", "grey", "sea", "in", "rain")
TYPES = {"seed": int, "num_predict": int, "num_ctx": int, "temperature": (int, float), "stop": list}


def digest(name):
    return hashlib.sha256(name.encode()).hexdigest()


@dataclass
class Model:
    capabilities: tuple = ("completion",)
    thinks: int = 0
    """So many pieces of thinking come before the text."""


@dataclass
class Loaded:
    users: int = 0
    leaves: bool = False


@dataclass
class StandIn:
    models: dict = field(
        default_factory=lambda: {
            "tiny:latest": Model(),
            "llava:7b": Model(("completion", "vision")),
            "deep:latest": Model(("completion", "thinking"), thinks=3),
        }
    )
    version: str = "0.12.6"
    tells_capabilities: bool = True
    password: str | None = None
    ends_after: int = 12
    """The model ends by itself after so many tokens."""
    hold_at: int | None = None
    """Before this token it waits for ``go_on``, or until its client is gone."""
    deaf: bool = False
    """It does not notice that its client is gone."""
    silent: bool = False
    """It takes connections, and answers nothing."""
    refuse: tuple | None = None
    """Status and body for every generation."""
    error_at: tuple | None = None
    """Token, and the text of an error in the midst of the stream."""
    break_at: int | None = None
    """The connection breaks before this token."""
    ends_early: bool = False
    """The stream ends as if whole, without its last line."""
    says_model: str | None = None
    context: int | None = None
    """So many tokens fit into it, and no prompt is shifted out."""
    text: tuple | None = None
    """These pieces instead of words."""
    load_duration: object = 3_000_000
    """What it tells of its model's loading, in nanoseconds."""

    def __post_init__(self):
        self.requests = []
        self.held = threading.Event()
        self.released = threading.Event()
        self.cancelled = threading.Event()
        self.asked = threading.Condition()
        self.loaded = {}
        self.lock = threading.RLock()
        self.threads = []

    def __enter__(self):
        standin = self

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # clients break connections off here

        class Handler(_Handler):
            peer = standin

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.go_on()
        self.silent = False
        with self.asked:
            self.asked.notify_all()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def go_on(self):
        self.released.set()

    def generations(self):
        return [
            body for path, body in self.requests if path == "/api/generate" and body.get("prompt")
        ]

    def count(self, path):
        return sum(1 for one, _ in self.requests if one == path)

    def wait_until_asked(self, path, times):
        with self.asked:
            assert self.asked.wait_for(lambda: self.count(path) >= times, BY_HAND_S)

    def noted(self, path, body):
        with self.asked:
            self.requests.append((path, body))
            self.asked.notify_all()

    # -- the scheduler

    def use(self, name):
        with self.lock:
            one = self.loaded.setdefault(name, Loaded())
            one.users += 1
            one.leaves = False

    def leave(self, name, keep_alive):
        with self.lock:
            one = self.loaded[name]
            one.users -= 1
            one.leaves = one.leaves or keep_alive == 0
            self._expire(name)

    def unload(self, name):
        with self.lock:
            if name in self.loaded:
                self.loaded[name].leaves = True
                self._expire(name)

    def _expire(self, name):
        one = self.loaded[name]
        if one.leaves and one.users == 0:
            del self.loaded[name]


def whole_name(name):
    return name if ":" in name else f"{name}:latest"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    peer: StandIn

    def log_message(self, *_):
        pass

    def handle(self):
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self):
        peer = self.peer
        peer.noted(self.path, None)
        if self._must_not_answer():
            return
        if self.path == "/api/version":
            self._json(200, {"version": peer.version})
        elif self.path == "/api/tags":
            self._json(200, {"models": [
                {"name": name, "model": name, "modified_at": "2026-11-01T10:00:00Z", "size": 1, "digest": digest(name), "details": {}}
                for name in peer.models
            ]})  # fmt: skip
        elif self.path == "/api/ps":
            with peer.lock:
                there = list(peer.loaded)
            self._json(200, {"models": [
                {"name": name, "model": name, "digest": digest(name), "size_vram": 1, "expires_at": "2026-11-01T10:05:00Z"}
                for name in there
            ]})  # fmt: skip
        else:
            self._text(404, "404 page not found")

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            body = json.loads(raw)
        except ValueError:
            return self._json(400, {"error": "invalid character"})
        self.peer.noted(self.path, body)
        if self._must_not_answer():
            return None
        if self.path == "/api/show":
            return self._show(body)
        if self.path == "/api/generate":
            return self._generate(body)
        return self._text(404, "404 page not found")

    def _must_not_answer(self):
        peer = self.peer
        while peer.silent:
            with peer.asked:
                peer.asked.wait(0.05)
            if self._is_gone():
                return True
        if peer.password is not None and self.headers.get("Authorization") != peer.password:
            self._text(401, "who are you?")
            return True
        return False

    def _show(self, body):
        model = self.peer.models.get(whole_name(body["model"]))
        if model is None:
            return self._json(404, {"error": f"model '{body['model']}' not found"})
        told = {"details": {}, "model_info": {}}
        if self.peer.tells_capabilities:
            told["capabilities"] = list(model.capabilities)
        return self._json(200, told)

    def _generate(self, body):
        peer, name = self.peer, whole_name(body["model"])
        model = peer.models.get(name)
        if model is None:
            return self._json(404, {"error": f"model '{body['model']}' not found"})
        if not body.get("prompt") and body.get("keep_alive") == 0:
            peer.unload(name)
            return self._json(
                200, {"model": body["model"], "response": "", "done": True, "done_reason": "unload"}
            )
        if peer.refuse is not None:
            status, said = peer.refuse
            return self._json(status, said) if isinstance(said, dict) else self._text(status, said)
        if body.get("think") and "thinking" not in model.capabilities:
            return self._json(400, {"error": f'"{body["model"]}" does not support thinking'})
        for key, value in body.get("options", {}).items():
            if key in TYPES and not isinstance(value, TYPES[key]):
                return self._json(500, {"error": f'option "{key}" must be of another type'})
        context = body.get("options", {}).get("num_ctx", 4096)
        if len(body["prompt"].split()) > context and body.get("truncate", True) is False:
            return self._json(400, {"error": "the input length exceeds the context length"})
        peer.use(name)
        try:
            return self._stream(body, model)
        finally:
            peer.leave(name, body.get("keep_alive"))

    def _stream(self, body, model):
        peer = self.peer
        pieces, reason = self._pieces(body, model)
        self.begun = False
        for number, piece in enumerate(pieces):
            if number == peer.hold_at:
                self._hold()
            if not peer.deaf and self._is_gone():
                peer.cancelled.set()
                return None
            if number == peer.break_at:
                return self._break()
            if peer.error_at is not None and number == peer.error_at[0]:
                if not self.begun:
                    return self._json(500, {"error": peer.error_at[1]})
                self._line({"error": peer.error_at[1]})
                return self._end()
            told = {
                "model": peer.says_model or body["model"],
                "created_at": "2026-11-01T10:00:00Z",
                "response": "",
                "done": False,
            }
            self._line({**told, **piece})
        if not peer.ends_early:
            self._line({
                "model": peer.says_model or body["model"], "created_at": "2026-11-01T10:00:00Z", "response": "", "done": True,
                "done_reason": reason, "context": [1, 2], "total_duration": 5_000_000,
                "load_duration": peer.load_duration, "eval_count": len(pieces), "prompt_eval_count": 3,
            })  # fmt: skip
        return self._end()

    def _pieces(self, body, model):
        options = body.get("options", {})
        asked = options.get("num_predict", -1 if self.peer.context is None else self.peer.context)
        thinks = model.thinks if body.get("think", True) else 0
        if self.peer.text is not None:
            words = list(self.peer.text)
        elif body.get("format") is not None:
            words = ["{", '"seen"', ":", '"', *(f"{word} " for word in WORDS), '"', "}"]
        else:
            start = options.get("seed", 0)
            words = [f" {WORDS[(start + i) % len(WORDS)]}" for i in range(self.peer.ends_after)]
        pieces = [{"thinking": "hm "}] * thinks + [{"response": word} for word in words]
        cut = 0 <= asked < len(pieces)
        return (pieces[:asked] if cut else pieces), "length" if cut else "stop"

    def _hold(self):
        self.peer.held.set()
        while not self.peer.released.wait(0.01):
            if not self.peer.deaf and self._is_gone():
                return

    def _is_gone(self):
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def _break(self):
        self.close_connection = True
        # A reset, as of a process that was killed, and not the end of an answer.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def _line(self, told):
        if not self.begun:
            self.begun = True
            self.send_response(200)
            self.send_header("Content-Type", "application/x-ndjson")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
        data = json.dumps(told).encode() + b"\n"
        with contextlib.suppress(ConnectionError):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

    def _end(self):
        with contextlib.suppress(ConnectionError):
            self.wfile.write(b"0\r\n\r\n")

    def _json(self, status, told):
        self._answer(status, "application/json; charset=utf-8", json.dumps(told))

    def _text(self, status, text):
        self._answer(status, "text/plain", text)

    def _answer(self, status, kind, text):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
