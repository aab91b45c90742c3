"""Ownership: at every beat the owner of an attempt asks whether it still is, and whether somebody wants it to stop.

Guarantees: a verdict that somebody else published, and a request to cancel, are seen by listing the attempt's folder first; a record
that was dragged elsewhere is fetched back, and no other file of the job's name is taken for it; a record is called removed only when
two looks, each proven to see, found it nowhere, so far apart that no client's cache can have answered both.
Does not guarantee: that nobody publishes a verdict a moment later. Publishing once makes that harmless.
"""

import errno
from enum import Enum

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.claim import Claim, take_back
from spoolctl.spool.layout import Location, State
from spoolctl.spool.life import SENTINEL, Life
from spoolctl.spool.looking import attempt, find
from spoolctl.spool.names import parse_file_name
from spoolctl.spool.records import RECORD_BYTES_MAX
from spoolctl.spool.settle import holds, lies_at

NOWHERE_FOR_S = 10.0
"""A listing may be as old as this: Windows keeps one for 10 s, Linux over SMB for 1 to 4 s (measured). A record that was dragged from
one folder to another is in neither meanwhile."""


class Standing(Enum):
    """What the owner of an attempt found."""

    MINE = "mine"
    SUPERSEDED = "superseded"
    """The attempt has a verdict already: stop, touch nothing."""
    CANCEL_ASKED = "cancel_asked"
    RECORD_REMOVED = "record_removed"
    """A person moved the record to ``cancelled/`` or deleted it."""
    RECORD_CHANGED = "record_changed"
    """The claimed file's bytes are not the pinned ones."""


class Ownership:
    """The owner's view of one attempt, looked at again at every beat."""

    def __init__(self, actor: Actor, claim: Claim, life: Life) -> None:
        self._actor = actor
        self._claim = claim
        self._life = life
        self._missed_since: float | None = None

    def look(self) -> Standing:
        """Look once.

        Raises:
            OSError: The share did not answer, or not believably; nothing is known.
        """
        claim = self._claim
        seen = attempt(self._actor, claim.name, claim.number)
        if seen.verdict is not None:
            return Standing.SUPERSEDED
        if seen.cancel_asked:
            return Standing.CANCEL_ASKED
        return self._look_for_record()

    def _look_for_record(self) -> Standing:
        claim, actor = self._claim, self._actor
        try:
            entries = actor.files.names(layout.claimed(actor.session).folder)
        except FileNotFoundError:
            entries = ()
        if any(_is_of(entry, claim.name) for entry in entries):
            self._missed_since = None
            return Standing.MINE
        found = [one for one in find(actor, claim.name) if holds(actor, one, claim.data)]
        if take_back(actor, claim, found):
            self._missed_since = None
            return Standing.MINE
        if any(location.place.state is State.CANCELLED for location in found):
            return Standing.RECORD_REMOVED
        if found:  # in finished/, failed/ or done/: a late rename's doing; settling brings it back in the end
            return Standing.MINE
        return self._nowhere(sees=SENTINEL in entries and self._life.proves_sight())

    def _nowhere(self, *, sees: bool) -> Standing:
        if not sees:
            self._actor.log("ownership.blind", job=self._claim.name)
            return Standing.MINE
        now = self._actor.clock.mono()
        if self._missed_since is None:
            self._missed_since = now
        elif now - self._missed_since >= NOWHERE_FOR_S and not self._lies_unlisted():
            return Standing.RECORD_REMOVED
        return Standing.MINE

    def _lies_unlisted(self) -> bool:
        """True if the record lies, under the name that it bore here, in a folder whose listing lacked it."""
        file = self._claim.place(self._actor).file
        for place in (*layout.QUEUES, layout.WAITING, layout.HELD):
            if lies_at(self._actor, Location(place, file)):
                self._actor.log("ownership.blind", job=self._claim.name, at=place.folder)
                return True
        return False


def compare_record(actor: Actor, claim: Claim) -> Standing:
    """Compare the claimed file's bytes with the pinned ones; a file that is not there says nothing. Errors as for ``Ownership.look``."""
    try:
        data = actor.files.read(claim.place(actor).path, bytes_max=RECORD_BYTES_MAX)
    except FileNotFoundError:
        return Standing.MINE
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        return Standing.RECORD_CHANGED
    return Standing.MINE if data == claim.data else Standing.RECORD_CHANGED


def _is_of(entry: str, name: str) -> bool:
    file = parse_file_name(entry)
    return file is not None and file.name == name
