"""Ending an attempt: build its verdict once, publish it, and settle the record by whatever verdict stands.

Guarantees: the same bytes are published at every try, so a verdict whose reply was lost is recognised as one's own. After a lost
race the files stay as evidence, with what the verdict would have been in ``superseded.yaml`` beside them, for a person to adopt.
"""

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.claim import Claim
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.publish import Outcome, publish_once
from spoolctl.spool.records import Code, Manifest
from spoolctl.spool.reject import reject
from spoolctl.spool.settle import settle_later
from spoolctl.spool.verdicts import Ending, build, publish


def conclude(actor: Actor, claim: Claim, ending: Ending) -> Manifest:
    """Build the verdict on a claim of ours.

    Raises:
        OSError: The share's clock could not be read; try again.
    """
    return build(actor, claim.subject(actor), ending)


def end(actor: Actor, claim: Claim, manifest: Manifest) -> Outcome:
    """Publish *manifest* as the attempt's verdict, then settle the record.

    Returns:
        ``WON`` or ``LOST``. On ``UNKNOWN`` call again with the same manifest before doing anything else.

    Raises:
        OSError: Nothing was published; call again with the same manifest.
    """
    outcome = publish(actor, manifest)
    if outcome is Outcome.UNKNOWN:
        return outcome
    if outcome is Outcome.LOST:
        path = layout.superseded(claim.name, claim.number)
        try:
            publish_once(actor, path, codec.encode(manifest))
        except OSError as error:
            actor.log("superseded.unsaved", job=claim.name, error=str(error))
    elif manifest.code is Code.RECORD_CHANGED:
        _set_changed_file_aside(actor, claim)
    settle_later(actor, claim.place(actor))
    return outcome


def _set_changed_file_aside(actor: Actor, claim: Claim) -> None:
    location = claim.place(actor)
    error = BadRecord(
        f"the record of '{claim.name}' was changed after it was claimed",
        hint="submit the changed file under another name; records are never edited",
    )
    try:
        data = actor.files.read(location.path, bytes_max=1 << 20)
        if data != claim.data:
            reject(actor, location, error, data=data)
    except OSError as failed:
        actor.log("record_changed.left", job=claim.name, error=str(failed))
