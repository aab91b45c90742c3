"""Who gets in: before any route is reached, each request is judged by its headers alone.

Guarantees: on this machine's own address only requests that name this machine (a foreign name that was pointed here, as "DNS rebinding"
does, gets nothing); on any other address only those that bear the token. A request that another site's page sent is refused where the
browser says so, and changes nothing in any case: a POST must be JSON, and come from this very origin. Does not guarantee secrecy on the
way: without TLS the token and the pictures can be read by whoever reads the network; nor that of this machine's users only one asks:
without a token each of them acts as whoever started it.
"""

import hmac
import ipaddress
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

_SAFE = frozenset({"GET", "HEAD"})
_LOCAL_NAMES = frozenset({"localhost", "ip6-localhost"})
_TOKEN_CHARS_MAX = 512
_OWN = frozenset({"same-origin", "none"})
"""What a browser says of requests by the page itself, and by the person."""
_FOREIGN = (403, "another site's page may ask nothing here", "use the page itself")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
"""On every answer: nothing is loaded from elsewhere, nothing of ours is shown elsewhere."""


def is_local(host: str) -> bool:
    """True if *host* is a name or an address of this very machine."""
    if host.lower() in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Gate:
    """Stands before *app*.

    Args:
        app: What those get who may.
        token: What they must bear; ``None`` if only this machine itself can ask.
        cookie: In which cookie a browser keeps it. Cookies know no port: of two spools on one machine each needs its own.
    """

    def __init__(self, app: App, token: str | None, cookie: str) -> None:
        self._app = app
        self._token = token
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        if self._token is not None and (given := self._in_link(scope)) is not None:
            await _answer(send, 303, "", {"location": "./", **self._remembered(given)})
            return
        refused = self._refused(scope, headers)
        if refused is None:
            await self._app(scope, receive, _with_headers(send))
        else:
            await _refuse(send, *refused, as_json=scope["path"].startswith("/api/"))

    def _refused(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str, str] | None:
        host = _host_of(f"//{headers.get('host', '')}")
        if self._token is None and not is_local(host):
            return (
                421,
                f"this page does not answer to '{host}'",
                "open http://localhost with its port",
            )
        if self._token is not None and not self._bears_token(headers):
            return (
                401,
                "this page needs its link with the token",
                "open that link once in each browser",
            )
        if headers.get("sec-fetch-site", "none") not in _OWN and not _is_opening(scope, headers):
            return _FOREIGN
        if scope["method"] not in _SAFE:
            return _not_ours(headers)
        return None

    def _bears_token(self, headers: dict[str, str]) -> bool:
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._is_token(bearer):
            return True
        # By hand: Python's own parser drops all cookies if one that another program set on this host is odd.
        pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
        return any(name == self._cookie and self._is_token(value) for name, _, value in pairs)

    def _remembered(self, token: str) -> dict[str, str]:
        kept = f"{self._cookie}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000"
        return {"set-cookie": kept}

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode()[:_TOKEN_CHARS_MAX], (self._token or "").encode())

    def _in_link(self, scope: Scope) -> str | None:
        """The right token in the link that opens the page, which is then kept as a cookie and no longer shown."""
        if scope["method"] != "GET" or scope["path"] != "/":
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return given if self._is_token(given) else None


def _not_ours(headers: dict[str, str]) -> tuple[int, str, str] | None:
    """Why a request that changes something is not taken."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return 415, "this is no JSON", "send it as application/json"
    origin = headers.get("origin")
    is_ours = origin is None or _netloc_of(origin) == headers.get("host", "").lower()
    return None if is_ours else _FOREIGN


def _is_opening(scope: Scope, headers: dict[str, str]) -> bool:
    """True if a link of another site's page opens ours, which shows nothing to that page and asks the share nothing."""
    return scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # half an IPv6 address
        return ""


def _netloc_of(address: str) -> str:
    try:
        return urlsplit(address).netloc.lower()
    except ValueError:
        return ""


def _with_headers(send: Send) -> Send:
    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            ours = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message["headers"] = [*message.get("headers", ()), *ours]
        await send(message)

    return sent


async def _refuse(send: Send, status: int, message: str, hint: str, *, as_json: bool) -> None:
    if as_json:
        text = json.dumps({"error": {"message": message, "hint": hint}})
        await _answer(send, status, text, {"content-type": "application/json"})
    else:
        await _answer(send, status, f"{message}\nhint: {hint}", {})


async def _answer(send: Send, status: int, text: str, headers: dict[str, str]) -> None:
    body = f"{text}\n".encode()
    told = {
        **HEADERS,
        "content-type": "text/plain; charset=utf-8",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        **headers,
    }
    listed = [(name.encode(), value.encode("latin-1")) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})
