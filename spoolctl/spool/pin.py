"""Pinning: the bytes that were first accepted under a name are the job's, for ever.

Guarantees: whatever runs under a name are these bytes; a later file of other bytes goes to ``rejected/`` and leaves the job as it is; equal
bytes are the same job.
"""

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.layout import Location
from spoolctl.spool.looking import Decisions, decisions
from spoolctl.spool.names import shelf
from spoolctl.spool.publish import Outcome, ensure_folder, publish_once
from spoolctl.spool.records import RECORD_BYTES_MAX
from spoolctl.spool.reject import reject
from spoolctl.spool.settle import sha256_of


def pin(actor: Actor, location: Location, data: bytes) -> Decisions | None:
    """Publish a record's bytes as the job's, for ever, unless they are known already.

    Returns:
        What is decided about the job; ``None`` if the name was seen before with other bytes, and the file is in ``rejected/``.

    Raises:
        OSError: The share did not tell; ask again.
    """
    decided = decisions(actor, location.name)
    path = layout.pinned_record(location.name)
    if decided.pruned is not None:
        known = decided.pruned.record_sha256
        same = known is None or known == sha256_of(data)
    elif decided.pinned:
        same = actor.files.read(path, bytes_max=RECORD_BYTES_MAX) == data
    else:
        ensure_folder(actor, f"{layout.RESULTS}/{shelf(location.name)}")
        ensure_folder(actor, layout.results(location.name))
        outcome = publish_once(actor, path, data)
        if outcome is Outcome.UNKNOWN:
            raise OSError(f"the share does not tell whether '{path}' was published")
        same = outcome is Outcome.WON
    if same:
        return decided
    error = BadRecord(
        f"the name '{location.name}' was seen before in this spool, with other contents",
        hint=f"give the file another name; the earlier job is untouched (spoolctl show {location.name})",
    )
    reject(actor, location, error, data=data)
    return None
