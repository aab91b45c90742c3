"""Two runs that talk through the share: each says things on its own desk, and reads the other's.

What is said is a file under a name that is used once, so that a listing of a small folder tells all; nothing is ever written over. A
beat (a file whose name counts up) shows that a run lives: whether another's counter grew is judged on one's own monotonic clock.

Guarantees: no two clocks are compared, and every wait ends: by an answer, or by ``PeerGone``. What lies on a desk may be anybody's: a
word that is too long, no JSON, or not of the shape that is waited for counts as not said.
"""

import errno
import json
from collections.abc import Callable
from typing import Any, TypeVar

from spoolctl.spool.doctor.ward import Ward

BEAT_S = 1.0
POLL_S = 0.05
UNANSWERED_S = 300.0
"""For how long to wait for one word of somebody who lives: no step of a meeting takes half of it."""
SILENT_S = 120.0
"""For how long the other may show no life: an NFS 4 server that restarts holds everybody up for 90 s."""
_BYTES_MAX = 1 << 20
_SAY, _BEAT = "say-", "beat-"
_HELLO, _YES = f"{_SAY}hello-", f"{_SAY}yes-"
_NO_WORD = frozenset({errno.ENOENT, errno.EFBIG, errno.EISDIR, errno.ELOOP})
"""What reading says of something that no run of the doctor wrote, or that went meanwhile."""
_GONE = frozenset({errno.ENOENT, errno.ESTALE})
"""What listing says of a desk that was removed; ESTALE: on NFS, under an open handle."""

Said = dict[str, Any]
T = TypeVar("T")


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

    def heard(self, topic: str, read: Callable[[Said], T]) -> list[T]:
        """What the other said about a topic, as *read* takes it; empty if nothing yet, or nothing that makes sense.

        Raises:
            PeerGone: Its desk is gone.
        """
        if self.peer is None:
            return []
        files = self.ward.files
        try:
            shown = frozenset(files.names(self.peer))
        except OSError as error:
            if error.errno not in _GONE:
                raise
            raise PeerGone("it ended before we were done") from None
        if shown != self._shown:
            self._shown, self._shown_at = shown, self.ward.mono()
        if _SAY + topic not in shown:
            return []
        try:
            said = json.loads(files.read(f"{self.peer}/{_SAY}{topic}", bytes_max=_BYTES_MAX))
            return [read(said)] if isinstance(said, dict) else []
        except OSError as error:
            if error.errno not in _NO_WORD:
                raise
        except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError):
            pass  # a stranger's: as if it were not there
        return []

    def wait_for(self, topic: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        """As ``learn``, for a word that tells nothing but itself."""
        self.learn(topic, lambda _said: True, meanwhile)

    def learn(
        self, topic: str, read: Callable[[Said], T], meanwhile: Callable[[], None] = lambda: None
    ) -> T:
        """Wait until the other says something, doing *meanwhile* again and again.

        Args:
            topic: About what.
            read: Takes the facts out of what was said; raises ``LookupError``, ``TypeError``, ``ValueError`` or
                ``ArithmeticError`` if they are not what they should be.
            meanwhile: Called while waiting.

        Raises:
            PeerGone: It ended, was silent for ``SILENT_S``, or did not say it for ``UNANSWERED_S``.
        """
        start = self._shown_at = self.ward.mono()
        while not (learnt := self.heard(topic, read)):
            if self.ward.mono() - start > UNANSWERED_S:
                raise PeerGone(f"it lives, but never said '{topic}'; do both run the same version?")
            self.pause()
            meanwhile()
        return learnt[0]

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

    Of two runs the one whose desk's name sorts first asks (*hello*), the other answers (*yes*). Who has asked waits for the answer, and
    asks somebody else, or answers, only once that one is taken or gone: so of any number of runs at once no two speak with a third,
    and they do not wait for each other in a ring.
    """
    ward, own = talk.ward, talk.desk.rpartition("/")[2]
    start = told_at = ward.mono()
    around = _Around(ward, own)
    asked: list[str] = []
    ward.tell(
        f"waiting for the other machine; run the same command there now ({wait_s:.0f} s left)"
    )
    while ward.mono() - start < wait_s:
        talk.beat()
        around.look()
        name = around.answered(asked) or _ask_or_answer(talk, around, asked)
        if name is not None:
            talk.peer = f"{ward.base}/{name}"
            return name
        if ward.mono() - told_at >= 15:  # noqa: PLR2004 - seconds
            told_at = ward.mono()
            ward.tell(f"waiting for the other machine ({wait_s - (told_at - start):.0f} s left)")
        ward.sleep(POLL_S)
    return None


def _ask_or_answer(talk: Talk, around: "_Around", asked: list[str]) -> str | None:
    """One step towards a partner; the one that was told yes."""
    if asked and around.is_free(asked[-1]):
        return None
    suitor = around.suitor()
    if suitor is not None:
        talk.say(f"yes-{suitor}")
        return suitor
    other = around.to_ask(asked)
    if other is not None:
        asked.append(other)
        talk.say(f"hello-{other}")
    return None


class _Around:
    """The other desks, as this run sees them.

    A desk counts only while its beat is seen to grow: that of a dead run does not, and one that still looks alone has none.
    """

    def __init__(self, ward: Ward, own: str) -> None:
        self._ward = ward
        self._own = own
        self._beats: dict[str, tuple[frozenset[str], float]] = {}
        """The last beat seen of each, and since when; endlessly long ago for the first that was seen."""
        self._shown: dict[str, frozenset[str]] = {}
        self._taken: set[str] = set()

    def look(self) -> None:
        """Look once."""
        ward = self._ward
        desks = sorted(set(ward.files.names(ward.base)) - {self._own})
        self._shown = {name: _shown(ward, name) for name in desks}
        self._taken = set()
        for name, shown in self._shown.items():
            beats = frozenset(one for one in shown if one.startswith(_BEAT))
            if beats and beats != self._beats.get(name, (beats, 0.0))[0]:
                self._beats[name] = beats, ward.mono()
            elif beats:
                self._beats.setdefault(name, (beats, float("-inf")))
            agreed = _about(shown, _YES)
            self._taken |= agreed | ({name} if agreed else set())

    def answered(self, asked: list[str]) -> str | None:
        """Whoever of those that were asked said yes."""
        said = (name for name in asked if self._own in _about(self._shown.get(name), _YES))
        return next(said, None)

    def suitor(self) -> str | None:
        """One that asked this run, and waits for nobody else."""
        return next(
            (
                name
                for name in self._shown
                if name < self._own
                and self.is_free(name)
                and self._own in (asked := _about(self._shown[name], _HELLO))
                and not any(map(self.is_free, asked - {self._own}))
            ),
            None,
        )

    def to_ask(self, asked: list[str]) -> str | None:
        """The next one to ask."""
        free = (name for name in self._shown if name > self._own and self.is_free(name))
        return next((name for name in free if name not in asked), None)

    def is_free(self, name: str) -> bool:
        """True if that run lives and has not agreed with anybody."""
        if name in self._taken or name not in self._shown:
            return False
        return self._ward.mono() - self._beats.get(name, ((), float("-inf")))[1] <= SILENT_S


def _shown(ward: Ward, name: str) -> frozenset[str]:
    try:
        return frozenset(ward.files.names(f"{ward.base}/{name}"))
    except OSError as error:
        if error.errno in {*_GONE, errno.ENOTDIR, errno.EACCES}:  # gone meanwhile, or somebody's
            return frozenset()
        raise


def _about(shown: frozenset[str] | None, word: str) -> set[str]:
    """The desks to which that word was said."""
    return {one.removeprefix(word) for one in shown or () if one.startswith(word)}
