"""Letters on their way: which are due at which address, what became of them, and when one is given up.

Guarantees: a letter is noted (``Notified.letters``) for as long as it has not reached everybody, for a day at most, in which quiet hours do
not count, and for a week with them; it goes to one address again only if it failed there, or if this process died before it could note
that it went. Intervals double, from ``AGAIN_S`` to ``AGAIN_MAX_S``.
"""

from collections.abc import Callable
from typing import Final

from spoolctl.notify.sending import Delivered, Post
from spoolctl.spool import Actor, Letter, Notified

AGAIN_S: Final = 30.0
AGAIN_MAX_S: Final = 3_600.0
GIVEN_UP_S: Final = 86_400.0
GIVEN_UP_ANYWAY_S: Final = 7 * 86_400.0
LETTERS_MAX: Final = 50
"""Of more than these the oldest are given up."""
_PICTURE_BYTES_MAX: Final = 64 << 20
_IN_HANDS: Final = float("inf")

_Key = tuple[str, str]


class Outbox:
    """One controller's. *actor* acts, *post* brings letters; *quiet_s* tells how many of the last so many seconds were quiet."""

    def __init__(self, actor: Actor, post: Post, quiet_s: Callable[[float], float]) -> None:
        self._actor, self._post, self._quiet_s = actor, post, quiet_s
        self._tries: dict[_Key, tuple[int, float]] = {}
        """How often a letter failed at an address, and from when on it is due there again."""
        self._reached: set[_Key] = set()
        """Where letters went, as long as that may not have been noted."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The names of all addresses."""
        return self._post.names

    @property
    def is_busy(self) -> bool:
        """True while the post has something in its hands."""
        return any(due == _IN_HANDS for _, due in self._tries.values())

    def settle(self, state: Notified, wait_s: float = 0.0) -> Notified:
        """What is noted after what became of letters meanwhile; waits so long for the first answer."""
        for answer in self._post.delivered(wait_s):
            self._hear(answer)
        if not state.letters:
            return state
        now_s = self._actor.share_now_s()
        kept = [one for one in map(self._left_of, state.letters) if one is not None]
        young = [one for one in kept if self._is_young(abs(now_s - one.since_s))][-LETTERS_MAX:]
        for one in kept:
            if one not in young:
                self._give_up(one)
        return state.model_copy(update={"letters": tuple(young)})

    def noted(self) -> None:
        """What ``settle`` gave is on the share."""
        self._reached.clear()

    def hand_over(self, state: Notified) -> None:
        """Give the post what is due; never waits for it."""
        mono = self._actor.clock.mono()
        for letter in state.letters:
            due = [one for one in letter.addresses if self._tried(letter, one)[1] <= mono]
            if due:
                pictures = self._pictures(letter)
                for one in due:
                    self._tries[letter.id, one] = (self._tried(letter, one)[0], _IN_HANDS)
                    self._post.hand(letter, one, pictures)

    def _is_young(self, age_s: float) -> bool:
        if age_s < GIVEN_UP_S:
            return True
        return age_s < GIVEN_UP_ANYWAY_S and age_s - self._quiet_s(age_s) < GIVEN_UP_S

    def _tried(self, letter: Letter, address: str) -> tuple[int, float]:
        return self._tries.get((letter.id, address), (0, 0.0))

    def _hear(self, one: Delivered) -> None:
        key = (one.letter, one.address)
        tries, _ = self._tries.pop(key, (0, 0.0))
        if one.problem is None:
            self._reached.add(key)
            self._actor.log("notify.sent", letter=one.letter, address=one.address)
            return
        wait_s = min(AGAIN_MAX_S, AGAIN_S * 2.0 ** min(tries, 30))
        self._tries[key] = (tries + 1, self._actor.clock.mono() + wait_s)
        self._actor.log(
            "notify.failed",
            letter=one.letter,
            address=one.address,
            tries=tries + 1,
            error=one.problem,
        )

    def _left_of(self, letter: Letter) -> Letter | None:
        """The letter for those whom it has not reached; an address that is in the configuration no more is none of them."""
        known = self._post.names
        left = [one for one in letter.addresses if one in known]
        left = [one for one in left if (letter.id, one) not in self._reached]
        return letter.model_copy(update={"addresses": tuple(left)}) if left else None

    def _give_up(self, letter: Letter) -> None:
        for one in letter.addresses:
            self._tries.pop((letter.id, one), None)
        self._actor.log("notify.given_up", letter=letter.id, addresses=list(letter.addresses))

    def _pictures(self, letter: Letter) -> tuple[bytes, ...]:
        found = []
        for path in letter.pictures:
            try:
                found.append(self._actor.files.read(path, bytes_max=_PICTURE_BYTES_MAX))
            except OSError as error:  # retention, a person's hand, the share: it is told without
                self._actor.log("notify.no_picture", path=path, error=str(error))
        return tuple(found)
