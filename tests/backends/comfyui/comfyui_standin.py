"""A ComfyUI for tests, over real HTTP and websockets: it refuses what 0.3.64 refuses, and does the silent wrong things that it does.

It works only when it is looked at: each look into the queue moves the running prompt on by one tick of
``ticks``. So no test waits for a clock. ``object_info.json`` was recorded from a real server.
"""

import contextlib
import json
import re
import socket
import threading
import uuid
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from comfyui_pictures import draw, size_of_input
from websockets.protocol import State
from websockets.server import ServerProtocol

INFO = json.loads((Path(__file__).parent / "object_info.json").read_text(encoding="utf-8"))


def is_link(value):
    return isinstance(value, list) and len(value) == 2


class Knobs:
    """What the server does wrong, or otherwise than 0.3.64."""

    card = {}  # what its device is otherwise
    ticks = None  # None: as many as the samplers have steps
    instant = False  # over before the submit is answered
    silent_socket = False  # connected, and nothing is told
    no_socket = False
    error = (
        None  # (exception_type, exception_message): the sampler, or the last node, fails with it
    )
    context_gone = False
    dead_thread = False  # SystemExit in a node: the prompt stays, interrupts do nothing
    lost_interrupts = 0  # so many interrupts come while a prompt begins, and are lost
    old_interrupt = False  # ignores the prompt_id: kills whatever runs
    cancels_jobs = False  # of 2026: POST /api/jobs/<id>/cancel, canonical ids only
    strict_ids = False
    drops_reply = False  # takes the prompt and hangs up
    drops_prompt = False  # hangs up and does not take it
    dies_at_tick = None
    wrong_model = None  # an extension rewrites the workflow
    one_too_few = False
    old_files = False
    no_success_message = False
    file_gone = False
    truncated = None  # "length": hangs up half-way; "quiet": half a file, told as whole
    status = None  # every answer
    status_once = None
    password = None
    other_software = False
    previews = ()
    shrinks = 0


class StandIn:
    def __init__(self, folder, port=0):
        self.folder = Path(folder)
        self.knobs = Knobs()
        self.info = json.loads(json.dumps(INFO))
        self.embeddings = ["badhands"]
        self.version = "0.3.64"
        self.lock = threading.RLock()
        self.requests = []
        self.inputs, self.outputs, self.sockets = {}, {}, {}
        self.freed = 0
        self.restart()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.standin = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def restart(self):
        """A new process: queue, history and cache are empty; files stay."""
        self.running, self.pending, self.history, self.cache = None, [], {}, None
        self.number, self.tick, self.interrupt = 0, 0, False

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        for sock in list(self.sockets.values()):
            sock.hang_up()
        self._server.join()
        self._thread.join()

    def submitted(self):
        return [body for path, body in self.requests if path == "/prompt"]

    # -- the queue

    def submit(self, body):
        if "prompt" not in body:
            return 400, _refused("no_prompt", "No prompt provided"), None
        graph, prompt_id = body["prompt"], str(body.get("prompt_id", uuid.uuid4()))
        if self.knobs.strict_ids and prompt_id != str(_uuid(prompt_id)):
            return 400, _refused("invalid_prompt_id", "prompt_id must be a canonical UUID"), None
        outputs, refused, errors = self._validate(graph)
        if refused is not None:
            return 400, {"error": refused, "node_errors": errors}, None
        if self.knobs.wrong_model:
            graph = json.loads(json.dumps(graph))
            for node in graph.values():
                if "ckpt_name" in node["inputs"]:
                    node["inputs"]["ckpt_name"] = self.knobs.wrong_model
        extra = {**body.get("extra_data", {}), "client_id": body.get("client_id")}
        item = [self.number, prompt_id, graph, extra, outputs]
        self.number += 1
        self.pending.append(item)
        if self.knobs.instant:
            while prompt_id not in self.history:
                self.advance()
        return 200, {"prompt_id": prompt_id, "number": item[0], "node_errors": errors}, prompt_id

    def advance(self):
        """One tick of work."""
        if self.running is None:
            if not self.pending:
                return
            self.running, self.tick = self.pending.pop(0), 0
            steps = [node["inputs"].get("steps", 1) for node in self.running[2].values()]
            self.ticks = self.knobs.ticks or max(steps)
            self.interrupt = False  # one that came before is lost
            self._begin(self.running)
            return
        if self.knobs.dead_thread:
            return
        if self.interrupt:
            data = {"node_id": "1", "node_type": "KSampler", "executed": []}
            self._over("execution_interrupted", data)
            return
        if self.knobs.dies_at_tick == self.tick:
            self._server.dead = True
            return
        self.tick += 1
        self._tell_progress()
        if self.tick >= self.ticks:
            self._finish()

    def _begin(self, item):
        cached = list(item[2]) if item[2] == self.cache else []
        self.messages = []
        self._say("execution_start", {})
        self._say("execution_cached", {"nodes": cached})

    def _tell_progress(self):
        graph = self.running[2]
        node = _worker(graph)
        if self.tick == 1:
            self._send("executing", {"node": node})
        self._send("progress", {"node": node, "value": self.tick, "max": self.ticks})
        for frame in self.knobs.previews:
            self._send_raw(frame)

    def _finish(self):
        _, _, graph, _, outputs = self.running
        if self.knobs.error is not None:
            kind, text = self.knobs.error
            node = _worker(graph)
            data = {
                "node_id": node, "node_type": graph[node]["class_type"], "exception_type": kind,
                "exception_message": text, "traceback": ["  File x, line 1\n"], "current_inputs": {},
            }  # fmt: skip
            return self._over("execution_error", data)
        if graph != self.cache:  # else no node runs, and no file is written
            self.cached_ui = {node: {"images": self._save(graph, node)} for node in outputs}
        self.cache, ui = graph, self.cached_ui
        if self.knobs.one_too_few:
            ui = {node: {"images": one["images"][:-1]} for node, one in ui.items()}
        if self.knobs.old_files:
            ui = {
                node: {"images": [{**i, "subfolder": "", "filename": "ComfyUI_00001_.png"} for i in one["images"]]}
                for node, one in ui.items()
            }  # fmt: skip
        event = None if self.knobs.no_success_message else "execution_success"
        return self._over(event, {}, ui)

    def _over(self, event, data, ui=None):
        item = self.running
        if event:
            self._say(event, data)
        done = event in (None, "execution_success")
        self.history[item[1]] = {
            "prompt": item,
            "outputs": ui or {},
            "status": {"status_str": "success" if done else "error", "completed": done, "messages": self.messages},
            "meta": {},
        }  # fmt: skip
        self._send("executing", {"node": None})
        self.running = None

    def _save(self, graph, node):
        prefix = graph[node]["inputs"].get(
            "filename_prefix", f"ComfyUI_temp_{uuid.uuid4().hex[:5]}"
        )
        folder, _, name = prefix.rpartition("/")
        kind = "temp" if graph[node]["class_type"] == "PreviewImage" else "output"
        width, height, count = self._size(graph, graph[node]["inputs"]["images"][0])
        saved = []
        for _ in range(count):
            number = 1 + sum(
                key[1].startswith(f"{name}_") and key[0] == folder for key in self.outputs
            )
            file = f"{name}_{number:05}_.png"
            seed = json.dumps(graph, sort_keys=True) + str(number)
            image = draw(width - self.knobs.shrinks, height, seed, {"prompt": json.dumps(graph)})
            self.outputs[folder, file, kind] = image
            if kind == "output":
                (self.folder / folder).mkdir(parents=True, exist_ok=True)
                (self.folder / folder / file).write_bytes(image)
            saved.append({"filename": file, "subfolder": folder, "type": kind})
        return saved

    def _size(self, graph, key):
        """Width, height and how many, of what a node gives."""
        inputs = graph[key]["inputs"]
        kind = graph[key]["class_type"]
        if kind == "EmptyLatentImage":
            return inputs["width"] // 8 * 8, inputs["height"] // 8 * 8, inputs["batch_size"]
        if kind == "LoadImage":
            return *size_of_input(self._input(inputs["image"])), 1
        source = next(
            inputs[f] for f in ("samples", "latent_image", "pixels", "image") if f in inputs
        )
        width, height, count = self._size(graph, source[0])
        if kind in ("ImageScale", "LatentUpscale"):
            return inputs["width"], inputs["height"], count
        if kind == "ImageUpscaleWithModel":
            return 4 * width, 4 * height, count
        if kind == "VAEEncode":
            return width // 8 * 8, height // 8 * 8, count
        return width, height, count

    def _input(self, name):
        path, _, kind = name.rpartition(" [") if name.endswith("]") else (name, "", "input]")
        folder, _, file = path.rpartition("/")
        if kind == "input]":
            return self.inputs[path]
        return self.outputs[folder, file, kind[:-1]]

    # -- what it refuses

    def _validate(self, graph):
        """Ids of the outputs that run; the error if none does; errors by node."""
        for key, node in graph.items():
            if node.get("class_type") not in self.info:
                text = f"Cannot execute because node {node.get('class_type')} does not exist."
                return (
                    [],
                    {**_refused("invalid_prompt", text)["error"], "details": f"Node ID '#{key}'"},
                    {},
                )
        outputs = [
            key for key, node in graph.items() if self.info[node["class_type"]]["output_node"]
        ]
        if not outputs:
            return [], _refused("prompt_no_outputs", "Prompt has no outputs")["error"], {}
        good, errors = [], {}
        for output in outputs:
            bad = {}
            self._validate_below(graph, output, bad)
            for key, found in bad.items():
                entry = {
                    "errors": found,
                    "dependent_outputs": [],
                    "class_type": graph[key]["class_type"],
                }
                errors.setdefault(key, entry)["dependent_outputs"].append(output)
            if not bad:
                good.append(output)
        if good:
            return good, None, errors
        text = "Prompt outputs failed validation"
        return [], _refused("prompt_outputs_failed_validation", text)["error"], errors

    def _validate_below(self, graph, key, bad):
        inputs, schema = graph[key]["inputs"], self.info[graph[key]["class_type"]]["input"]
        found = []
        for field, spec in schema["required"].items():
            if field not in inputs:
                found.append(_problem("required_input_missing", "Required input is missing", field))
                continue
            value = inputs[field]
            if is_link(value):
                if value[0] not in graph:
                    raise KeyError(value[0])  # 500, as the real one
                self._validate_below(graph, value[0], bad)
            elif isinstance(spec[0], list) or spec[0] == "COMBO":
                have = spec[0] if isinstance(spec[0], list) else spec[1]["options"]
                if len(spec) > 1 and spec[1].get("image_upload"):
                    try:
                        self._input(value)
                    except KeyError:
                        text = f"{field} - Invalid image file: {value}"
                        found.append(
                            _problem(
                                "custom_validation_failed",
                                "Custom validation failed for node",
                                text,
                            )
                        )
                elif value not in have:
                    found.append(
                        _problem(
                            "value_not_in_list",
                            "Value not in list",
                            f"{field}: '{value}' not in {have}",
                        )
                    )
            elif spec[0] in ("INT", "FLOAT") and value < spec[1].get("min", value):
                found.append(
                    _problem("value_smaller_than_min", "Value -1 smaller than min of 0", field)
                )
        if found:
            bad[key] = found

    # -- what it tells

    def _say(self, event, data):
        data = {"prompt_id": self.running[1], **data}
        self.messages.append([event, data])
        self._send(event, data)

    def _send(self, event, data):
        self._send_raw(json.dumps({"type": event, "data": {"prompt_id": self.running[1], **data}}))

    def _send_raw(self, message):
        sock = self.sockets.get(self.running[3].get("client_id"))
        if sock is not None and not self.knobs.silent_socket:
            sock.send(message)


def _worker(graph):
    """The node that does the work: the one that samples, else the last."""
    sampling = [key for key, node in graph.items() if "KSampler" in node["class_type"]]
    return (sampling or list(graph))[-1]


def _refused(kind, message):
    return {
        "error": {"type": kind, "message": message, "details": message, "extra_info": {}},
        "node_errors": {},
    }


def _problem(kind, message, details):
    return {"type": kind, "message": message, "details": details, "extra_info": {}}


def _uuid(text):
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = False
    dead = False

    def __init__(self, *args):
        self._open = set()
        super().__init__(*args)

    def process_request_thread(self, request, client_address):
        self._open.add(threading.current_thread())
        super().process_request_thread(request, client_address)

    def join(self):
        for thread in list(self._open):
            thread.join()

    def handle_error(self, request, client_address):
        """A client that went away is no error."""


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True  # as aiohttp; else a message may wait 40 ms for another

    def log_message(self, *args):
        pass

    def do_GET(self):
        self._answer(None)

    def do_POST(self):
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, data):
        it = self.server.standin
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if self.server.dead:
            return self._hang_up()
        with it.lock:
            if it.knobs.password and self.headers.get("Authorization") != it.knobs.password:
                return self._send(401, {"detail": "no"})
            if it.knobs.status_once:
                status, it.knobs.status_once = it.knobs.status_once, None
                return self._send(status, {"detail": "broken"})
            if it.knobs.status:
                return self._send(it.knobs.status, {"detail": "broken"})
            if path == "/ws" and not it.knobs.no_socket:
                sock = _Socket(self)
                it.sockets[query["clientId"][0]] = sock
            elif data is None:
                return self._get(it, path, {key: value[0] for key, value in query.items()})
            else:
                return self._post(it, path, data)
        return sock.listen()

    def _get(self, it, path, query):  # noqa: PLR0911 - a table of routes
        if it.knobs.other_software:
            return self._send(200, {"hello": "world"})
        if path == "/system_stats":
            device = {
                "name": "cpu",
                "type": "cpu",
                "index": None,
                "vram_total": 8 << 30,
                "vram_free": 1 << 30,
                **it.knobs.card,
            }
            return self._send(200, {"system": {"comfyui_version": it.version}, "devices": [device]})
        if path == "/object_info":
            return self._send(200, it.info)
        if path == "/embeddings":
            return self._send(200, it.embeddings)
        if path == "/queue":
            it.advance()
            if self.server.dead:
                return self._hang_up()
            running = [it.running] if it.running else []
            return self._send(200, {"queue_running": running, "queue_pending": it.pending})
        if path.startswith("/history/"):
            prompt_id = path.rpartition("/")[2]
            found = it.history.get(prompt_id)
            return self._send(200, {prompt_id: found} if found else {})
        if path == "/view":
            data = it.outputs.get((query.get("subfolder", ""), query["filename"], query["type"]))
            if data is None or it.knobs.file_gone:
                return self._send(404, b"")
            if it.knobs.truncated == "length":
                return self._send(200, data[: len(data) // 2], length=len(data))
            return self._send(200, data[: len(data) // 2] if it.knobs.truncated else data)
        return self._send(404, b"")

    def _post(self, it, path, data):  # noqa: C901, PLR0912 - a table of routes
        if path == "/upload/image":
            it.requests.append((path, None))
            return self._send(200, self._upload(it, data))
        try:
            body = json.loads(data or b"{}")
        except ValueError:
            return self._send(500, b"500 Internal Server Error")
        it.requests.append((path, body))
        if path == "/prompt":
            return self._submit(it, body)
        if path == "/queue":
            it.pending = [one for one in it.pending if one[1] not in body.get("delete", ())]
        elif path == "/interrupt":
            ours = it.running and it.running[1] == body.get("prompt_id")
            if it.knobs.lost_interrupts > 0:
                it.knobs.lost_interrupts -= 1
            elif it.running and (ours or it.knobs.old_interrupt):
                it.interrupt = True
        elif path == "/history":
            for one in body.get("delete", ()):
                it.history.pop(one, None)
        elif path == "/free":
            it.freed += 1
        elif it.knobs.cancels_jobs and (match := re.fullmatch(r"/api/jobs/(.+)/cancel", path)):
            there = len(it.pending)
            it.pending = [one for one in it.pending if one[1] != match[1]]
            if it.running and it.running[1] == match[1]:
                it.interrupt, there = True, there + 1
            return self._send(200, {"cancelled": there > len(it.pending)})
        else:
            return self._send(405, b"405: Method Not Allowed")
        return self._send(200, b"")

    def _submit(self, it, body):
        if it.knobs.drops_prompt:
            return self._hang_up()
        try:
            status, told, _ = it.submit(body)
        except KeyError:
            return self._send(500, b"500 Internal Server Error\n\nServer got itself in trouble")
        if it.knobs.drops_reply:
            it.knobs.drops_reply = False
            return self._hang_up()
        return self._send(status, told)

    def _upload(self, it, data):
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + data)
        part = next(p for p in message.iter_parts() if p.get_filename())
        name, content = part.get_filename(), part.get_payload(decode=True)
        stem, _, suffix = name.rpartition(".")
        number = 0
        while it.inputs.get(name, content) != content:  # the same name with other content
            number += 1
            name = f"{stem} ({number}).{suffix}"
        it.inputs[name] = content
        return {"name": name, "subfolder": "", "type": "input"}

    def _send(self, status, body, length=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def _hang_up(self):
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class _Socket:
    """The server's end of a websocket, on the connection of its request."""

    def __init__(self, handler):
        self._sock = handler.connection
        self._lock = threading.Lock()
        self._protocol = ServerProtocol()
        head = f"{handler.requestline}\r\n{handler.headers.as_string()}".replace("\r", "").replace(
            "\n", "\r\n"
        )
        self._protocol.receive_data(head.rstrip("\r\n").encode() + b"\r\n\r\n")
        [request] = self._protocol.events_received()
        self._protocol.send_response(self._protocol.accept(request))
        self._flush()
        self.send(json.dumps({"type": "status", "data": {"status": {}, "sid": "x"}}))
        handler.close_connection = True

    def send(self, message):
        with self._lock:
            if self._protocol.state is not State.OPEN:
                return
            if isinstance(message, bytes):
                self._protocol.send_binary(message)
            else:
                self._protocol.send_text(message.encode())
            self._flush()

    def listen(self):
        """Until the client goes."""
        while True:
            try:
                data = self._sock.recv(65536)
            except OSError:
                return
            with self._lock:
                self._protocol.receive_data(data) if data else self._protocol.receive_eof()
                self._flush()
            if not data:
                return

    def hang_up(self):
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _flush(self):
        for data in self._protocol.data_to_send():
            with contextlib.suppress(OSError):
                if data:
                    self._sock.sendall(data)
                else:
                    self._sock.shutdown(socket.SHUT_WR)
