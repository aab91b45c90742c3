"""Rejecting: a file that cannot become a job goes to ``rejected/`` with a reason beside it.

Guarantees: the reason is there before the file is; the file's bytes are kept; a file that somebody else moved
meanwhile leaves no reason behind. Does not guarantee: that only one of two sweepers does it; both come to the same names.
"""

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.digests import sha256_of
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.layout import Location, State
from spoolctl.spool.publish import Outcome, publish_once
from spoolctl.spool.records import REASON_SCHEMA, Reason

_STEM_BYTES_MAX = 150
"""Leaves room for digest, token, suffix and ``.reason.yaml`` in the 255 bytes of a file name."""


def reject(actor: Actor, location: Location, error: BadRecord, *, data: bytes | None) -> str | None:
    """Move the file at *location* to ``rejected/``.

    Args:
        actor: Who does it.
        location: Where the file lies.
        error: What is wrong with it.
        data: Its bytes, as far as they could be read; they only help to name it.

    Returns:
        Where it lies now, ``None`` if it was not there any more.

    Raises:
        OSError: The share did not answer; the file is in one of the two places.
    """
    target = _free_name(actor, location, data)
    reason = Reason(
        schema_=REASON_SCHEMA,
        file=str(location.file),
        was_in=location.place.folder,
        error=str(error),
        hint=error.hint,
        line=error.line,
        field=error.field,
        by=actor.session,
        at=actor.utc_now(),
    )
    reason_path = f"{target}{layout.REASON_SUFFIX}"
    if publish_once(actor, reason_path, codec.encode(reason)) is Outcome.UNKNOWN:
        return None
    try:
        actor.files.rename(location.path, target)
    except FileNotFoundError:
        if not _is_there(actor, target):
            actor.files.unlink(reason_path)
            return None
    actor.log("rejected", file=location.path, to=target, error=str(error))
    return target


def reject_name_seen_before(actor: Actor, location: Location, data: bytes | None) -> None:
    """Reject a file that bears a known job's name and has other contents; errors as for ``reject``."""
    name = location.name
    if location.place.state is State.CLAIMED:
        error = BadRecord(
            f"the record of '{name}' was changed after it was claimed",
            hint="submit the changed file under another name; records are never edited",
        )
        reject(actor, location, error, data=data)
        return
    error = BadRecord(
        f"the name '{name}' was seen before in this spool, with other contents",
        hint=f"give the file another name; the earlier job is untouched (spoolctl show {name})",
    )
    reject(actor, location, error, data=data)


def _is_there(actor: Actor, target: str) -> bool:
    """Whether another sweeper brought the file there, as two looks tell: by one blind listing its reason was removed."""
    if target.rpartition("/")[2] in actor.files.names(layout.REJECTED):
        return True
    try:
        actor.files.stat(target)
    except FileNotFoundError:
        return False
    return True


def _free_name(actor: Actor, location: Location, data: bytes | None) -> str:
    """A name that says what the file was; the same for every sweeper that rejects it, and never another file's."""
    there = set(actor.files.names(layout.REJECTED))
    seen = data if data is not None else location.path.encode("utf-8", "surrogatepass")
    shown = location.file.shown.encode("utf-8", "ignore")[:_STEM_BYTES_MAX].decode(
        "utf-8", "ignore"
    )
    stem = f"{shown}-{sha256_of(seen)[:8]}"
    if f"{stem}{location.file.suffix}" in there:
        stem = f"{stem}-{actor.entropy.token()[:8]}"
    return f"{layout.REJECTED}/{stem}{location.file.suffix}"
