"""Pruning: retention removes outputs, and later whole jobs, without ever opening the way for a second run.

Outputs may go at any time after the merge. A whole job is fenced *first*: ``pruned.yaml`` is published in its results folder and
stays there for ever (some 200 bytes). A record that comes back late, by a hand or a rename that hung for days, meets that
tombstone: the same bytes are put to rest again, other bytes are rejected. Only then the attempts go, then the pinned record,
and last the record that people see.

Guarantees: interrupted anywhere and called again, it goes on where it stopped; nothing that lies in the corpus is touched, and no file
of other bytes than the job's is removed.
"""

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.attempts import pinned_job
from spoolctl.spool.errors import ShareUnusable
from spoolctl.spool.layout import TERMINAL, Location, State
from spoolctl.spool.looking import Decisions, attempt_numbers, decisions
from spoolctl.spool.merge import is_merged
from spoolctl.spool.publish import Outcome, publish_once
from spoolctl.spool.records import PRUNED_SCHEMA, Manifest, Pruned
from spoolctl.spool.settle import is_same_job, lies_at, set_aside_unless

_KEPT = frozenset({layout.MANIFEST, layout.HEARTBEAT, layout.CANCEL, layout.CLOSED})


def prune_outputs(actor: Actor, location: Location) -> int:
    """Remove what the attempts of a job at rest left, but not what was decided.

    Returns:
        How many files were removed.

    Raises:
        OSError: The share did not answer; call again.
    """
    if not _may_go(actor, decisions(actor, location.name), location):
        return 0
    removed = 0
    for number in attempt_numbers(actor, location.name):
        folder = layout.attempt(location.name, number)
        for entry in actor.files.names(folder):
            if entry not in _KEPT:
                actor.files.unlink(f"{folder}/{entry}")
                removed += 1
    if removed:
        actor.log("pruned.outputs", job=location.name, files=removed)
    return removed


def prune_job(actor: Actor, location: Location) -> bool:
    """Remove a job at rest, all but its tombstone.

    Returns:
        True once it is gone; False if the job is not at rest.

    Raises:
        OSError: The share did not answer; call again.
        ShareUnusable: The share does not say whether the tombstone was published.
    """
    decided = decisions(actor, location.name)
    if location.place.state not in TERMINAL:
        return False
    if set_aside_unless(actor, location, lambda data: is_same_job(actor, decided, data)):
        return False  # a person's file under the job's name; its own record is found by itself
    if decided.pruned is None:
        last = decided.highest
        if last is None or last.verdict is None or not _may_go(actor, decided, location):
            return False
        _fence(actor, last.verdict, approved=decided.approved)
        if decisions(actor, location.name).pruned is None:
            return False  # somebody began a retry at the same instant: their attempt counts, not the tombstone
    for number in attempt_numbers(actor, location.name):
        folder = layout.attempt(location.name, number)
        for entry in actor.files.names(folder):
            actor.files.unlink(f"{folder}/{entry}")
        actor.files.rmdir(folder)
    folder = layout.results(location.name)
    # With the pinned record goes what a publisher that died left beside it.
    left = [f"{folder}/{entry}" for entry in actor.files.names(folder) if entry != layout.PRUNED]
    for path in (*left, location.path):
        try:
            actor.files.unlink(path)
        except FileNotFoundError:
            pass  # an earlier, interrupted pass had come this far
    actor.log("pruned.job", job=location.name)
    return True


def _may_go(actor: Actor, decided: Decisions, location: Location) -> bool:
    """True if the job is at rest where its record was seen, which is looked at after the decisions.

    A record that was dragged away meanwhile asks for another attempt, or has had one already.
    """
    last = decided.highest
    if last is None or location.place.state not in TERMINAL:
        return False
    at_rest = last.is_commit or (last.is_final and last.closed)
    right_place = last.is_commit == (location.place.state is State.DONE)
    if last.is_commit and not is_merged(actor, location.name):
        return False
    return at_rest and right_place and lies_at(actor, location)


def _fence(actor: Actor, verdict: Manifest, *, approved: bool) -> None:
    _, sha256 = pinned_job(actor, verdict.name)
    tombstone = Pruned(
        schema_=PRUNED_SCHEMA,
        name=verdict.name,
        verdict=verdict.verdict,
        attempt=verdict.attempt,
        day=verdict.day,
        record_sha256=sha256 or verdict.record_sha256,
        approved=approved,
    )
    path = layout.tombstone(verdict.name)
    if publish_once(actor, path, codec.encode(tombstone)) is Outcome.UNKNOWN:
        raise ShareUnusable(f"the share does not say whether '{path}' was published")
