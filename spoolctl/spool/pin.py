"""Pinning: the bytes that were first accepted under a name are the job's, for ever.

Guarantees: whatever runs under a name are these bytes; a later file of other bytes goes to ``rejected/`` and leaves the job as it is; equal
bytes are the same job.
"""

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.layout import Location
from spoolctl.spool.looking import Decisions, decisions
from spoolctl.spool.publish import Outcome, ensure_folder, publish_once
from spoolctl.spool.reject import reject_name_seen_before
from spoolctl.spool.settle import is_same_job, move


def pin(actor: Actor, location: Location, data: bytes) -> Decisions | None:
    """Publish a record's bytes as the job's, for ever, unless they are known already.

    Returns:
        What is decided about the job; ``None`` if the name was seen before with other bytes, and the file is in ``rejected/``.

    Raises:
        OSError: The share did not tell; ask again.
    """
    # Making the folder tells of most jobs that nothing is decided yet, in one round trip. A look would take seven to
    # believe that a folder is not there.
    made = _make_results(actor, location.name)
    decided = Decisions(location.name) if made else decisions(actor, location.name)
    path = layout.pinned_record(location.name)
    if decided.pruned is not None or decided.pinned:
        same = is_same_job(actor, decided, data)
    else:
        outcome = publish_once(actor, path, data)
        if outcome is Outcome.UNKNOWN:
            raise OSError(f"the share does not tell whether '{path}' was published")
        same = outcome is Outcome.WON
    if same:
        return decided
    reject_name_seen_before(actor, location, data)
    return None


def _make_results(actor: Actor, name: str) -> bool:
    """Make a job's results folder; True if it was made just now and so holds nothing."""
    try:
        return _made(actor, layout.results(name))
    except FileNotFoundError:  # the first job on its shelf
        ensure_folder(actor, layout.shelf_folder(name))
        return _made(actor, layout.results(name))


def _made(actor: Actor, folder: str) -> bool:
    try:
        actor.files.mkdir(folder)
    except FileExistsError:
        return False
    return True


def may_begin(actor: Actor, decided: Decisions, location: Location) -> Location | None:
    """The chain rule for whoever saw the record at *location*: where it lies if the next attempt may be made, else ``None``.

    After a final verdict ``closed`` alone does not say so, because whoever read the record before somebody else ran it to that
    verdict would run it again unasked: the record must lie there *now*, after ``closed`` was seen. A look does not tell: an SMB
    client goes on seeing for seconds what is gone. A rename does, for the server answers it by name; so the record gets another label
    where it lies, which is read for nothing. Errors as for ``pin``.
    """
    last = decided.highest
    if not decided.may_run:
        return None
    if last is None or not last.is_final:
        return location
    other = decided.next_number if location.file.label is None else None
    return move(actor, location, location.place, label=other)
