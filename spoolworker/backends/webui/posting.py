"""One request on its way: sent in a thread of its own, watched on other connections, stopped when asked.

Guarantees: a request is sent once, whatever comes; ``Interrupted`` is raised only when our request is over and the server idle;
progress and previews are those of our own request. A client that goes away stops nothing there: a request whose answer got
lost is interrupted and waited for before anybody is told that it failed.
"""

import base64
import binascii
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError, Interrupted, Watch
from spoolworker.backends.server import NoAnswer, Running
from spoolworker.backends.webui.asking import Ask
from spoolworker.backends.webui.client import Client, State
from spoolworker.backends.webui.settings import Settings

T = TypeVar("T")
_INTERRUPT_EVERY_S = 1.0
_NEWS_S = 2.0
"""How soon a request hears that its server died, once another call did."""
_EXTRAS = "extra-single-image"


class Beat:
    """Says when something is due again."""

    def __init__(self, clock: Callable[[], float], every_s: float, *, first: bool) -> None:
        self._clock = clock
        self._every_s = every_s
        self._next = clock() + (0.0 if first else every_s)

    def is_due(self) -> bool:
        """True at most once in each *every_s*."""
        if self._clock() < self._next:
            return False
        self._next = self._clock() + self._every_s
        return True


@dataclass
class Line:
    """How a run speaks with its server.

    ``sure`` tells that nothing of ours runs there; while it is false the server must be made idle before anything is sent.
    """

    client: Client
    settings: Settings
    clock: Callable[[], float] = time.monotonic
    sure: bool = False
    has_tasks: bool = False

    def make_idle(self, watch: Watch) -> None:
        """Come back when nothing runs on the server; interrupt what does, if the server is ours alone.

        Raises:
            Interrupted: Asked to stop meanwhile; nothing was sent.
            BackendError: ``backend_unreachable``: it is busy for longer than is waited.
        """
        if self.sure and self.client.state().job_count == 0:
            return
        self.sure = False
        stop = self.client.interrupt if self.settings.exclusive else None
        self._wait(Running(self.client.wait_turn), watch, stop)
        self.sure = True

    def _wait(self, turn: Running[None], watch: Watch, stop: Callable[[], None] | None) -> None:
        """Wait for our turn, and let nothing take longer than it may."""
        began = self.clock()
        pause = Beat(self.clock, _INTERRUPT_EVERY_S, first=True)
        while not turn.wait(self.settings.poll_s):
            if watch.interrupted.is_set():
                raise Interrupted
            if self.clock() - began > self.settings.idle_wait_s:
                message = f"webui is busy with something else for {self.settings.idle_wait_s:g} s"
                raise BackendError(Code.BACKEND_UNREACHABLE, message)
            if stop is not None and pause.is_due():
                try:
                    stop()
                except NoAnswer:
                    continue  # the turn itself will tell, or the time that it may take
        turn.result()

    def do(self, call: Callable[[], T], watch: Watch) -> T:
        """Make a call that may wait for a model to load; asked to stop meanwhile, it is left to itself and the server not sure.

        Raises:
            Interrupted: As said.
        """
        running = Running(call)
        while not running.wait(self.settings.poll_s):
            if watch.interrupted.is_set():
                self.sure = False
                raise Interrupted
        return running.result()


class Posting:
    """Sends one request and sees it through.

    Args:
        line: The server.
        watch: The run's.
        tell: ``tell(fraction)`` of this request, 0 to 1, in any order.
        task: The request's own id, never used twice.
        preview: When a preview is due; kept from one request to the next.
    """

    def __init__(
        self, line: Line, watch: Watch, tell: Callable[[float], None], *, task: str, preview: Beat
    ) -> None:
        self._line = line
        self._client = line.client
        self._watch = watch
        self._tell = tell
        self._task = task
        self._preview = preview
        self._before = State(0, 0.0, (), cut_short=False, preview=None)
        self._heard = line.clock()
        self._sent = self._heard
        self.waited_s: float | None = None
        """From sending to the first step that was seen: in which a model loads, if it must. ``None``: none was seen."""

    def send(self, ask: Ask) -> Any:  # noqa: ANN401 - raw JSON
        """The answer's body.

        Raises:
            Interrupted: Asked to stop; the server is idle.
            BackendError: The request failed, the server hangs or is gone, or somebody else stopped it.
        """
        if self._watch.interrupted.is_set():
            raise Interrupted
        self._before = self._client.state()
        body = dict(ask.body)
        if ask.path != _EXTRAS:
            body["force_task_id"] = self._task
        self._line.sure = False
        self._sent = self._line.clock()
        running = Running(lambda: self._client.generate(ask.path, body))
        self._attend(running, ask)
        try:
            reply = running.result()
        except BackendError as error:
            if error.code in (Code.BACKEND_UNREACHABLE, Code.BACKEND_DIED):
                self._after_loss(error)
            self._line.sure = True
            self._end_if_asked()
            raise
        self._line.sure = True
        # Must be told: a page that is reloaded interrupts, and is away a moment later
        cut_short = self._client.state().cut_short
        self._end_if_asked()
        if cut_short:
            message = "somebody else interrupted webui: its image is half-made"
            raise BackendError(Code.OUTPUT_INCOMPLETE, message)
        return reply

    def _attend(self, running: Running[Any], ask: Ask) -> None:
        """Watch until the answer is there; interrupt for as long as it is not, once asked to stop."""
        again = Beat(self._line.clock, _INTERRUPT_EVERY_S, first=True)
        self._heard = self._line.clock()
        while not running.wait(self._line.settings.poll_s):
            try:
                if not self._watch.interrupted.is_set():
                    self._look(ask)
                elif again.is_due():
                    # Again and again: what only waits to begin, or loads its model, does not hear the first
                    self._stop()
            except NoAnswer as error:
                self._judge_silence(error, running)
                continue
            except BackendError:
                pass  # it answered, if not what we hoped for; the request itself goes on
            self._heard = self._line.clock()

    def _stop(self) -> None:
        """Interrupt what runs, if that is ours or must be."""
        line = self._line
        theirs = line.has_tasks and not line.settings.exclusive
        if not theirs or self._client.task(self._task) is not None:
            self._client.interrupt()

    def _judge_silence(self, error: NoAnswer, running: Running[Any]) -> None:
        """Tell a server that hangs from one that is slow to answer; of one that is gone, the request's own thread will tell."""
        if error.how != "silent" and running.wait(_NEWS_S):
            return
        silent_s = self._line.clock() - self._heard
        if silent_s > self._line.settings.silent_s and not running.wait(0):
            # Gone, and the request not told: the whole machine may be, or its network
            hangs = error.how == "silent"
            code = Code.STALLED if hangs else Code.BACKEND_DIED
            said = "it answers nothing" if hangs else "it is gone, and our request with it,"
            raise BackendError(code, f"webui hangs: {said} for {silent_s:.0f} s ({error})")

    def _look(self, ask: Ask) -> None:
        """Ask for the progress of our own request, and now and then for a picture of it."""
        if ask.path == _EXTRAS:  # of which nothing is told but that it began
            self._client.state()
            return
        due = self._line.settings.preview_s > 0 and self._preview.is_due()
        state = None
        if self._line.has_tasks:
            fraction = self._client.task(self._task)
        else:
            state = self._client.state(preview=due)
            # What the last job left standing is not ours: a failed one in the upscaler stays for ever
            ours = state.job_count != 0 and (
                self._before.job_count == 0 or state.stamp != self._before.stamp
            )
            fraction = state.fraction if ours else None
        if fraction is None:
            return
        if fraction > 0 and self.waited_s is None:
            self.waited_s = self._line.clock() - self._sent
        self._tell(fraction)
        if due:
            shown = (state or self._client.state(preview=True)).preview
            if shown:
                self._show(shown)

    def _show(self, text: str) -> None:
        try:
            self._watch.on_preview(base64.b64decode(text.rpartition(",")[2], validate=True))
        except binascii.Error:
            return  # a preview that is none is not worth a word

    def _end_if_asked(self) -> None:
        """Our request is over: if asked to stop, see that the server is idle, and stop."""
        if not self._watch.interrupted.is_set():
            return
        # On a shared server what runs now is somebody else's
        if self._line.settings.exclusive and self._client.state().job_count != 0:
            self._wait_idle()
        raise Interrupted

    def _after_loss(self, lost: BackendError) -> None:
        """The answer got lost. If the server lives it may still be at work for us: stop that before anybody is told."""
        if isinstance(lost, NoAnswer) and lost.how == "refused":
            return  # nothing was sent
        try:
            self._wait_idle()
        except BackendError:
            raise lost from None  # it is gone, or deaf: not sure

    def _wait_idle(self) -> None:
        """Interrupt until the server's one lock is free."""
        line = self._line
        turn = Running(self._client.wait_turn)
        began = line.clock()
        while not turn.wait(line.settings.poll_s):
            if line.clock() - began > line.settings.idle_wait_s:
                raise NoAnswer("silent", "webui does not come to rest after it was interrupted")
            self._stop()
        turn.result()
