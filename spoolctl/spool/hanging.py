"""Calls to the share that never return, though the share answers others.

On SMB an open may wait for a reply that never comes: with eight workers on three Linux clients (6.1, Samba 4.17) four of them stood in one
for good, while all other calls went through. The process looks alive then, for its heartbeat is another thread's, and its job waits for
ever; or it is the heartbeat that stands still, and the worker takes nothing any more. Nothing but the process's end ends such a call.

Guarantees: it is told only after other calls have gone through all the time, for as long as the hung one has been going on: a share that
is away, or back after an hour, is waited for. Does not end anything by itself, and does not see a second call that hangs when the watch's
own does, nor one that hangs before the spool is open, nor the taking of a lock.
"""

import threading
from collections.abc import Callable
from typing import Self

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor

HANGS_S = 300.0
"""At least; a longer lease is waited for. A file that is copied gets on with every piece."""
EXIT_SHARE_HANGS = 75
"""The process's exit code (EX_TEMPFAIL of sysexits.h): start it anew."""


class HangWatch:
    """Asks the share something with every heartbeat, in a thread of its own, and looks after the other threads of its process.

    Args:
        actor: Whose calls; ``files.oldest_call_s`` tells of them.
        told: Called with the seconds, in the watch's thread; again and again if the process does not end by it.
        aside: Names of threads for which nobody waits: they may hang.
    """

    def __init__(
        self, actor: Actor, told: Callable[[float], None], *, aside: frozenset[str] = frozenset()
    ) -> None:
        self._actor = actor
        self._told = told
        self._aside = aside
        self._every_s = actor.settings.heartbeat_s
        self._limit_s = max(HANGS_S, actor.settings.lease_s)
        self._answering_since = self._answered_at = actor.clock.mono()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        # A daemon: it may hang itself.
        threading.Thread(target=self._run, name="watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def look(self) -> None:
        """Ask once, and judge; for the thread, and for tests."""
        try:
            self._actor.files.names(layout.NODES)
        except OSError:
            return  # the work meets it, too, and tells
        now = self._actor.clock.mono()
        if now - self._answered_at > 4 * self._every_s:
            self._answering_since = now
        self._answered_at = now
        waits_s = self._actor.files.oldest_call_s(self._aside)
        if min(waits_s, now - self._answering_since) > self._limit_s:
            self._told(waits_s)

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self.look()
