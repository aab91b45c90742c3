"""ComfyUI's HTTP calls, one method each.

Guarantees: nothing is submitted twice; an interrupt reaches only our own prompt, also on servers that know no targeted one: it is sent
only while our
prompt is the running one. Reading calls are repeated once after a dropped connection.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError
from spoolworker.backends.comfyui.catalogue import Catalogue
from spoolworker.backends.comfyui.graph import Nodes
from spoolworker.backends.comfyui.outcome import Saved, refusal
from spoolworker.backends.server import NoAnswer, Server, said

_SUBMIT_S = 60.0
"""A submit checks the whole workflow, and lists every folder of models for it."""
_FILE_S = 60.0
_NONE = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


@dataclass(frozen=True)
class Entry:
    """One prompt in the queue."""

    prompt_id: str
    extra: Mapping[str, Any]
    """What was sent with it as ``extra_data``."""


@dataclass(frozen=True)
class Queue:
    """What the server has to do."""

    running: tuple[Entry, ...]
    pending: tuple[Entry, ...]

    def has(self, prompt_id: str) -> bool:
        """True if the prompt runs or waits."""
        return any(one.prompt_id == prompt_id for one in (*self.running, *self.pending))

    def runs(self, prompt_id: str) -> bool:
        """True if the prompt runs."""
        return any(one.prompt_id == prompt_id for one in self.running)


class Client:
    """One ComfyUI server.

    Args:
        server: Its address.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._cancels_jobs = True
        """False once the server has said that it has no route to cancel a job."""

    def system_stats(self) -> Mapping[str, Any]:
        """Versions, memory and devices; refused if it is another kind of server."""
        stats = self._get("/system_stats")
        if not isinstance(stats, dict) or "comfyui_version" not in _mapping(stats.get("system")):
            raise BackendError(Code.BACKEND_REJECTED, "what answers there is no ComfyUI")
        return stats

    def catalogue(self) -> Catalogue:
        """Everything that the server can do."""
        info, embeddings = self._get("/object_info", timeout_s=60.0), self._get("/embeddings")
        if not isinstance(info, dict) or not isinstance(embeddings, list):
            raise BackendError(Code.BACKEND_REJECTED, "comfyui does not say which nodes it has")
        return Catalogue(info, tuple(str(one) for one in embeddings))

    def queue(self) -> Queue:
        """What runs and what waits."""
        told = _mapping(self._get("/queue"))
        running, pending = (
            # Newer servers add elements; what is read here has stayed
            tuple(Entry(str(one[1]), _mapping(one[3])) for one in told.get(key) or ())
            for key in ("queue_running", "queue_pending")
        )
        return Queue(running, pending)

    def history(self, prompt_id: str) -> Mapping[str, Any] | None:
        """A prompt's entry once it is over; ``None`` before, and if the server does not know it."""
        entry = _mapping(self._get(f"/history/{quote(prompt_id)}")).get(prompt_id)
        return entry if isinstance(entry, dict) else None

    def submit(
        self, prompt_id: str, nodes: Nodes, client_id: str, extra: Mapping[str, Any]
    ) -> None:
        """Put a workflow into the queue under our own id. A lost answer leaves open whether it is there.

        Raises:
            NoAnswer: Nothing came back.
            BackendError: It was refused; also if only a part of it was, and the rest is in the queue.
        """
        body = {
            "prompt": nodes,
            "prompt_id": prompt_id,
            "client_id": client_id,
            "extra_data": dict(extra),
        }
        answer = self._server.call("POST", "/prompt", json=body, timeout_s=_SUBMIT_S)
        try:
            told = answer.json()
        except ValueError:
            told = None
        if answer.status_code != HTTPStatus.OK or not isinstance(told, dict):
            raise refusal(answer.status_code, told, said(answer))
        if told.get("prompt_id") != prompt_id:
            self.remove(str(told.get("prompt_id")))
            message = f"comfyui gave the work the id '{told.get('prompt_id')}', not ours"
            raise BackendError(Code.BACKEND_REJECTED, message)
        if told.get("node_errors"):
            raise refusal(answer.status_code, told, said(answer))

    def remove(self, prompt_id: str) -> None:
        """Take a prompt out of the queue, or interrupt it if it runs; says nothing of whether it ended: look at ``queue``."""
        if self._cancels_jobs:
            answer = self._server.call("POST", f"/api/jobs/{quote(prompt_id)}/cancel", json={})
            self._cancels_jobs = answer.status_code not in _NONE
            if answer.status_code == HTTPStatus.OK and _is_cancelled(answer):
                return
        self._server.call("POST", "/queue", json={"delete": [prompt_id]})
        if self.queue().runs(prompt_id):
            self._server.call("POST", "/interrupt", json={"prompt_id": prompt_id})

    def forget(self, prompt_id: str) -> None:
        """Remove a prompt from the history; its files stay."""
        self._server.call("POST", "/history", json={"delete": [prompt_id]})

    def free(self) -> None:
        """Ask the server to unload its models and give its memory back; done when its prompt thread is next at rest."""
        self._server.call("POST", "/free", json={"unload_models": True, "free_memory": True})

    def upload(self, path: Path) -> str:
        """Bring an image to the server under its digest; returns the name by which the server knows it.

        Raises:
            BackendError: It was refused.
        """
        data = path.read_bytes()
        name = f"spool-{hashlib.sha256(data).hexdigest()[:32]}{path.suffix.lower() or '.png'}"
        answer = self._server.call(
            "POST",
            "/upload/image",
            files={"image": (name, data, "application/octet-stream")},
            data={"type": "input"},
            timeout_s=_FILE_S,
        )
        if answer.status_code != HTTPStatus.OK:
            message = f"comfyui does not take '{path.name}' ({answer.status_code})"
            raise BackendError(Code.BACKEND_REJECTED, message, log_tail=said(answer))
        told = _mapping(self._server.read_json(answer))
        if not told.get("name"):
            raise BackendError(
                Code.BACKEND_REJECTED, f"comfyui does not say where '{path.name}' is"
            )
        folder = str(told.get("subfolder") or "")
        return f"{folder}/{told['name']}" if folder else str(told["name"])

    def fetch(self, saved: Saved) -> bytes:
        """The bytes of a file.

        Raises:
            BackendError: ``output_incomplete``: it is not there, or its end did not come.
        """
        params = {"filename": saved.filename, "subfolder": saved.subfolder, "type": saved.type}
        for again in (True, False):
            try:
                answer = self._server.call("GET", "/view", params=params, timeout_s=_FILE_S)
            except NoAnswer as error:
                if again and error.how != "refused":
                    continue
                if error.how == "refused":
                    raise
                message = f"'{saved.filename}' did not come whole: {error}"
                raise BackendError(Code.OUTPUT_INCOMPLETE, message) from None
            if answer.status_code == HTTPStatus.OK and answer.content:
                return answer.content
            message = f"'{saved.filename}' is not on the server ({answer.status_code})"
            raise BackendError(Code.OUTPUT_INCOMPLETE, message, log_tail=said(answer))
        raise AssertionError("the second try returns or raises")

    def _get(self, path: str, *, timeout_s: float = 5.0) -> Any:  # noqa: ANN401 - raw JSON
        try:
            return self._server.json("GET", path, timeout_s=timeout_s)
        except NoAnswer as error:
            if error.how != "reset":
                raise
            return self._server.json("GET", path, timeout_s=timeout_s)


def _is_cancelled(answer: requests.Response) -> bool:
    try:
        return _mapping(answer.json()).get("cancelled") is True
    except ValueError:
        return False


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
