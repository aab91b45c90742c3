"""Settling: moving a record to where its job's decisions say it belongs.

``settle`` may be called by anyone, at any time, any number of times; it decides nothing. It follows whatever verdict is there, not
what its caller believes to have written, and looks again after each move of its own, because on SMB a rename that was
opened earlier may take the record away again.

Guarantees: a record is moved, never removed, except onto a record of the same bytes (a person's copy is brought back to one). A file
of other bytes under the job's name is a new job that somebody dropped, or in ``claimed/`` its record that somebody edited; it goes to
``rejected/`` and never in the old one's place, and the edited one's job is shown by its pinned bytes again. One
that lies where a record is to go stays there, and the record goes beside it, under one label more.
Does not guarantee: that the record stays; the controller's audit finds what a late thief moved.
"""

import errno
from collections.abc import Callable
from dataclasses import replace

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.digests import sha256_of
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.layout import Location, Place, State
from spoolctl.spool.looking import Decisions, committed, decisions, find, find_twice
from spoolctl.spool.publish import Outcome, ensure_folder, publish_once
from spoolctl.spool.records import RECORD_BYTES_MAX, Manifest
from spoolctl.spool.reject import reject_name_seen_before
from spoolctl.spool.states import belongs, label_for

MOVES_MAX = 8
_DROPPED_INTO = (State.QUEUE, State.WAITING, State.HELD)
"""Where people put files of any name and label, so that a move might replace another job's only record."""
_NO_RECORD = frozenset({errno.EFBIG, errno.EISDIR, errno.ELOOP})
"""What reading says of something that no record can be."""


def settle(actor: Actor, location: Location, *, known: Manifest | None = None) -> Location | None:
    """Bring the record at *location* to where it belongs.

    Args:
        actor: Who does it.
        location: Where the record was seen.
        known: A verdict on the job that stands; it is not read again, and after a commit nothing else of what is decided is.

    Returns:
        Where it came to rest; ``None`` if it was found nowhere, kept moving, or was rejected.

    Raises:
        OSError: The share did not answer; call again later.
        BadRecord: A decision is there but cannot be read.
    """
    mine = False
    for _ in range(MOVES_MAX):
        decided = committed(known) or decisions(actor, location.name, known=known)
        known = decided.highest.verdict if decided.highest else None
        if location.place.state is State.CLAIMED and decided.highest is None:
            # A claimed job has an attempt. By one blind listing an edited record went to a queue, was rejected there, and its
            # job was nowhere. Over SMB the second look may be answered from the first one's cache: the label is asked after by name.
            decided = decisions(actor, location.name)
            if decided.highest is None and _its_attempt_is_there(actor, location):
                actor.log("settle.blind", job=location.name, at=location.path)
                return location
        place = belongs(
            decided,
            location,
            default_class=actor.settings.default_class,
            moved_here_by_me=mine,
        )
        if place is None:
            if not lies_at(actor, location):
                elsewhere = find(actor, location.name)
                if not elsewhere:
                    return None
                location, mine = elsewhere[0], False
                continue
            close(actor, decided, location)
            return location
        if _set_aside_if_foreign(actor, decided, location, place):
            return None
        moved = move(actor, location, place, label=label_for(decided, place))
        mine = moved is not None
        if moved is not None:
            location = moved
            continue
        elsewhere = find(actor, location.name)
        if not elsewhere:
            return None
        location = elsewhere[0]
    actor.log("settle.unsettled", job=location.name, at=location.path)
    return None


def _its_attempt_is_there(actor: Actor, location: Location) -> bool:
    """True if the attempt that the record's label names has its folder, whatever a listing says."""
    number = location.file.label
    if number is None:
        return False
    try:
        return actor.files.stat(layout.attempt(location.name, number)).is_folder
    except (FileNotFoundError, NotADirectoryError):
        return False


def settle_later(actor: Actor, location: Location, *, known: Manifest | None = None) -> None:
    """Settle a record as far as the share answers; what fails is the next sweep's work."""
    try:
        settle(actor, location, known=known)
    except (OSError, BadRecord) as error:
        actor.log("settle.later", job=location.name, error=str(error))


def is_same_job(actor: Actor, decided: Decisions, data: bytes) -> bool:
    """True if *data* are the bytes that were first accepted under the name, or none were yet; errors as for ``settle``."""
    if decided.pruned is not None:
        return decided.pruned.record_sha256 in (None, sha256_of(data))
    path = layout.pinned_record(decided.name)
    return not decided.pinned or actor.files.read(path, bytes_max=RECORD_BYTES_MAX) == data


def _set_aside_if_foreign(
    actor: Actor, decided: Decisions, location: Location, place: Place
) -> bool:
    """Reject the file at *location* if it is no record of its job, which belongs in *place*.

    One in ``claimed/`` was the job's record when it came there: somebody edited it, and the job must not be gone with it.
    """
    claimed = location.place.state is State.CLAIMED
    if claimed and _was_compared(actor, decided, location):
        return False

    def put_back() -> None:
        if claimed and decided.pinned and decided.pruned is None:
            put_back_pinned(actor, decided, location, place)

    return set_aside_unless(
        actor, location, lambda data: is_same_job(actor, decided, data), first=put_back
    )


def _was_compared(actor: Actor, decided: Decisions, location: Location) -> bool:
    """True for what this very session ran: it compared the bytes a moment ago, before it published *succeeded*."""
    last = decided.highest
    if last is None or last.verdict is None or not last.is_commit:
        return False
    return last.verdict.session == actor.session and location.place == layout.claimed(actor.session)


def put_back_pinned(actor: Actor, decided: Decisions, edited: Location, place: Place) -> None:
    """Show a job by its pinned record, unless that lies somewhere. Before the edited one goes, so that it is never nowhere."""
    data = actor.files.read(layout.pinned_record(decided.name), bytes_max=RECORD_BYTES_MAX)
    others = (one for one in find_twice(actor, decided.name) if one != edited)
    if any(holds(actor, one, data) for one in others):
        return
    if place.part:
        ensure_folder(actor, place.folder)
    target = Location(place, edited.file.labelled(label_for(decided, place)))
    for free in (target, _beside(target)):
        outcome = publish_once(actor, free.path, data)
        if outcome is Outcome.WON:
            actor.log("put_back", job=decided.name, at=free.path)
            close(actor, decided, free)
            return
    raise OSError(f"the record of '{decided.name}' could not be put back into {place.folder}/")


def set_aside_unless(
    actor: Actor,
    location: Location,
    is_own: Callable[[bytes], bool],
    *,
    first: Callable[[], None] = lambda: None,
) -> bool:
    """Reject the file at *location* unless its bytes are the job's own; true if it is no record of the job. Errors as for ``settle``.

    *first* is done before the file is moved.
    """
    data = None
    try:
        data = actor.files.read(location.path, bytes_max=RECORD_BYTES_MAX)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
    if data is not None and is_own(data):
        return False
    first()
    reject_name_seen_before(actor, location, data)
    return True


def holds(actor: Actor, location: Location, data: bytes) -> bool:
    """True if a file of exactly these bytes lies there; errors as for ``settle``."""
    try:
        return actor.files.read(location.path, bytes_max=RECORD_BYTES_MAX) == data
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in _NO_RECORD:
            return False
        raise


def close(actor: Actor, decided: Decisions, location: Location) -> None:
    """Note in the attempt that its record was *seen* in ``failed/`` or ``cancelled/``: from now on a record in a queue is a retry."""
    last = decided.highest
    at_rest = location.place.state in (State.FAILED, State.CANCELLED)
    if last is not None and last.is_final and at_rest and not last.closed:
        path = layout.closed(decided.name, last.number)
        publish_once(actor, path, f"seen in {location.place.folder}\n".encode())


def move(
    actor: Actor, location: Location, place: Place, *, label: int | None, is_new: bool = False
) -> Location | None:
    """Rename a record into another folder.

    Args:
        actor: Who moves it.
        location: Where it lies.
        place: Where it is to lie.
        label: The label that it is to bear.
        is_new: Nobody has ever had it under the name that it gets there.

    Returns:
        Where it lies now; ``None`` if it was not there to be moved, or another record of other bytes is in the way.

    Raises:
        OSError: Unknown whether it moved; look again.
    """
    target = Location(place, location.file.labelled(label))
    if target == location:
        return location
    if place.state is not State.CLAIMED and _blocked(actor, location, target):
        beside = _beside(target)
        if place.state in _DROPPED_INTO or _blocked(actor, location, beside):
            actor.log("move.blocked", source=location.path, target=target.path)
            return None
        target = beside
    for last_try in (False, True):
        try:
            actor.files.rename(location.path, target.path, apart=is_new)
        except FileNotFoundError:
            if last_try:
                # Gone, or done with the reply lost: "not found" is then said of our own rename.
                return target if lies_at(actor, target) else None
            if place.part:
                ensure_folder(actor, place.folder)
        except OSError:
            if lies_at(actor, target) and not lies_at(actor, location):
                break
            raise
        else:
            break
    actor.log("move", job=location.name, source=location.path, target=target.path)
    return target


def lies_at(actor: Actor, location: Location) -> bool:
    """True if a file lies there now. Raises OSError if the share does not tell."""
    try:
        actor.files.stat(location.path)
    except FileNotFoundError:
        return False
    return True


def _beside(target: Location) -> Location:
    """The same job's file under one label more: where a record at rest lies if a stranger's file has its name."""
    file = target.file
    return replace(target, file=replace(file, shown=f"{file.shown}~{file.label or 1}"))


def _blocked(actor: Actor, source: Location, target: Location) -> bool:
    """True if *target* is taken by other bytes: neither a job that was never pinned nor a person's file may be replaced by a move."""
    if not lies_at(actor, target):
        return False  # nearly always; to ask by opening it takes one round trip more
    try:
        there = actor.files.read(target.path, bytes_max=RECORD_BYTES_MAX)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in _NO_RECORD:
            return True
        raise
    try:
        return actor.files.read(source.path, bytes_max=RECORD_BYTES_MAX) != there
    except FileNotFoundError:
        return False
