"""Taking an attempt only to end it: how a person cancels or adopts, and how a sweeper fails a job that can never run.

Guarantees: the chain rule holds for these attempts as it does for a worker's; who makes the folder publishes the verdict.
Does not guarantee that the caller's verdict stands, if the share was silent for longer than a lease; the manifest read back tells.
"""

from collections.abc import Callable

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.digests import sha256_of
from spoolctl.spool.errors import BadRecord, ShareUnusable
from spoolctl.spool.life import Facts, Life
from spoolctl.spool.looking import Decisions, attempt, read_record
from spoolctl.spool.publish import Outcome, make_once
from spoolctl.spool.records import RECORD_BYTES_MAX, Job, Manifest, Pruned
from spoolctl.spool.records.live import Role
from spoolctl.spool.submit import parse_job
from spoolctl.spool.verdicts import Ending, Subject, build, publish

_TRIES_MAX = 5


def pinned_job(actor: Actor, name: str) -> tuple[Job | None, str | None]:
    """The pinned record of a job and its SHA-256; ``None`` for what is not there or cannot be read.

    Raises:
        OSError: The share did not tell.
    """
    try:
        data = actor.files.read(layout.pinned_record(name), bytes_max=RECORD_BYTES_MAX)
    except FileNotFoundError:
        return None, None
    digest = sha256_of(data)
    try:
        return parse_job(data), digest
    except BadRecord:
        return None, digest


def take(actor: Actor, name: str, number: int) -> bool:
    """Make an attempt's folder; True if it is ours now, and the chain rule still holds.

    Whoever froze between reading the decisions and making the folder may find that the job has been pruned meanwhile, attempts and all.
    The tombstone then forbids what the empty results folder would allow.

    Raises:
        OSError: The server said no; nothing was made.
    """
    folder = layout.attempt(name, number)
    if make_once(actor, folder) is not Outcome.WON:
        return False
    for _ in range(_TRIES_MAX):
        try:
            if not _is_fenced(actor, name, number):
                return True
            actor.files.rmdir(folder)
        except FileNotFoundError:
            return False  # removed with the reply lost
        except (OSError, BadRecord) as error:
            actor.log("attempt.unsure", job=name, attempt=number, error=str(error))
        else:
            actor.log("attempt.given_up", job=name, attempt=number)
            return False
    return False  # a lease is lost; better than a run after the commit


def _is_fenced(actor: Actor, name: str, number: int) -> bool:
    """True if a tombstone is in force that this very attempt, just made, must not set aside."""
    entries = actor.files.names(layout.results(name))
    if layout.PRUNED not in entries:
        return False
    others = [n for e in entries if (n := layout.attempt_number(e)) is not None and n != number]
    return max(others, default=0) <= read_record(actor, Pruned, layout.tombstone(name)).attempt


def take_and_end(
    actor: Actor,
    decided: Decisions,
    ending: Ending,
    *,
    role: Role,
    show: Callable[[int], None] = lambda _number: None,
) -> Manifest | None:
    """Take the next attempt and give it the verdict *ending*.

    Args:
        actor: Who does it.
        decided: What was read of the job's decisions; the caller has checked that the next attempt may be made.
        ending: The verdict.
        role: In which role, for the heartbeat.
        show: Called with the attempt's number between taking and ending, to move the record where people look for it.

    Returns:
        The verdict that stands, which may be another's; ``None`` if another took the attempt.

    Raises:
        OSError: The share did not answer. If the attempt was taken it is reaped after a lease.
        ShareUnusable: The share did not say whether the verdict was published.
    """
    name, number = decided.name, decided.next_number
    if not take(actor, name, number):
        return None
    Life(actor, role, Facts(state="running", name=name, attempt=number)).beat_attempt(name, number)
    show(number)
    job, sha256 = pinned_job(actor, name)
    subject = Subject(
        name=name,
        number=number,
        job=job,
        record_sha256=sha256,
        previous=decided.highest.verdict if decided.highest else None,
        worker=None,
        session=actor.session,
        job_class=None,
    )
    manifest = build(actor, subject, ending)
    for _ in range(_TRIES_MAX):
        if publish(actor, manifest) is not Outcome.UNKNOWN:
            return attempt(actor, name, number).verdict
    raise ShareUnusable(
        f"the share does not say whether attempt {number} of '{name}' has its verdict",
        hint="'spoolctl show' will tell once the share answers; asking again does no harm",
    )
