"""A server that is spoken to over HTTP: one call at a time, and what went wrong as a code.

Guarantees: every call is on a connection of its own, so that a call from another thread is answered, or not, independent of a long
one, and no call dies of an idle connection that the server closed; nothing is sent twice; proxies of the environment are not
used (they break 127.0.0.1), redirects not followed, and the credentials stand in no message, log or ``repr``.
Does not judge an answer's status, but for 401 and 403: what a 500 means is for each backend to say.
"""

import base64
import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from spoolctl.spool import Code, UsageError
from spoolworker.backends.base import BackendError

T = TypeVar("T")
How = Literal["refused", "reset", "silent"]
_UNAUTHORISED = (401, 403)
_SAID_CHARS_MAX = 4_000


class NoAnswer(BackendError):
    """``backend_unreachable``, or ``backend_died``: the call brought no whole answer.

    ``how`` tells why: *refused* (nothing listens there; nothing was sent), *reset* (the server went away in the midst of it, like
    one that crashed) or *silent* (connected, and no answer in time: the server may still be at work on it).
    """

    def __init__(self, how: How, message: str) -> None:
        died = Code.BACKEND_DIED if how == "reset" else Code.BACKEND_UNREACHABLE
        super().__init__(died, message)
        self.how = how


class Server:
    """One server's address and how to log in there.

    Args:
        name: For messages, like ``webui``.
        address: ``http://127.0.0.1:7860``; without a scheme it is http. A user and password in it are taken out.
        login: ``user:password`` for HTTP Basic, or ``None``.
        token: For ``Authorization: Bearer``, or ``None``.
        tls_ca: A file of certificates to trust, for a server with one of its own making.
        connect_s: Longest time to connect, in seconds.

    Raises:
        UsageError: The address is none.
    """

    def __init__(  # noqa: PLR0913 - each is one independent fact
        self,
        name: str,
        address: str,
        *,
        login: str | None = None,
        token: str | None = None,
        tls_ca: str | None = None,
        connect_s: float = 5.0,
    ) -> None:
        self.name = name
        self.address, login_in_address = _split(name, address)
        self.headers = _authorization(login or login_in_address, token)
        """What logs in; also for a websocket to the same server. Holds the secret: never to be shown."""
        self._tls_ca = tls_ca
        self._connect_s = connect_s

    def call(
        self,
        method: str,
        path: str,
        *,
        timeout_s: float | None = 10.0,
        **how: Any,  # noqa: ANN401 - handed to requests as it is: json, params, data, files, stream
    ) -> requests.Response:
        """Make one call; every status but 401 and 403 is an answer.

        Args:
            method: GET or POST.
            path: Behind the address, like ``/sdapi/v1/options``.
            timeout_s: Longest silence while the answer is waited for, in seconds; ``None`` waits for ever.
            **how: For ``requests.request``. With ``stream=True`` the answer must be closed (``with``).

        Raises:
            NoAnswer: Nothing, or not all of it, came back.
            BackendError: ``backend_unauthorised``.
        """
        try:
            with requests.Session() as session:
                session.trust_env = False
                session.verify = self._tls_ca or True
                answer = session.request(
                    method,
                    self.address + path,
                    headers={**self.headers, "Connection": "close"},
                    timeout=(self._connect_s, timeout_s),
                    allow_redirects=False,
                    **how,
                )
        except requests.RequestException as error:
            raise self.no_answer(error, path) from None  # its text may repeat what was sent
        if answer.status_code in _UNAUTHORISED:
            text = said(answer)
            answer.close()
            message = f"{self.name} at {self.address} wants other credentials for '{path}'"
            raise BackendError(
                Code.BACKEND_UNAUTHORISED,
                f"{message} ({answer.status_code})",
                log_tail=text,
            )
        return answer

    def json(self, method: str, path: str, **how: Any) -> Any:  # noqa: ANN401 - raw JSON
        """Make one call whose answer must be a 200 in JSON.

        Raises:
            NoAnswer: As ``call``.
            BackendError: As ``call``; ``backend_rejected`` for another status, or if it is no JSON.
        """
        answer = self.call(method, path, **how)
        if answer.status_code != requests.codes.ok:
            message = f"{self.name} answered '{path}' with {answer.status_code}"
            raise BackendError(Code.BACKEND_REJECTED, message, log_tail=said(answer))
        return self.read_json(answer)

    def read_json(self, answer: requests.Response) -> Any:  # noqa: ANN401 - raw JSON
        """What an answer holds.

        Raises:
            BackendError: ``backend_rejected``: it is no JSON, so this is another kind of server.
        """
        try:
            return answer.json()
        except (ValueError, RecursionError):
            message = f"{self.name} at {self.address} answers in something that is no JSON"
            raise BackendError(Code.BACKEND_REJECTED, message, log_tail=said(answer)) from None

    def no_answer(self, error: Exception, path: str) -> NoAnswer:
        """What an error of ``requests`` means; for those that come while a streamed answer is read."""
        where = f"{self.name} at {self.address}"
        if isinstance(error, requests.exceptions.ConnectTimeout) or _was_refused(error):
            return NoAnswer("refused", f"{where} cannot be reached: nothing answers there")
        if isinstance(error, requests.exceptions.SSLError):
            return NoAnswer("refused", f"{where} cannot be reached: its certificate is not trusted")
        if isinstance(error, requests.Timeout) or "Read timed out" in str(error):
            return NoAnswer("silent", f"{where} is silent: no answer to '{path}'")
        return NoAnswer("reset", f"{where} went away in the midst of '{path}'")


class Running(Generic[T]):
    """A call that is on its way in a thread of its own, which ends with the process if the call never does.

    Args:
        call: What to do; what it returns or raises is kept for ``result``.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._over = threading.Event()
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name="backend call", daemon=True).start()

    def _run(self) -> None:
        try:
            self._value = self._call()
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            self._error = error
        self._over.set()

    def wait(self, seconds: float) -> bool:
        """Wait so long for its end; True if it is over."""
        return self._over.wait(seconds)

    def result(self) -> T:
        """What it returned, or raise what it raised; waits for its end."""
        self._over.wait()
        if self._error is not None:
            raise self._error
        return self._value


def said(answer: requests.Response) -> str:
    """The text of an answer, cut to what a log may hold; "" if it cannot be read any more."""
    try:
        return answer.text[:_SAID_CHARS_MAX]
    except (requests.RequestException, RuntimeError):
        return ""  # a streamed answer that was closed


def _split(name: str, address: str) -> tuple[str, str | None]:
    """The address without credentials, and them."""
    whole = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise UsageError(  # not the address itself: it may hold a password
            f"the address of {name} is none", hint="write it like http://127.0.0.1:7860"
        )
    bare = f"[{host}]" if ":" in host else host
    netloc = bare if port is None else f"{bare}:{port}"
    login = None
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", "")), login


def _authorization(login: str | None, token: str | None) -> Mapping[str, str]:
    if token is not None:
        return {"Authorization": f"Bearer {token}"}
    if login is not None:
        packed = base64.b64encode(login.encode()).decode()
        return {"Authorization": f"Basic {packed}"}
    return {}


def _was_refused(error: Exception) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
