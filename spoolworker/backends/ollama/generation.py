"""One text, from the first token to the last.

Guarantees: what is returned is what the server sent, and it said that this was all; progress grows with each token, so that a text which
grows is never taken for one that is stalled. Judges no text.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spoolctl.spool import TEXT_BYTES_MAX, Code, TextWorkload
from spoolworker.backends.base import BackendError, Interrupted
from spoolworker.backends.ollama.client import same_model
from spoolworker.backends.ollama.refusals import code_of, error_of
from spoolworker.backends.ollama.stream import Refused, Stream
from spoolworker.backends.server import NoAnswer

_LOOK_S = 0.2
_USUAL_TOKENS = 256
_ASKED_IN_VAIN = 2
_SERVER_ERROR = 500


@dataclass(frozen=True)
class Answer:
    """A text, and what its generation was like."""

    text: str
    cut: bool
    """It ends because it was as long as it may be."""
    log: str
    """The server's own figures."""
    load_s: float | None = None
    """For how long its model loaded, as the server tells."""


class Generation:
    """Reads one stream.

    Args:
        stream: The call.
        alive: Asks the server something light; raises BackendError if it does not answer.
        silence_s: After so long without a line it is asked, in seconds.
        clock: Seconds.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        alive: Callable[[], object],
        silence_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._stream = stream
        self._alive = alive
        self._silence_s = silence_s
        self._clock = clock
        self._parts: list[str] = []
        self._tokens = 0
        self._length = 0

    def finish(
        self, workload: TextWorkload, stop: threading.Event, tell: Callable[[float], None]
    ) -> Answer:
        """Read to the end.

        Args:
            workload: What was asked for.
            stop: Set when nobody wants the text any more.
            tell: Told how much of it is there, from 0 to 1.

        Raises:
            BackendError: It failed.
            Interrupted: *stop* was set; the connection is still open.
        """
        heard, in_vain = self._clock(), 0
        while not stop.is_set():
            line = self._line()
            if line is None:
                if self._clock() - heard < self._silence_s:
                    continue
                in_vain = self._ask(in_vain)
                heard = self._clock()
                continue
            heard, in_vain = self._clock(), 0
            told = self._read(line, workload)
            if told.get("done"):
                tell(1.0)
                return self._answer(told)
            tell(_fraction(self._tokens, workload.num_predict))
        raise Interrupted

    def _line(self) -> bytes | None:
        try:
            line = self._stream.line(_LOOK_S)
        except Refused as refused:
            text = error_of(refused.body)
            raise _refusal(refused.status, text, refused.body) from None
        if line == b"":
            message = "ollama ended its answer without saying that the text is whole"
            raise BackendError(Code.OUTPUT_INCOMPLETE, message)
        return line

    def _ask(self, in_vain: int) -> int:
        """The stream is silent: is the server? A model that loads is silent too, for minutes."""
        try:
            self._alive()
        except NoAnswer as error:
            if error.how != "silent":
                raise BackendError(Code.BACKEND_DIED, str(error)) from None  # under our work
            if in_vain + 1 >= _ASKED_IN_VAIN:
                raise
            return in_vain + 1
        return 0

    def _read(self, line: bytes, workload: TextWorkload) -> dict[str, Any]:
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            message = "ollama answers in lines that are no JSON objects"
            raise BackendError(
                Code.BACKEND_REJECTED, message, log_tail=line[:500].decode("utf-8", "replace")
            )
        if isinstance(told.get("error"), str):
            raise _refusal(_SERVER_ERROR, told["error"], told["error"])
        model = told.get("model")
        if isinstance(model, str) and not same_model(model, workload.model):
            message = f"ollama used model '{model}' instead of '{workload.model}'"
            raise BackendError(Code.MODEL_SWITCHED_WRONGLY, message)
        part = str(told.get("response") or "")
        self._tokens += bool(part or told.get("thinking"))
        self._length += len(part)
        self._parts.append(part)
        if self._length > TEXT_BYTES_MAX:
            message = f"the text is longer than {TEXT_BYTES_MAX} characters and goes on; give it a num_predict"
            raise BackendError(Code.OUTPUT_CORRUPT, message)
        return told

    def _answer(self, told: dict[str, Any]) -> Answer:
        whole = "".join(self._parts)
        # One character that was sent as two halves becomes whole; a half alone is no character.
        text = whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        figures = {
            key: value
            for key, value in told.items()
            if key.endswith(("_count", "_duration")) or key == "done_reason"
        }
        cut = told.get("done_reason") == "length"
        if not text.strip():
            message = "the text is blank" + ("; its whole length went into thinking" if cut else "")
            raise BackendError(Code.OUTPUT_INCOMPLETE, message, log_tail=json.dumps(figures))
        return Answer(text, cut, json.dumps(figures), _seconds(told.get("load_duration")))


def _seconds(nanoseconds: object) -> float | None:
    """A duration as the server tells it; ``None`` if it does not, or not believably."""
    if not isinstance(nanoseconds, int) or isinstance(nanoseconds, bool) or nanoseconds < 0:
        return None
    return nanoseconds / 1e9


def _refusal(status: int, text: str | None, body: str) -> BackendError:
    message = f"ollama refused: {(text or f'status {status}')[:300]}"
    return BackendError(code_of(status, text), message, log_tail=body[:4_000])


def _fraction(tokens: int, num_predict: int | None) -> float:
    """How much is there; without a length it only grows, ever more slowly."""
    if num_predict is None:
        return tokens / (tokens + _USUAL_TOKENS)
    return min(tokens / num_predict, 1.0)
