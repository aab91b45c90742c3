"""Tokens as one look at the queues finds them: each is asked for once, however many jobs in front require it.

Guarantees nothing: who takes an attempt asks anew (``spool.tokens``).
"""

from enum import Enum

from spoolctl.spool import Actor, BadRecord, Job, slots


class Held(Enum):
    """By whom all slots of a token are held."""

    OURS = "ours"
    """One of them by an attempt of this very session, whose verdict frees it."""
    OTHERS = "others"
    """Or by nobody, if the settings do not know the token; or the share does not tell."""


class TokensSeen:
    """What one worker knows of tokens within one look."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._held: dict[str, Held | None] = {}

    def begin(self) -> None:
        """Begin a look: all are asked anew."""
        self._held.clear()

    def held(self, job: Job) -> Held | None:
        """Who keeps *job* from running now; ``None`` if it can have all tokens that it requires."""
        if not job.requires.tokens:
            return None
        found = set()
        for token in job.requires.tokens:
            if token not in self._held:
                self._held[token] = self._ask(token)
            found.add(self._held[token])
        return next((one for one in (Held.OTHERS, Held.OURS) if one in found), None)

    def lost(self, job: Job) -> None:
        """Others were quicker to take a token that *job* requires: whichever it was, all of them wait for the next look."""
        self._held |= dict.fromkeys(job.requires.tokens, Held.OTHERS)

    def _ask(self, token: str) -> Held | None:
        held = Held.OTHERS
        try:
            for slot in slots(self._actor, token):
                if slot.is_free:
                    return None
                if slot.last is not None and slot.last.by == self._actor.session:
                    held = Held.OURS
        except (OSError, BadRecord) as error:
            self._actor.log("token.trouble", token=token, error=str(error))
            return Held.OTHERS
        return held
