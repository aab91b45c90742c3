"""One prompt from its submission to its end, and what others left in the queue.

Guarantees: a prompt is submitted only if the server knows it neither in its queue nor in its history; a lost reply is looked into, never
repeated;
``Interrupted`` is raised only when the server has let go of the prompt. A server that was started anew, one that answers but does not
work any more
(its prompt thread is dead), and one that went away are told apart.
"""

import contextlib
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError, Interrupted
from spoolworker.backends.comfyui.client import Client, Entry
from spoolworker.backends.comfyui.graph import Nodes
from spoolworker.backends.comfyui.live import Event, Live, Progress
from spoolworker.backends.server import NoAnswer

MARK = "spool"
"""The key in ``extra_data`` by which our prompts are known."""
_DRAINED_MAX = 100
"""Messages taken between two looks: a flood of them must not keep us from looking."""
_ENDS = ("execution_success", "execution_error", "execution_interrupted")


@dataclass(frozen=True)
class Patience:
    """How long is waited for what, in seconds."""

    poll_s: float = 1.0
    """Between looks into queue and history."""
    silence_s: float = 600.0
    """A prompt that runs, with the websocket connected, and is not heard of for so long counts as hung."""
    stop_s: float = 30.0
    """How long a prompt may take to end after it was removed, where the caller does not wait for ever."""


class Stuck(BackendError):
    """The server does not let go of a prompt."""

    def __init__(self, code: Code, message: str, prompt_id: str) -> None:
        super().__init__(code, message)
        self.prompt_id = prompt_id


class Prompts:
    """The prompts of one run.

    Args:
        client: The server.
        live: Its websocket.
        client_id: Whose messages the websocket gets.
        patience: How long is waited.
        stop: Set when the run shall end.
        clock: Seconds.
    """

    def __init__(  # noqa: PLR0913 - each is one independent part
        self,
        client: Client,
        live: Live,
        *,
        client_id: str,
        patience: Patience,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._live = live
        self._client_id = client_id
        self._patience = patience
        self._stop = stop
        self._clock = clock

    def finish(
        self,
        prompt_id: str,
        nodes: Nodes,
        extra: Mapping[str, Any],
        hear: Callable[[Event, Progress], None],
    ) -> Mapping[str, Any]:
        """Bring a prompt to its end; returns its entry in the history.

        Args:
            prompt_id: A canonical UUID in lower case.
            nodes: The workflow.
            extra: Sent as ``extra_data``.
            hear: Called for each of its messages.

        Raises:
            Interrupted: *stop* was set, and the server has let go.
            BackendError: The server refused it, forgot it, hangs or went away.
        """
        known = self._is_there(prompt_id)
        entry = None if known else self._client.history(prompt_id)
        if entry is not None:
            return entry
        try:
            if not known:
                self._submit(prompt_id, nodes, extra)
            return self._follow(prompt_id, Progress(nodes), hear, told=not known)
        except (Interrupted, Stuck):
            raise
        except Exception:
            with contextlib.suppress(BackendError):  # the first error is the one to tell
                self._end(prompt_id, self._patience.stop_s, Code.STALLED)
            raise

    def clear(self) -> None:
        """Remove what processes of this machine left in the queue that are no more: orphans that still burn the card.

        Raises:
            Stuck: One does not go.
            Interrupted: *stop* was set.
        """
        queue = self._client.queue()
        for one in (*queue.pending, *queue.running):
            if _is_orphan(one):
                self._end(one.prompt_id, self._patience.stop_s, Code.BACKEND_UNREACHABLE)
                self._refuse_stopped()

    def _submit(self, prompt_id: str, nodes: Nodes, extra: Mapping[str, Any]) -> None:
        self._refuse_stopped()
        self._live.connect()  # before: nothing is told again
        marked = {**extra, MARK: _own_mark()}
        try:
            self._client.submit(prompt_id, nodes, self._client_id, marked)
        except NoAnswer as error:
            if error.how == "refused":
                raise
            if not self._is_there(prompt_id) and self._client.history(prompt_id) is None:
                raise  # a second submit might run beside the first

    def _follow(
        self,
        prompt_id: str,
        progress: Progress,
        hear: Callable[[Event, Progress], None],
        *,
        told: bool,
    ) -> Mapping[str, Any]:
        """Follow a prompt to its end; *told*: its messages come to us and not to a client that was there before."""
        heard_at, look_at = self._clock(), 0.0
        ran: bool | None = False
        while True:
            if self._stop.is_set():
                self._end(prompt_id, None, Code.STALLED)
                raise Interrupted
            if self._clock() >= look_at:
                entry, runs = self._look(prompt_id)
                if entry is not None:
                    return entry
                if runs is False or (runs and not (told and ran and self._live.is_connected)):
                    heard_at = self._clock()
                ran, look_at = runs, self._clock() + self._patience.poll_s
            if self._clock() - heard_at > self._patience.silence_s:
                self._give_up(prompt_id)
            seconds = max(0.0, look_at - self._clock())
            for event in itertools.islice(self._told(seconds), _DRAINED_MAX):
                if not _is_of(event, prompt_id):
                    continue
                heard_at = self._clock()
                progress.take(event)
                hear(event, progress)
                if event.type in _ENDS or (event.type == "executing" and progress.node is None):
                    look_at = 0.0
                if self._stop.is_set():
                    break

    def _told(self, seconds: float) -> Iterator[Event]:
        """The next message within so many seconds, and all that have come behind it."""
        while (event := self._live.wait(seconds, self._stop)) is not None:
            yield event
            seconds = 0.0

    def _look(self, prompt_id: str) -> tuple[Mapping[str, Any] | None, bool | None]:
        """The prompt's entry if it is over, and whether it runs now; ``None`` if the server does not say."""
        try:
            queue = self._client.queue()
            if queue.has(prompt_id):
                return None, queue.runs(prompt_id)
            entry = self._client.history(prompt_id)
        except NoAnswer as error:
            if error.how != "silent":
                # It had taken the work: whatever it says now, it went away under it.
                raise BackendError(Code.BACKEND_DIED, str(error)) from None
            return None, None  # loading a model may keep the server from answering
        if entry is None:
            message = "comfyui does not know the work any more: it was started anew, or somebody removed it"
            raise BackendError(Code.BACKEND_DIED, message)
        return entry, False

    def _is_there(self, prompt_id: str) -> bool:
        return self._client.queue().has(prompt_id)

    def _refuse_stopped(self) -> None:
        if self._stop.is_set():
            raise Interrupted

    def _give_up(self, prompt_id: str) -> None:
        self._end(prompt_id, self._patience.stop_s, Code.STALLED)
        message = f"comfyui told nothing of the work for {self._patience.silence_s:g} s; it was interrupted"
        raise BackendError(Code.STALLED, message)

    def _end(self, prompt_id: str, limit_s: float | None, code: Code) -> None:
        """Remove a prompt and wait until the server has let go of it; for ever if there is no limit.

        Asked again at every look: an interrupt that arrives while a prompt begins is lost.
        """
        until = None if limit_s is None else self._clock() + limit_s
        pause = threading.Event()
        while True:
            try:
                if not self._is_there(prompt_id):
                    return
                self._client.remove(prompt_id)
            except NoAnswer as error:
                if error.how == "refused":
                    raise
            if until is not None and self._clock() > until:
                message = "comfyui answers but does not let go of the work: its prompt thread is dead or hangs; start it anew"
                raise Stuck(code, message, prompt_id)
            pause.wait(self._patience.poll_s)


def _is_of(event: Event, prompt_id: str) -> bool:
    """True of a message about this prompt, or one that does not say about which."""
    return event.type != "status" and event.data.get("prompt_id") in (prompt_id, None)


def _own_mark() -> dict[str, Any]:
    process = psutil.Process()
    return {"machine": socket.gethostname(), "pid": os.getpid(), "started": process.create_time()}


def _is_orphan(entry: Entry) -> bool:
    """True if a process of this machine submitted it that is no more. Of another machine's nobody here can say."""
    mark = entry.extra.get(MARK)
    if not isinstance(mark, dict) or mark.get("machine") != socket.gethostname():
        return False
    try:
        started = psutil.Process(int(mark.get("pid", -1))).create_time()
    except (psutil.Error, ValueError, TypeError):
        return True
    told = mark.get("started")
    return not isinstance(told, int | float) or abs(started - told) > 1.0
