"""Bringing a message to an address through apprise, and a thread for each address that does so.

Guarantees: whoever hands over a letter never waits; an address that hangs keeps no other waiting; what went wrong is told without a part
of the address. Does not guarantee that a service shows what it took, or that a letter whose text went but not its picture comes only
once. How long one try may take is apprise's to say (by default four seconds to connect and four for each answer, fifteen for mail); a
process that is to end waits for it.
"""

import contextlib
import contextvars
import importlib
import io
import logging
import queue
import re
import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import unquote

from PIL import Image

from spoolctl.notify.config import Config
from spoolctl.spool import Letter, SpoolError, Tone, UsageError

PICTURE_BYTES_MAX: Final = 1_900_000
"""ntfy.sh takes 2 MB, Discord 10, most mail servers more."""
_SIDES: Final = (2400, 1600, 1000, 600)
_QUALITY: Final = 85
_PIXELS_MAX: Final = 80_000_000
_PROBLEM_CHARS_MAX: Final = 300
_SECRET_CHARS_MIN: Final = 4
_LOGGER: Final = "apprise"


class Address:
    """One address, which apprise has understood.

    Raises:
        UsageError: It has not, or is not there.
    """

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._apprise = _apprise()
        asset = self._apprise.AppriseAsset(app_id="spoolctl", app_desc="spoolctl", async_mode=False)
        with _Warnings():
            service = self._apprise.Apprise.instantiate(url, asset=asset)
        if service is None:
            raise UsageError(
                f"address '{name}' is none that apprise knows",
                hint="https://github.com/caronc/apprise/wiki lists the services and how their addresses look",
            )
        self._sender = self._apprise.Apprise(asset=asset)
        self._sender.add(service)
        self.shows_pictures = bool(getattr(service, "attachment_support", False))
        self._secrets = _parts(url)

    def send(
        self, tone: Tone, title: str, lines: Sequence[str], files: Sequence[Path]
    ) -> str | None:
        """Bring it there, without its pictures if that fails with them; what went wrong, ``None``: nothing."""
        problem = self._try(tone, title, lines, files)
        if problem is not None and files and self.shows_pictures:
            problem = self._try(tone, title, lines, ())
        return problem

    def _try(
        self, tone: Tone, title: str, lines: Sequence[str], files: Sequence[Path]
    ) -> str | None:
        with _Warnings() as said:
            try:
                went = self._sender.notify(
                    body="\n".join(lines),
                    title=title,
                    notify_type=tone,
                    body_format="text",
                    attach=[str(one) for one in files] or None,
                )
            except Exception as error:  # noqa: BLE001 - a service's plugin must end no thread
                return self._hidden(f"{type(error).__name__}: {error}")
        told = " ".join(" ".join(said.lines).split())
        return None if went else self._hidden(told or "the service did not take it")

    def _hidden(self, text: str) -> str:
        for one in self._secrets:
            text = re.sub(re.escape(one), "***", text, flags=re.IGNORECASE)
        return text[:_PROBLEM_CHARS_MAX]


class _Warnings(logging.Handler):
    """What apprise warns of for whoever entered this; nothing of it reaches stderr, where it might repeat an address.

    By context and not by thread: apprise may send in threads of its own, to which it hands the context.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        if _heard_by.get() is self:
            self.lines.append(record.getMessage())

    def __enter__(self) -> Self:
        self._token = _heard_by.set(self)
        logging.getLogger(_LOGGER).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(_LOGGER).removeHandler(self)
        _heard_by.reset(self._token)


_heard_by: contextvars.ContextVar[_Warnings | None] = contextvars.ContextVar(
    "notify_heard_by", default=None
)


def addresses_of(config: Config) -> list[Address]:
    """All addresses. Raises UsageError if apprise does not know one, or is not there."""
    return [Address(one.name, one.url) for one in config.addresses]


@dataclass(frozen=True)
class Delivered:
    """What became of handing one letter to one address."""

    letter: str
    address: str
    problem: str | None


class Post:
    """Threads that bring letters to addresses. *addresses*: all that there are."""

    def __init__(self, addresses: Iterable[Address]) -> None:
        self._boxes: dict[str, queue.SimpleQueue[tuple[Letter, tuple[bytes, ...]]]] = {}
        self._done: queue.SimpleQueue[Delivered] = queue.SimpleQueue()
        for one in addresses:
            box = self._boxes[one.name] = queue.SimpleQueue()
            threading.Thread(
                target=self._carry, args=(one, box), name=f"notify-{one.name}", daemon=True
            ).start()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the addresses."""
        return tuple(self._boxes)

    def hand(self, letter: Letter, address: str, pictures: tuple[bytes, ...]) -> None:
        """Have it brought there."""
        self._boxes[address].put((letter, pictures))

    def delivered(self, wait_s: float = 0.0) -> list[Delivered]:
        """What became of letters since the last call; waits so long for the first."""
        found: list[Delivered] = []
        with contextlib.suppress(queue.Empty):
            found.append(self._done.get(timeout=wait_s) if wait_s else self._done.get_nowait())
            while True:
                found.append(self._done.get_nowait())
        return found

    def _carry(
        self, address: Address, box: "queue.SimpleQueue[tuple[Letter, tuple[bytes, ...]]]"
    ) -> None:
        while True:
            letter, pictures = box.get()
            try:
                problem = send(address, letter.tone, letter.title, letter.lines, pictures)
            except Exception as error:  # noqa: BLE001 - this thread must outlive whatever it meets
                problem = f"{type(error).__name__}: {error}"[:_PROBLEM_CHARS_MAX]
            self._done.put(Delivered(letter.id, address.name, problem))


def send(
    address: Address, tone: Tone, title: str, lines: Sequence[str], pictures: Sequence[bytes]
) -> str | None:
    """Bring one message to one address, now; what went wrong, ``None``: nothing. Raises OSError if the local disk takes no picture."""
    with tempfile.TemporaryDirectory(prefix="spool-notify-") as scratch:
        files = []
        for number, picture in enumerate(pictures if address.shows_pictures else (), 1):
            if (small := small_enough(picture)) is not None:
                files.append(Path(scratch) / f"sheet-{number}.jpg")
                files[-1].write_bytes(small)
        return address.send(tone, title, lines, files)


def small_enough(picture: bytes) -> bytes | None:
    """As a JPEG that services take; ``None`` if it is no image."""
    try:
        with Image.open(io.BytesIO(picture)) as image:
            if image.width * image.height > _PIXELS_MAX:
                return None
            flat = image.convert("RGB")
    except Exception:  # noqa: BLE001 - Pillow's decoders raise whatever they meet
        return None
    made = io.BytesIO()
    for side in _SIDES:
        flat.thumbnail((side, 4 * side))  # sheets are higher than wide
        made = io.BytesIO()
        flat.save(made, "JPEG", quality=_QUALITY, optimize=True)
        if made.tell() <= PICTURE_BYTES_MAX:
            break
    return made.getvalue()


def _parts(url: str) -> list[str]:
    """All that an address consists of but its kind, as it stands and without its escapes: the longest first."""
    _, _, rest = url.partition("://")
    parts = {part for text in (rest, unquote(rest)) for part in re.split(r"[/:@?&=,]", text)}
    return sorted((x for x in parts if len(x) >= _SECRET_CHARS_MIN), key=len, reverse=True)


def _apprise() -> Any:  # noqa: ANN401 - a module that may not be there
    try:
        return importlib.import_module("apprise")
    except ImportError:
        raise NoApprise from None


class NoApprise(SpoolError):
    """What sends messages is not installed."""

    exit_code = 2
    hint = "pip install 'spoolctl[notify]'"

    def __init__(self) -> None:
        super().__init__("apprise is not installed, which brings messages to people")
