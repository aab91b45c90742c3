"""Ending an attempt: build its verdict once, publish it, and settle the record by whatever verdict stands.

Guarantees: the same bytes are published at every try, so a verdict whose reply was lost is recognised as one's own. After a lost
race the files stay as evidence, with what the verdict would have been in ``superseded.yaml`` beside them, for a person to adopt.
"""

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.claim import Claim
from spoolctl.spool.publish import Outcome, publish_once
from spoolctl.spool.records import Manifest
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
    stands = manifest if outcome is Outcome.WON else None
    settle_later(actor, claim.place(actor), known=stands)
    return outcome
