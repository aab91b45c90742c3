"""Why a job waits, for people: a moment, a job that it needs, a token. Reads only.

Guarantees: writes nothing, not even to read the share's clock; so an approval that may still grow is told as one that is there.
"""

from dataclasses import dataclass
from datetime import datetime

from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.glance import bytes_of, decided_if_readable, is_known, job_of
from spoolctl.spool.layout import Location
from spoolctl.spool.looking import decisions, find
from spoolctl.spool.records import Verdict, When
from spoolctl.spool.submit import parse_job


@dataclass(frozen=True)
class Waiting:
    """A job in ``waiting/`` and what it waits for, as far as its records tell."""

    location: Location
    until: datetime | None = None
    need: str | None = None
    """The first job that it needs and that has not come so far."""
    when: When = "succeeded"
    """What has to become of that job."""
    is_there: bool = True
    """False if no such job was found: neither a record nor anything decided."""
    problem: str | None = None


def why_waiting(actor: Actor, location: Location) -> Waiting:
    """What a job in ``waiting/`` waits for; a moment gone by means that the next sweep takes it up."""
    try:
        job = parse_job(bytes_of(actor, location.path))
        decided = decisions(actor, location.name)
    except (BadRecord, FileNotFoundError) as error:
        return Waiting(location, problem=str(error))
    last = decided.highest.verdict if decided.highest else None
    moments = [at for at in (job.not_before, last.retry_at if last else None) if at is not None]
    until = max(moments, default=None)
    for need, when in job.waits_for.items():
        if not has_come(actor, need, when):
            there = is_known(actor, need) or bool(find(actor, need))
            return Waiting(location, until, need, when, there)
    return Waiting(location, until)


def needed(waiting: Waiting) -> str:
    """The job that one waits for, and what has to become of it."""
    if not waiting.is_there:
        return f"'{waiting.need}', which is not there"
    become = {"succeeded": "to succeed", "any": "to end", "approved": "to be approved"}
    return f"'{waiting.need}' {become[waiting.when]}"


def unended_needs(actor: Actor, name: str) -> tuple[str, ...]:
    """The jobs for which a job that has not ended waits; empty for one that has ended, or cannot be read.

    Raises:
        OSError: The share did not tell.
    """
    decided = decided_if_readable(actor, name)
    last = decided.highest if decided else None
    if decided is None or decided.pruned is not None or (last is not None and last.is_commit):
        return ()
    job, _ = job_of(actor, name, tuple(find(actor, name)))
    return job.needs if job else ()


def has_come(actor: Actor, name: str, when: When) -> bool:
    """True if that job has come as far as another needs it; as far as can be told without reading the share's clock."""
    decided = decided_if_readable(actor, name)
    if decided is None:
        return False
    if decided.pruned is not None:
        came, approved = decided.pruned.verdict is Verdict.SUCCEEDED, decided.pruned.approved
    else:
        came = decided.highest is not None and decided.highest.is_commit
        approved = decided.approved
    if when == "any":
        last = decided.highest
        return came or decided.pruned is not None or (last is not None and last.is_final)
    return came and (approved or when == "succeeded")
