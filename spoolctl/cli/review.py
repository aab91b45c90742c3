"""``spoolctl review``: the page, served until it is stopped."""

import contextlib
import importlib
import os
import secrets
import socket
import threading
import webbrowser
from typing import Annotated, Any

import typer

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption, SpoolOption, person, spool_root
from spoolctl.spool import SpoolError, UsageError

ENV_TOKEN = "SPOOL_REVIEW_TOKEN"  # noqa: S105 - a variable's name
PORT = 8711
TOKEN_CHARS_MIN = 16


class NoReview(SpoolError):
    """What the page needs is not installed."""

    exit_code = 2
    hint = "pip install 'spoolctl[review]'"


class AddressTaken(SpoolError):
    """Nothing can be served at that address."""

    exit_code = 2
    hint = "choose another --port (0: any free one), or an address of this machine with --host"


def review(
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="ADDRESS",
            help="Serve at this address of the machine; others than its own ask for a token.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0: any free one.")
    ] = PORT,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in this desk's browser.")
    ] = True,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Watch, look through, rate, pick and approve in a browser.

    The page answers to this machine only. With --host 0.0.0.0 it answers the whole network, whoever has the link with its token
    ($SPOOL_REVIEW_TOKEN keeps it the same each time).
    """
    app, serving, gate = _needed()
    root = spool_root(spool)
    token = None if gate.is_local(host) else _token()
    served = app.make_app(root, person(), token)
    with contextlib.closing(_listening(host, port)) as listening:
        link = _link(host, listening.getsockname()[1], token)
        _tell(link, token=token, as_json=as_json)
        if browser and not as_json:
            # Aside: a browser in the terminal holds whoever opens it, and waits for an answer.
            threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()
        serving.serve(served, listening)


def _needed() -> tuple[Any, ...]:
    modules = ("app", "serving", "gate")
    try:
        return tuple(importlib.import_module(f"spoolctl.review.{one}") for one in modules)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("spoolctl"):
            raise
        raise NoReview(f"the page needs '{error.name}', which is not installed") from None


def _token() -> str:
    token = os.environ.get(ENV_TOKEN)
    if token is None:
        return secrets.token_urlsafe(24)
    if len(token) < TOKEN_CHARS_MIN or not all(
        c.isascii() and (c.isalnum() or c in "-_") for c in token
    ):
        raise UsageError(
            f"${ENV_TOKEN} is no good token",
            hint=f"at least {TOKEN_CHARS_MIN} of a-z, A-Z, 0-9, '-' and '_'; left out, one is drawn",
        )
    return token


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise AddressTaken(
            f"cannot serve at {host}, port {port}: {error.strerror or error}"
        ) from None
    # What it accepts inherits this. asyncio sets it only on sockets that name their protocol, which these do not; without it each
    # answer's second packet waits some 40 ms for the first one's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _link(host: str, port: int, token: str | None) -> str:
    shown = socket.gethostname() if host in ("0.0.0.0", "::") else host  # noqa: S104 - it is compared, and asked for a token
    shown = f"[{shown}]" if ":" in shown else shown
    return f"http://{shown}:{port}/" + (f"?token={token}" if token else "")


def _tell(link: str, *, token: str | None, as_json: bool) -> None:
    if as_json:
        rendering.print_json({"url": link}, on_one_line=True)
        return

    def text(page: rendering.Page) -> None:
        page.line(link, style="bold")
        if token:
            page.line(
                "whoever has this link may look, rate and cancel; open it once in each browser"
            )
        page.line("Ctrl+C ends it; the farm does not need it")

    rendering.answer({}, text, as_json=False)
