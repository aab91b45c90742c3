"""Calls to the share that never return, though the share answers others.

On SMB an open may wait for a reply that never comes: with eight workers on three Linux clients (6.1, Samba 4.17) four of them stood in one
for good, while all other calls went through. The process looks alive then, for its heartbeat is another thread's, and its job waits for
ever. Nothing but the end of the process ends such a call.

Guarantees: it is told only after other calls have gone through all the time, for as long as the hung one has been going on: a share that
is away, or back after an hour, is waited for. Does not end anything by itself.
"""

from collections.abc import Callable

from spoolctl.spool.actor import Actor

HANGS_S = 300.0
"""At least; a longer lease is waited for. A file that is copied gets on with every piece."""
EXIT_SHARE_HANGS = 75
"""The process's exit code (EX_TEMPFAIL of sysexits.h): start it anew."""


class HangWatch:
    """For a thread that asks the share something again and again, and looks after the other threads of its process.

    Args:
        actor: Whose calls; ``files.oldest_call_s`` tells of them.
        told: Called with the seconds; again and again if the process does not end by it.
    """

    def __init__(self, actor: Actor, told: Callable[[float], None]) -> None:
        self._actor = actor
        self._told = told
        self._limit_s = max(HANGS_S, actor.settings.lease_s)
        self._gap_s = 4 * actor.settings.heartbeat_s
        self._answering_since = self._answered_at = actor.clock.mono()

    def answered(self) -> None:
        """The share has just answered this thread."""
        now = self._actor.clock.mono()
        if now - self._answered_at > self._gap_s:
            self._answering_since = now
        self._answered_at = now
        waits_s = self._actor.files.oldest_call_s()
        if min(waits_s, now - self._answering_since) > self._limit_s:
            self._told(waits_s)
