"""What open pages are told without asking: server-sent events, from one look at the spool for all of them.

Guarantees: the share is looked at only while a page is open, every ``LOOK_S``, by one thread; a page that reads slowly misses statuses, but
never the last one, and of what happened at most what is older than the last ``HAPPENED_KEPT``. A share that does not answer is told once,
and once when it answers again.

Source of the format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from spoolctl.review.deeds import error_document
from spoolctl.review.desk import Desk
from spoolctl.spool import ShareUnusable, SpoolError, from_share

LOOK_S = 2.0
PATIENCE_S = 10.0
BEAT_S = 15.0
HAPPENED_KEPT = 1_000
_BEAT = ": still here\n\n"

JsonObject = dict[str, Any]
Looks = Callable[[], dict[str, JsonObject]]
"""Gives events by name: what is the case now."""


def looks_at(desk: Desk) -> Looks:
    """How the spool of *desk* is looked at."""
    return lambda: {"status": desk.status(), "results": desk.sums()}


class Page:
    """One open page: what it has not been sent yet."""

    def __init__(self) -> None:
        self.last: dict[str, JsonObject] = {}
        """Of what is the case: only the newest, by its event."""
        self.happened: list[tuple[str, JsonObject]] = []
        """What happened, each once."""
        self.news = asyncio.Event()
        self.is_over = False

    def take(self) -> list[tuple[str, JsonObject]]:
        """All of it, which is then sent."""
        taken = [*self.happened, *self.last.items()]
        self.last, self.happened = {}, []
        self.news.clear()
        return taken


class Live:
    """Tells open pages. *looks* looks at the spool, in a thread of its own."""

    def __init__(
        self, looks: Looks, *, look_s: float = LOOK_S, patience_s: float = PATIENCE_S
    ) -> None:
        self._looks = looks
        self._look_s = look_s
        self._patience_s = patience_s
        self._pages: set[Page] = set()
        self._known: dict[str, JsonObject] = {}
        self._trouble: JsonObject | None = None
        self._watch: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def events(self) -> AsyncIterator[str]:
        """What one page is told, until it goes away."""
        page = Page()
        page.last = dict(self._known)
        if self._trouble is not None:
            page.happened.append(("trouble", self._trouble))
        page.news.set()
        self._pages.add(page)
        self._begin()
        try:
            while True:
                try:
                    await asyncio.wait_for(page.news.wait(), BEAT_S)
                except TimeoutError:
                    yield _BEAT  # so that a page which went away is noticed
                    continue
                for event, document in page.take():
                    yield written(event, document)
                if page.is_over:
                    return
        finally:
            self._pages.discard(page)

    def tell(self, event: str, document: JsonObject) -> None:
        """Tell every open page what happened; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._happened, event, document)

    def end(self) -> None:
        """End all pages' events: the server stops, and would wait for them. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        for page in self._pages:
            page.is_over = True
            page.news.set()

    def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watching())

    async def _watching(self) -> None:
        while self._pages:
            look = _aside(self._looks)
            if look not in (await asyncio.wait({look}, timeout=self._patience_s))[0]:
                silent = f"the share has not answered for {self._patience_s:g} s"
                self._in_trouble(ShareUnusable(silent))  # a hanging mount raises nothing
            try:
                found = await look
            except (SpoolError, OSError) as error:
                self._in_trouble(from_share(error) if isinstance(error, OSError) else error)
            else:
                self._is(found)
            await asyncio.sleep(self._look_s)
        self._known = {}  # the next page must not begin with what was the case hours ago

    def _is(self, found: dict[str, JsonObject]) -> None:
        if self._trouble is not None:
            self._trouble = None
            self._happened("well", {})
        changed = {event: one for event, one in found.items() if self._known.get(event) != one}
        self._known = found
        for page in self._pages:
            page.last |= changed
            page.news.set()

    def _in_trouble(self, error: SpoolError) -> None:
        told = error_document(error)
        if self._trouble != told:
            self._trouble = told
            self._happened("trouble", told)

    def _happened(self, event: str, document: JsonObject) -> None:
        for page in self._pages:
            page.happened = [*page.happened, (event, document)][-HAPPENED_KEPT:]
            page.news.set()


def _aside(looks: Looks) -> asyncio.Future[dict[str, JsonObject]]:
    """Look in a thread that keeps nobody from ending: asyncio's own are waited for, and a share may hang for hours."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[dict[str, JsonObject]] = loop.create_future()

    def set_result(done: dict[str, JsonObject] | None, error: BaseException | None) -> None:
        if found.cancelled():
            return
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(done or {})

    def look() -> None:
        done, problem = None, None
        try:
            done = looks()
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            problem = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(set_result, done, problem)

    threading.Thread(target=look, name="look", daemon=True).start()
    return found


def written(event: str, document: JsonObject) -> str:
    """One event as it is sent; JSON has no line breaks, so one ``data`` line holds it."""
    return f"event: {event}\ndata: {json.dumps(document, separators=(',', ':'))}\n\n"
