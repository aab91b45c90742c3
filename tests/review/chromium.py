"""Drives Debian's headless Chromium by the DevTools protocol, so that a test uses a page as a person does.

``Chromium`` is one process with a profile of its own in a temporary folder; ``person()`` opens a browser context in it, which
shares no cookies and no storage with another, as a second person's browser does; ``page()`` opens a tab there. Keys and clicks
are events of the browser, not of scripts: what lies under something else cannot be clicked, and what has no focus gets no key.

Guarantees: every wait is bounded and tells, when it fails, what the page showed; what the page's scripts threw and what its
policy refused is collected; nothing beyond this machine is reached; no process is left behind ``with Chromium(...)``.
Does not guarantee that an event is known before the next call has read it: calls read what the browser said meanwhile.

Source of the protocol: https://chromedevtools.github.io/devtools-protocol/
"""

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
from tabs import POLL_S, Page, Refused
from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0",
    "--no-first-run", "--no-default-browser-check", "--disable-default-apps", "--disable-extensions", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-domain-reliability", "--disable-breakpad",
    "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1", "--no-proxy-server",
    "--force-color-profile=srgb", "--mute-audio", "--password-store=basic", "--use-mock-keychain",
    "--lang=en-US",
)  # fmt: skip
START_S = 30.0
ANSWER_S = 20.0


def found():
    """Where Chromium is on this machine; None without one."""
    if sys.platform == "win32":
        return None  # the driver ends processes by their group; not yet seen on a real one
    return next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """One browser process.

    Args:
        folder: Where its profile and its log may lie; made here.
    """

    def __init__(self, folder):
        folder.mkdir(parents=True)
        self._folder, self._log = folder, folder / "stderr"
        self._profile = folder / "profile"
        home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
        command = [found(), *FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        with self._log.open("wb") as log:
            self._popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **home}, start_new_session=True
            )  # fmt: skip
        self._ending = contextlib.ExitStack()
        self._ending.callback(self._kill)
        self._numbers = itertools.count(1)
        self._pages = {}

    def __enter__(self):
        with contextlib.ExitStack() as unless_it_starts:
            unless_it_starts.callback(self._ending.close)
            talk = connect(self._address(), max_size=None, compression=None)
            self._socket = self._ending.enter_context(talk)
            unless_it_starts.pop_all()
        return self

    def __exit__(self, *_):
        self._ending.close()

    def person(self):
        """A browser of its own: what ``page`` takes."""
        return self.call("Target.createBrowserContext")["browserContextId"]

    def page(self, person=None, *, size=(1280, 800)):
        """A new tab, in the browser of *person*, or of a new one."""
        context = person or self.person()
        asked = {"url": "about:blank", "browserContextId": context, "newWindow": True}
        target = self.call("Target.createTarget", **asked)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._pages[session] = Page(self, session, target)
        self._pages[session].begin(size)
        return self._pages[session]

    def troubles(self):
        """What the scripts of all pages threw, and what their policies refused."""
        for page in self._pages.values():
            page.evaluate("1")  # behind all that it had to tell
        return [f"{one.seen.url}: {text}" for one in self._pages.values() for text in one.troubles]

    @contextlib.contextmanager
    def closing_pages(self):
        """Closes, with everybody's cookies, the pages opened in it; AssertionError if one of them had trouble."""
        try:
            yield
            troubles = self.troubles()
        finally:
            for person in self.call("Target.getBrowserContexts")["browserContextIds"]:
                self.call("Target.disposeBrowserContext", browserContextId=person)
            self._pages.clear()
        assert not troubles, "\n".join(troubles)

    def call(self, method, session=None, **params):
        """One call and its answer; Refused with what the browser said."""
        number = self.send(method, session, **params)
        until = time.monotonic() + ANSWER_S
        while True:
            said = self._receive(until - time.monotonic())
            assert said is not None, f"{method} was not answered within {ANSWER_S:g} s"
            if said.get("id") == number:
                if "error" in said:
                    raise Refused(f"{method}: {said['error']['message']}")
                return said["result"]

    def send(self, method, session=None, **params):
        """A call whose answer nobody waits for."""
        number = next(self._numbers)
        told = {"id": number, "method": method, "params": params}
        self._socket.send(json.dumps(told if session is None else {**told, "sessionId": session}))
        return number

    def read(self, for_s=0.0):
        """Take in what the browser tells, for some time."""
        until = time.monotonic() + for_s
        while self._receive(max(0.0, until - time.monotonic())) is not None:
            pass

    def _receive(self, within_s):
        """The next message, given to its page if it is an event; None if none came."""
        try:
            said = json.loads(self._socket.recv(timeout=max(0.0, within_s)))
        except TimeoutError:
            return None
        page = self._pages.get(said.get("sessionId"))
        if page is not None and "method" in said:
            page.take(said["method"], said["params"])
        return said

    def _address(self):
        told = self._profile / "DevToolsActivePort"
        until = time.monotonic() + START_S
        while True:
            lines = told.read_text().splitlines() if told.exists() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            ended = self._popen.poll()
            if ended is not None or time.monotonic() > until:
                why = "took too long" if ended is None else f"ended with {ended}"
                raise AssertionError(f"chromium {why}: {self._log.read_text()[-1500:]}")
            time.sleep(POLL_S)

    def _kill(self):
        """End it, with everything that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait(timeout=START_S)
        until = time.monotonic() + START_S
        while (left := self.processes()) and time.monotonic() < until:  # whoever left the group
            for one in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            time.sleep(POLL_S)
        shutil.rmtree(self._profile, ignore_errors=True)

    def processes(self):
        """Every process that names this profile."""
        return [one for one in psutil.process_iter() if str(self._profile) in _command(one)]


def _command(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
