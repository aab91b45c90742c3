"""Two runs that talk through the share: each says things on its own desk, and reads the other's.

What is said is a file under a name that is used once, so that a listing of a small folder tells all; nothing is ever written over. A
beat (a file whose name counts up) shows that a run lives: whether another's counter grew is judged on one's own monotonic clock.

Guarantees: no two clocks are compared, and every wait ends: by an answer, or by ``PeerGone``.
"""

import errno
import json
from collections.abc import Callable
from typing import Any

from spoolctl.spool.doctor.ward import Ward

BEAT_S = 1.0
POLL_S = 0.05
UNANSWERED_S = 300.0
"""For how long to wait for one word of somebody who lives: no step of a meeting takes half of it."""
SILENT_S = 120.0
"""For how long the other may show no life: an NFS 4 server that restarts holds everybody up for 90 s."""
_BYTES_MAX = 1 << 20
_SAY, _BEAT = "say-", "beat-"
_HELLO = f"{_SAY}hello-"


class PeerGone(Exception):
    """The other run ended, or has shown no life for too long."""


class Talk:
    """One run's side of a conversation.

    Args:
        ward: The share.
        desk: This run's own.
        peer: The other's; ``None`` until it is found.
    """

    def __init__(self, ward: Ward, desk: str, peer: str | None = None) -> None:
        self.ward = ward
        self.desk = desk
        self.peer = peer
        self._beats = 0
        self._beat_at = float("-inf")
        self._shown: frozenset[str] = frozenset()
        self._shown_at = 0.0

    def say(self, topic: str, **facts: Any) -> None:  # noqa: ANN401 - JSON
        """Say something, once and for ever."""
        files = self.ward.files
        unfinished = f"{self.desk}/{topic}.tmp"
        files.write_new(unfinished, json.dumps(facts).encode())
        files.rename(unfinished, f"{self.desk}/{_SAY}{topic}")

    def beat(self) -> None:
        """Show life, if it is time to."""
        now = self.ward.mono()
        if now - self._beat_at < BEAT_S:
            return
        self._beat_at = now
        self._beats += 1
        self.ward.files.write_new(f"{self.desk}/{_BEAT}{self._beats}", b"")
        if self._beats > 1:
            self.ward.files.unlink(f"{self.desk}/{_BEAT}{self._beats - 1}")

    def heard(self, topic: str) -> dict[str, Any] | None:
        """What the other said about a topic; ``None`` if nothing yet.

        Raises:
            PeerGone: Its desk is gone.
        """
        if self.peer is None:
            return None
        files = self.ward.files
        try:
            shown = frozenset(files.names(self.peer))
        except OSError as error:
            if error.errno not in (
                errno.ENOENT,
                errno.ESTALE,
            ):  # NFS: a folder removed under an open handle
                raise
            raise PeerGone("it ended before we were done") from None
        if shown != self._shown:
            self._shown, self._shown_at = shown, self.ward.mono()
        if _SAY + topic not in shown:
            return None
        said: dict[str, Any] = json.loads(
            files.read(f"{self.peer}/{_SAY}{topic}", bytes_max=_BYTES_MAX)
        )
        return said

    def wait_for(self, topic: str, meanwhile: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Wait until the other says something, doing *meanwhile* again and again.

        Raises:
            PeerGone: It ended, was silent for ``SILENT_S``, or did not say it for ``UNANSWERED_S``.
        """
        start = self._shown_at = self.ward.mono()
        while (said := self.heard(topic)) is None:
            if self.ward.mono() - start > UNANSWERED_S:
                raise PeerGone(f"it lives, but never said '{topic}'; do both run the same version?")
            self.pause()
            meanwhile()
        return said

    def pause(self) -> None:
        """Wait for a moment, showing life.

        Raises:
            PeerGone: The other was silent for ``SILENT_S``.
        """
        if self.ward.mono() - self._shown_at > SILENT_S:
            raise PeerGone(f"it has shown no life for {SILENT_S:g} s")
        self.beat()
        self.ward.sleep(POLL_S)


def find_peer(talk: Talk, wait_s: float) -> str | None:
    """Find another run that looks for one, and agree with it; returns its desk's name, ``None`` if nobody came in time.

    A desk counts only once its beat was seen to grow: that of a dead run never does, and one that still looks alone has none.
    """
    ward = talk.ward
    start = told_at = ward.mono()
    own = talk.desk.rpartition("/")[2]
    first_sight: dict[str, frozenset[str]] = {}
    asked: set[str] = set()
    ward.tell(
        f"waiting for the other machine; run the same command there now ({wait_s:.0f} s left)"
    )
    while ward.mono() - start < wait_s:
        talk.beat()
        desks = set(ward.files.names(ward.base))
        for name in sorted(desks - {own}):
            shown = _shown(ward, name)
            if not _beats(shown) or _beats(shown) == first_sight.setdefault(name, _beats(shown)):
                continue
            hellos = {one.removeprefix(_HELLO) for one in shown if one.startswith(_HELLO)}
            if (hellos - {own}) & desks:
                continue  # it speaks with somebody else who is there
            if name not in asked:
                asked.add(name)
                talk.say(f"hello-{name}")
            if own in hellos:
                talk.peer = f"{ward.base}/{name}"
                return name
            break
        if ward.mono() - told_at >= 15:  # noqa: PLR2004 - seconds
            told_at = ward.mono()
            ward.tell(f"waiting for the other machine ({wait_s - (told_at - start):.0f} s left)")
        ward.sleep(POLL_S)
    return None


def _shown(ward: Ward, name: str) -> frozenset[str]:
    try:
        return frozenset(ward.files.names(f"{ward.base}/{name}"))
    except (FileNotFoundError, NotADirectoryError):  # gone meanwhile, or somebody's file
        return frozenset()


def _beats(shown: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in shown if name.startswith(_BEAT))
